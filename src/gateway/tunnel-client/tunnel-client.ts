import { systemClock } from '../../base/clock.ts'
import { DeadlineSweeper } from '../../base/deadlines.ts'
import { errorCode, errorMessage, type HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { formatHostPort } from '../../net/address.ts'
import type { Wire } from '../../net/wire.ts'
import type { TunnelClientConfig } from './tunnel-config.ts'
import { LocalTarget } from './local-target.ts'
import { ReconnectPolicy } from './reconnect-policy.ts'
import { ServerAddress } from './server-address.ts'
import { connectToServer } from './server-connection.ts'
import { DirectLink, MuxLink, type ServerLink } from './server-link.ts'
import { readTlsMaterial, type TlsMaterial } from './tls-files.ts'
import { TunnelSession, type SessionEnd } from './tunnel-session.ts'

export interface TunnelClientOptions {
  readonly config: TunnelClientConfig
  readonly log: Logger
  /** How long to wait between attempts; the default is ReconnectPolicy. */
  readonly policy?: Pick<ReconnectPolicy, 'delayAfter'>
}

export interface TunnelClient {
  /** Resolves after `stop`; rejects with the reason where the first login failed and loginFailExit is set. */
  readonly done: Promise<void>
  /** Gives running connections a few seconds; called again, it ends them at once. */
  stop(): Promise<void>
  /** Reads the TLS files again, for the next connection. */
  reload(): void
}

/** Less than the 10 s that a container runtime waits before it kills. */
const drainMs = 8_000
const sweepMs = 100
const warnDays = 30
const dayMs = 86_400_000

export function startTunnelClient(options: TunnelClientOptions): TunnelClient {
  return new Client(options)
}

class Client implements TunnelClient {
  readonly #config: TunnelClientConfig
  readonly #log: Logger
  readonly #sweeper = new DeadlineSweeper(sweepMs, () => systemClock.monotonic())
  readonly #addresses = new ServerAddress()
  readonly #policy: Pick<ReconnectPolicy, 'delayAfter'>
  readonly #targets: ReadonlyMap<string, LocalTarget>
  readonly #stopAsked = Promise.withResolvers<undefined>()
  readonly done: Promise<void>
  #session: TunnelSession | null = null
  #tls: TlsMaterial | null = null
  #runId = ''
  #hasLoggedIn = false
  #isStopping = false
  #lastProblem = ''

  constructor({ config, log, policy }: TunnelClientOptions) {
    this.#config = config
    this.#policy = policy ?? new ReconnectPolicy(Math.random)
    this.#log = log.child('tunnel')
    this.#targets = new Map(
      config.proxies.map(({ name, target }) => [name, new LocalTarget(name, target, this.#log)]),
    )
    this.done = this.#run()
  }

  async stop(): Promise<void> {
    if (this.#isStopping) {
      this.#session?.destroy()
    } else {
      this.#isStopping = true
      this.#stopAsked.resolve(undefined)
      this.#log.info({ drainMs }, 'tunnel stops')
      await this.#session?.stop(drainMs)
    }
    await this.done.catch(() => {})
  }

  reload(): void {
    try {
      this.#readTls()
      this.#log.info({}, 'TLS files read again')
    } catch (error) {
      const fields = { code: errorCode(error), problem: errorMessage(error) }
      this.#log.error(fields, 'TLS files unusable; the old ones stay in use')
    }
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isStopping) {
        const startedAt = systemClock.monotonic()
        const end = await this.#runSession()
        if (end === null) break
        if (!this.#hasLoggedIn && this.#config.loginFailExit) throw end.error
        const delayMs = this.#policy.delayAfter(end.kind, systemClock.monotonic() - startedAt)
        this.#report(end, delayMs)
        await this.#pause(delayMs)
      }
    } finally {
      this.#sweeper.stop()
    }
  }

  async #runSession(): Promise<SessionEnd> {
    if (this.#config.transport.tls !== null) {
      try {
        this.#readTls()
      } catch (error) {
        return { kind: 'unreachable', error: error as HarpError }
      }
    }
    const session = new TunnelSession({
      config: this.#config,
      link: this.#makeLink(),
      runId: this.#runId,
      targets: this.#targets,
      clock: systemClock,
      random: Math.random,
      sweeper: this.#sweeper,
      log: this.#log,
      onLogin: (answer) => {
        this.#hasLoggedIn = true
        this.#lastProblem = ''
        this.#runId = answer.runId
        const server = formatHostPort(this.#config.server)
        this.#log.info({ server, runId: answer.runId, version: answer.version }, 'tunnel connected')
      },
    })
    this.#session = session
    void session.start()
    const end = await session.ended
    this.#session = null
    return end
  }

  #makeLink(): ServerLink {
    const options = {
      connect: (signal: AbortSignal): Promise<Wire> =>
        connectToServer({
          server: this.#config.server,
          transport: this.#config.transport,
          addresses: this.#addresses,
          tls: this.#tls,
          signal,
        }),
      clock: systemClock,
      sweeper: this.#sweeper,
    }
    const { isMultiplexed, muxKeepAliveMs } = this.#config.transport
    return isMultiplexed ? new MuxLink(options, muxKeepAliveMs) : new DirectLink(options)
  }

  #readTls(): void {
    if (this.#config.transport.tls === null) return
    const material = readTlsMaterial(this.#config.transport.tls)
    const isNew = material.validTo?.getTime() !== this.#tls?.validTo?.getTime()
    this.#tls = material
    if (material.validTo === null || !isNew) return
    const days = Math.floor((material.validTo.getTime() - systemClock.wall()) / dayMs)
    if (days >= warnDays) return
    this.#log.warn({ validTo: material.validTo.toISOString(), days }, 'client certificate expires soon')
  }

  /** Each reason once, until it changes. */
  #report(end: NonNullable<SessionEnd>, delayMs: number): void {
    const { code, message, fix } = end.error
    if (end.kind !== 'lost' && message === this.#lastProblem) return
    this.#lastProblem = end.kind === 'lost' ? '' : message
    const cause = errorCode(end.error.cause)
    const known = cause === 'UNKNOWN' ? {} : { cause }
    const fields = { code, ...known, problem: message, fix, retryMs: Math.round(delayMs) }
    if (end.kind === 'refused') this.#log.error(fields, 'tunnel login refused')
    else if (end.kind === 'lost') this.#log.warn(fields, 'tunnel lost')
    else this.#log.warn(fields, 'tunnel server not reached')
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => resolve(undefined), ms)
    await Promise.race([promise, this.#stopAsked.promise])
    clearTimeout(timer)
  }
}
