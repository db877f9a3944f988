import { randomBytes } from 'node:crypto'
import { arch, hostname, platform } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import type { Deadline, DeadlineSweeper } from '../../base/deadlines.ts'
import { errorMessage, HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { printable } from '../../base/printable.ts'
import { gatewayError } from '../errors.ts'
import { privilegeKey } from '../frp/auth.ts'
import { FrpChannel } from '../frp/frp-channel.ts'
import type { FrpMessage, LoginResp, OutgoingMessage } from '../frp/messages.ts'
import type { TunnelClientConfig } from './tunnel-config.ts'
import { Heartbeat } from './heartbeat.ts'
import type { LocalTarget } from './local-target.ts'
import { ProxyRegistration } from './proxy-registration.ts'
import type { AttemptEnd } from './reconnect-policy.ts'
import type { ServerLink } from './server-link.ts'
import { workConnectionLimits, WorkConnections } from './work-connections.ts'

export interface TunnelSessionOptions {
  readonly config: TunnelClientConfig
  readonly link: ServerLink
  /** Of the last session; empty at the first. */
  readonly runId: string
  readonly targets: ReadonlyMap<string, LocalTarget>
  readonly clock: Clock
  readonly random: () => number
  readonly sweeper: DeadlineSweeper
  readonly log: Logger
  readonly onLogin: (answer: LoginResp) => void
}

/** Null after `stop`. */
export type SessionEnd = { readonly kind: AttemptEnd; readonly error: HarpError } | null

/** The frp version whose protocol this is; servers of that time looked at it. */
const protocolVersion = '0.61.1'
const loginTimeoutMs = 10_000
const farewellTimeoutMs = 1_000
const maxReasonCharacters = 300

/**
 * One session from login to its end: the control connection, its proxies and work connections. Single use; `ended`
 * resolves once, when everything it owned is released.
 */
export class TunnelSession implements Deadline {
  readonly #options: TunnelSessionOptions
  readonly #deadlines = new Set<Deadline>([this])
  readonly #registrations = new Map<string, ProxyRegistration>()
  readonly #work: WorkConnections
  readonly #end = Promise.withResolvers<SessionEnd>()
  #channel: FrpChannel | null = null
  #heartbeat: Heartbeat | null = null
  #state: 'opening' | 'login' | 'serving' | 'stopping' | 'over' = 'opening'
  #runId: string
  deadlineAt = Number.POSITIVE_INFINITY

  constructor(options: TunnelSessionOptions) {
    this.#options = options
    this.#runId = options.runId
    this.#work = this.#makeWorkConnections()
    options.sweeper.add(this)
  }

  get ended(): Promise<SessionEnd> {
    return this.#end.promise
  }

  async start(): Promise<void> {
    const { config, link, clock } = this.#options
    try {
      const stream = await link.openStream()
      if (this.#state !== 'opening') {
        stream.destroy()
        return
      }
      this.#state = 'login'
      this.deadlineAt = clock.monotonic() + loginTimeoutMs
      this.#channel = new FrpChannel(stream, {
        side: 'client',
        version: config.transport.wireVersion,
        bootstrap: { tls: config.transport.tls !== null, tcpMux: config.transport.isMultiplexed },
        randomBytes,
        onMessage: (message) => this.#onMessage(message),
        onClose: (error) => this.#onClosed(error),
      })
      this.#channel.send(this.#login())
    } catch (error) {
      this.#finish({ kind: 'unreachable', error: asHarpError(error) })
    }
  }

  /** Takes no more work, gives what runs until `drainMs`, then closes. */
  async stop(drainMs: number): Promise<void> {
    if (this.#state === 'over') return
    if (this.#state === 'serving') {
      this.#state = 'stopping'
      for (const each of this.#registrations.values()) {
        this.#drop(each)
        each.close()
      }
      await Promise.race([this.#work.drain(), timePassed(drainMs, this.ended)])
      this.#work.destroy()
      this.#channel?.destroySoon()
      await timePassed(farewellTimeoutMs, this.ended)
    }
    this.#finish(null)
  }

  destroy(): void {
    this.#finish(null)
  }

  /** The login was not answered. */
  onDeadline(): void {
    this.#onClosed(new Error(`no answer to the login within ${loginTimeoutMs / 1_000} s`))
  }

  #login(): OutgoingMessage {
    const { config } = this.#options
    return {
      kind: 'Login',
      version: protocolVersion,
      hostname: hostname(),
      os: platform(),
      arch: arch(),
      user: config.user,
      clientId: config.clientId,
      runId: this.#runId,
      metas: Object.fromEntries(
        Object.entries(config.metadatas).map(([name, value]) => [name, value.reveal()]),
      ),
      poolCount: config.transport.poolCount,
      ...this.#signature(true),
    }
  }

  #signature(isWanted: boolean): { privilegeKey?: string; timestamp?: number } {
    if (!isWanted) return {}
    const timestamp = Math.floor(this.#options.clock.wall() / 1_000)
    return { privilegeKey: privilegeKey(this.#options.config.authToken.reveal(), timestamp), timestamp }
  }

  #onMessage(message: FrpMessage): void {
    this.#heartbeat?.onMessage()
    if (message.kind === 'LoginResp') {
      if (this.#state === 'login') this.#onLoginAnswer(message)
    } else if (message.kind === 'NewProxyResp') {
      this.#registrations.get(message.proxyName)?.onAnswer(message)
    } else if (message.kind === 'ReqWorkConn') {
      if (this.#state === 'serving') this.#work.request()
    } else if (message.kind === 'Pong' && message.error !== '') {
      this.#onClosed(new Error(`the server refused a heartbeat: ${message.error}`))
    }
  }

  #onLoginAnswer(answer: LoginResp): void {
    const { config, onLogin } = this.#options
    if (answer.error !== '') {
      this.#finish({
        kind: 'refused',
        error: gatewayError(
          'TUNNEL_CLIENT_LOGIN_REFUSED',
          `the server refused the login: ${printable(answer.error, maxReasonCharacters)}`,
        ),
      })
      return
    }
    this.#state = 'serving'
    this.deadlineAt = Number.POSITIVE_INFINITY
    this.#runId = answer.runId
    onLogin(answer)
    this.#startHeartbeat()
    this.#channel?.encrypt(config.authToken.reveal())
    for (const proxy of config.proxies) {
      const { clock, random, log } = this.#options
      const registration = new ProxyRegistration({
        proxy,
        clock,
        random,
        log,
        send: (message) => this.#channel?.send(message),
      })
      this.#registrations.set(proxy.name, registration)
      this.#own(registration)
      registration.ask()
    }
  }

  #startHeartbeat(): void {
    const { config, clock } = this.#options
    this.#heartbeat = new Heartbeat({
      intervalMs: config.transport.heartbeatMs,
      timeoutMs: config.transport.heartbeatTimeoutMs,
      clock,
      sendPing: () => {
        this.#channel?.send({ kind: 'Ping', ...this.#signature(config.signsHeartbeats) })
      },
      onSilence: (silentMs) => {
        this.#onClosed(new Error(`nothing from the server for ${Math.round(silentMs / 1_000)} s`))
      },
    })
    this.#own(this.#heartbeat)
  }

  #makeWorkConnections(): WorkConnections {
    const { config, link, targets, clock, sweeper, log } = this.#options
    const encrypted = new Set(config.proxies.filter((each) => each.useEncryption).map((each) => each.name))
    return new WorkConnections({
      limits: workConnectionLimits,
      log,
      connection: {
        openStream: () => link.openStream(),
        wireVersion: config.transport.wireVersion,
        authToken: config.authToken.reveal(),
        randomBytes,
        clock,
        sweeper,
        log,
        introduction: () => ({
          kind: 'NewWorkConn',
          runId: this.#runId,
          ...this.#signature(config.signsWorkConnections),
        }),
        findProxy: (name) => {
          const target = targets.get(name)
          return target === undefined ? undefined : { target, useEncryption: encrypted.has(name) }
        },
      },
    })
  }

  /** The control connection is gone, and with it the session. */
  #onClosed(error: Error | null): void {
    const problem = error === null ? 'the server closed the connection' : errorMessage(error)
    if (this.#state === 'stopping') this.#finish(null)
    else if (this.#state === 'serving') {
      this.#finish({ kind: 'lost', error: gatewayError('TUNNEL_CLIENT_LOST', problem, { cause: error }) })
    } else {
      const code = 'TUNNEL_CLIENT_NO_LOGIN_ANSWER'
      this.#finish({ kind: 'unreachable', error: gatewayError(code, problem, { cause: error }) })
    }
  }

  #own(deadline: Deadline): void {
    this.#deadlines.add(deadline)
    this.#options.sweeper.add(deadline)
  }

  #drop(deadline: Deadline): void {
    this.#deadlines.delete(deadline)
    this.#options.sweeper.delete(deadline)
  }

  #finish(end: SessionEnd): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    for (const each of this.#deadlines) this.#drop(each)
    this.#work.destroy()
    this.#channel?.destroy()
    this.#options.link.destroy()
    this.#end.resolve(end)
  }
}

/** Resolves after a time, or earlier with `end`. */
async function timePassed(ms: number, end: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), ms)
  try {
    await Promise.race([promise, end])
  } finally {
    clearTimeout(timer)
  }
}

function asHarpError(error: unknown): HarpError {
  if (error instanceof HarpError) return error
  return gatewayError('TUNNEL_CLIENT_UNREACHABLE', errorMessage(error), { cause: error, retryable: true })
}
