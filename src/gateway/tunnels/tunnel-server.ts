import { randomBytes, type X509Certificate } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { DeadlineSweeper } from '../../base/deadlines.ts'
import { errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { formatHostPort, type HostPort } from '../../net/address.ts'
import type { Wire } from '../../net/wire.ts'
import type { FrpChannel } from '../frp/frp-channel.ts'
import type { Login, NewWorkConn } from '../frp/messages.ts'
import { ControlSession } from './control-session.ts'
import { FrontDoor, type Arrival, type TunnelTls } from './front-door.ts'
import { FrpConnection } from './frp-connection.ts'
import { LateReceiver } from './late-receiver.ts'
import type { Identity, LoginJudge } from './login-judge.ts'
import type { ChannelReceiver, OpeningHost } from './opening-stream.ts'
import type { ProxyClaims } from './proxy-claims.ts'
import type { FrpProxy, ProxyRegistry } from './proxy-registry.ts'
import type { TunnelHistory } from './tunnel-history.ts'
import type { TunnelEvents } from './tunnel-events.ts'
import { refuseWork, type Visitor } from './work-connection.ts'

interface Opening {
  readonly connection: FrpConnection
  readonly channel: FrpChannel
  readonly login: Login
  readonly identity: Identity
  readonly runId: string
}

export interface TunnelServerOptions {
  readonly address: HostPort
  /** false: HP_FRP_DISABLE_TLS. */
  readonly requiresTls: boolean
  readonly makeUnverifiedTls: () => Promise<TunnelTls>
  readonly judge: LoginJudge
  readonly registry: ProxyRegistry
  readonly claims: ProxyClaims
  readonly history: TunnelHistory
  readonly events: TunnelEvents
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly log: Logger
  readonly onOpened: (proxy: FrpProxy) => void
  readonly onReleased: (proxy: FrpProxy) => void
}

const maxConnections = 16_384
const maxPerPeer = 8_192
const sweepEveryMs = 15_000
/** NOTE: probes of a session are shared, so one that only measures must not take longer than a claimant may wait. */
const probeMs = 1_500
const runIdPattern = /^[\w.-]{1,64}$/

/** An frp server inside the gateway: clients log in, publish one tcp proxy each, and carry requests. */
export class TunnelServer implements OpeningHost {
  readonly #options: TunnelServerOptions
  readonly #door: FrontDoor
  readonly #connections = new Set<FrpConnection>()
  readonly #sessions = new Map<string, ControlSession>()
  #address: HostPort | null = null
  #sweep: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: TunnelServerOptions) {
    this.#options = options
    const { address, requiresTls, makeUnverifiedTls, log } = options
    this.#door = new FrontDoor({
      address,
      requiresTls,
      makeUnverifiedTls,
      maxConnections,
      maxPerPeer,
      log,
      onArrival: (arrival, isMultiplexed) => this.#onArrival(arrival, isMultiplexed),
      onRefused: (peer, problem) => this.#refused(peer, null, problem),
    })
  }

  /** null until it listens. */
  get address(): HostPort | null {
    return this.#address
  }

  get connectionCount(): number {
    return this.#door.openConnections
  }

  /** Rejects with LISTEN_FAILED. */
  async start(): Promise<void> {
    this.#address = await this.#door.listen()
    this.#sweep = setInterval(() => this.#lookAfter(), sweepEveryMs)
    this.#sweep.unref()
    this.#options.log.info(
      { address: formatHostPort(this.#address), tls: this.#options.requiresTls },
      'tunnels are accepted',
    )
  }

  useTls(identity: TunnelTls): void {
    this.#door.useTls(identity)
  }

  /** Ends every session that a token or key opened which is no longer good. */
  closeSessions(matches: (session: ControlSession) => boolean, problem: string): void {
    for (const session of this.#sessions.values()) if (matches(session)) session.close(problem)
  }

  /** Ends the connections that showed such a certificate, logged in or not. */
  endWhere(isGone: (certificate: X509Certificate) => boolean, problem: string): void {
    const isOf = ({ arrival: { certificate } }: FrpConnection): boolean =>
      certificate !== null && isGone(certificate)
    this.closeSessions(({ connection }) => isOf(connection), problem)
    for (const connection of this.#connections) if (isOf(connection)) connection.destroySoon()
  }

  /** No new clients; the tunnels stay until `stop`. */
  drain(): void {
    this.#door.drain()
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#sweep)
    for (const session of this.#sessions.values()) session.close('the gateway stops')
    for (const connection of this.#connections) connection.destroy()
    this.#door.destroy()
  }

  /** A stream to what the port's proxy serves, or null where no tunnel has the port. */
  dial(port: number, visitor: Visitor, timeoutMs: number): Promise<Wire> | null {
    const proxy = this.#options.registry.byPort(port)
    if (proxy === undefined) return null
    return proxy.session.dial(proxy, visitor, timeoutMs).catch((error: unknown) => {
      this.#options.history.problem(proxy.name, errorMessage(error))
      this.#options.events.dialFailed()
      throw error
    })
  }

  onLogin(connection: FrpConnection, channel: FrpChannel, login: Login): ChannelReceiver {
    const { judge, events } = this.#options
    const { peer } = connection.arrival
    if (connection.isAdmitted) {
      // NOTE: a client logs in once on a connection; more would be more ports than one.
      channel.destroy()
      return ignore
    }
    const verdict = judge.judge(login, peer)
    events.login(verdict.kind === 'admitted' ? 'admitted' : verdict.cause)
    if (verdict.kind === 'refused') {
      this.#refused(peer, null, verdict.reason)
      channel.send({ kind: 'LoginResp', version: '', runId: '', error: verdict.reason })
      channel.destroySoon()
      connection.destroySoon()
      return ignore
    }
    connection.admitted()
    const { identity } = verdict
    const old = this.#sessions.get(login.runId)
    if (old === undefined || old.identity.grant?.id !== identity.grant?.id) {
      // NOTE: a run id from before a restart of the gateway is unknown and as good as any.
      const runId = old === undefined && runIdPattern.test(login.runId) ? login.runId : newRunId()
      return this.#open({ connection, channel, login, identity, runId })
    }
    if (!old.hasEngine) {
      old.close(loggedInAgain)
      return this.#open({ connection, channel, login, identity, runId: login.runId })
    }
    const late = new LateReceiver()
    void this.#openAfter(old, { connection, channel, login, identity, runId: login.runId }, late)
    return late
  }

  onWorkConnection(connection: FrpConnection, channel: FrpChannel, message: NewWorkConn): void {
    const session = this.#sessions.get(message.runId)
    const { version } = channel
    const { wire, early } = channel.detach()
    if (session === undefined || !isOwnConnection(session, connection)) {
      this.#refused(connection.arrival.peer, null, 'a work connection for a session that is not its own')
      refuseWork(wire, version, 'this run id has no session here; log in again')
      return
    }
    if (early.length > 0) {
      wire.destroy()
      return
    }
    connection.admitted()
    session.addWork(wire, version, connection)
  }

  /** NOTE: a live engine is not displaced, not even by a recorded login that is played again. */
  async #openAfter(old: ControlSession, opening: Opening, late: LateReceiver): Promise<void> {
    const isAlive = await old.probe(probeMs)
    if (late.isClosed || this.#isStopped) return
    if (!isAlive) old.close(loggedInAgain)
    late.become(this.#open(isAlive ? { ...opening, runId: newRunId() } : opening))
  }

  #open({ connection, channel, login, identity, runId }: Opening): ControlSession {
    const { events, clock, log, claims, history } = this.#options
    const { peer } = connection.arrival
    const session = new ControlSession({
      runId,
      login,
      identity,
      connection,
      channel,
      clock,
      claim: (claimant, message) => claims.claim(claimant, message),
      onOpened: (proxy) => {
        history.opened(proxy)
        log.info({ name: proxy.name, port: proxy.port, peer, client: login.version }, 'tunnel opened')
        this.#options.onOpened(proxy)
      },
      onRefused: (name, error) => {
        events.proxyRefused()
        this.#refused(peer, name, error)
      },
      onReleased: (proxy, problem) => {
        this.#options.registry.remove(proxy)
        history.lost(proxy, problem)
        this.#options.onReleased(proxy)
        log.info({ name: proxy.name, port: proxy.port, peer, problem }, 'tunnel closed')
      },
      onClose: (closed) => {
        if (this.#sessions.get(closed.runId) === closed) this.#sessions.delete(closed.runId)
      },
    })
    this.#sessions.set(runId, session)
    session.start()
    void session.probe(probeMs)
    return session
  }

  #onArrival(arrival: Arrival, isMultiplexed: boolean): void {
    if (this.#isStopped) {
      arrival.stream.destroy()
      return
    }
    const { clock, sweeper, log } = this.#options
    const connection = new FrpConnection({
      arrival,
      isMultiplexed,
      clock,
      sweeper,
      log,
      host: this,
      onClose: (closed) => this.#connections.delete(closed),
    })
    this.#connections.add(connection)
  }

  /** Ends sessions that say nothing any more, and measures the round trips of the others. */
  #lookAfter(): void {
    for (const session of this.#sessions.values()) {
      if (session.isSilent) session.close('no heartbeat for 90 seconds')
      else void session.probe(probeMs)
    }
  }

  #refused(peer: string, name: string | null, problem: string): void {
    this.#options.history.refused(peer, name, problem)
    this.#options.log.debug({ peer, name, problem }, 'tunnel refused')
  }
}

const loggedInAgain = 'its client logged in again'
const ignore: ChannelReceiver = { onMessage() {}, onClose() {} }

/** Multiplexed, it is the same connection; else the same peer with the same certificate. */
function isOwnConnection(session: ControlSession, connection: FrpConnection): boolean {
  if (session.connection.isMultiplexed || connection.isMultiplexed) return session.connection === connection
  const [of, is] = [session.connection.arrival, connection.arrival]
  return of.peer === is.peer && of.certificate?.fingerprint256 === is.certificate?.fingerprint256
}

function newRunId(): string {
  return randomBytes(8).toString('hex')
}
