import type { Clock } from '../../base/clock.ts'
import type { Wire } from '../../net/wire.ts'
import { gatewayError } from '../errors.ts'
import type { FrpChannel } from '../frp/frp-channel.ts'
import type { CloseProxy, FrpMessage, Login, NewProxy } from '../frp/messages.ts'
import type { FrpConnection } from './frp-connection.ts'
import { frpAuthToken, type Identity } from './login-judge.ts'
import type { ChannelReceiver } from './opening-stream.ts'
import type { ClaimResult } from './proxy-claims.ts'
import type { FrpProxy } from './proxy-registry.ts'
import { WorkConnection, type Visitor } from './work-connection.ts'
import { WorkConnectionPool } from './work-connection-pool.ts'

export interface ControlSessionOptions {
  readonly runId: string
  readonly login: Login
  readonly identity: Identity
  readonly connection: FrpConnection
  readonly channel: FrpChannel
  readonly clock: Clock
  readonly claim: (session: ControlSession, message: NewProxy) => Promise<ClaimResult>
  /** A proxy is up, was refused, or is gone again. */
  readonly onOpened: (proxy: FrpProxy) => void
  readonly onRefused: (name: string, error: string) => void
  readonly onReleased: (proxy: FrpProxy, problem: string) => void
  /** Once; its proxies are released by then. */
  readonly onClose: (session: ControlSession) => void
}

/** frps's numbers: what a login may ask for, and what is kept beyond it. */
const maxPoolCount = 5
const extraPool = 10
const userConnectionMs = 10_000
const maxWaiting = 1_024
const maxAsked = 64
/** A client without yamux sends Ping every 30 s. */
const heartbeatMs = 90_000
/** The version that is spoken, as the original names it; clients only log it. */
const frpVersion = '0.61.1'

/** A logged-in client: its control connection, its proxy, and its idle work connections. */
export class ControlSession implements ChannelReceiver {
  readonly #options: ControlSessionOptions
  readonly #pool: WorkConnectionPool<WorkConnection>
  /** What is asked of proxies, in the order in which it came. */
  readonly #asked: (NewProxy | CloseProxy)[] = []
  readonly #carriers = new Set<FrpConnection>()
  readonly #past = { in: 0, out: 0 }
  readonly proxies = new Map<string, FrpProxy>()
  /** Wall-clock milliseconds. */
  readonly openedAt: number
  #isClaiming = false
  #isClosed = false
  #lastSeen: number
  #served = 0

  constructor(options: ControlSessionOptions) {
    this.#options = options
    this.openedAt = options.clock.wall()
    this.#lastSeen = options.clock.monotonic()
    this.#pool = new WorkConnectionPool({
      capacity: poolCountOf(options.login) + extraPool,
      maxWaiting,
      request: () => this.#send({ kind: 'ReqWorkConn' }),
    })
  }

  get runId(): string {
    return this.#options.runId
  }

  get identity(): Identity {
    return this.#options.identity
  }

  get login(): Login {
    return this.#options.login
  }

  get connection(): FrpConnection {
    return this.#options.connection
  }

  get wireVersion(): 1 | 2 {
    return this.#options.channel.version
  }

  get hasEngine(): boolean {
    return [...this.proxies.values()].some(({ kind }) => kind === 'engine')
  }

  /** The client's address. */
  get peer(): string {
    return this.#options.connection.arrival.peer
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get idleWork(): number {
    return this.#pool.idleCount
  }

  /** Work connections used so far. */
  get servedWork(): number {
    return this.#served
  }

  /** Work connections that carry a request now. */
  get activeWork(): number {
    const { connection } = this.#options
    return (connection.isMultiplexed ? connection.workStreams : this.#carriers.size) - this.#pool.idleCount
  }

  /** All bytes of the client's connections in one direction, with their framing. */
  get bytesToApp(): number {
    let sum = this.#options.connection.bytesOut + this.#past.out
    for (const carrier of this.#carriers) sum += carrier.bytesOut
    return sum
  }

  get bytesFromApp(): number {
    let sum = this.#options.connection.bytesIn + this.#past.in
    for (const carrier of this.#carriers) sum += carrier.bytesIn
    return sum
  }

  /** Answers the login and asks for the first work connections. */
  start(): void {
    const { channel, runId, login } = this.#options
    channel.send({ kind: 'LoginResp', version: frpVersion, runId, error: '' })
    channel.encrypt(frpAuthToken)
    for (let count = poolCountOf(login); count > 0; count--) this.#send({ kind: 'ReqWorkConn' })
  }

  onMessage(message: FrpMessage): void {
    this.#lastSeen = this.#options.clock.monotonic()
    switch (message.kind) {
      case 'NewProxy':
      case 'CloseProxy':
        if (this.#asked.length >= maxAsked) this.close('too many NewProxy and CloseProxy at once')
        else this.#enqueue(message)
        break
      case 'Ping':
        this.#send({ kind: 'Pong', error: '' })
        break
      // NOTE: what only a server says, and what belongs to features that were refused, is ignored as frps does.
      case 'Login':
      case 'LoginResp':
      case 'NewProxyResp':
      case 'NewWorkConn':
      case 'Pong':
      case 'ReqWorkConn':
      case 'StartWorkConn':
      case 'Unsupported':
        break
    }
  }

  onClose(error: Error | null): void {
    this.close(error?.message ?? 'the client closed it')
  }

  /** A work connection of this session; it may come before the proxy. */
  addWork(wire: Wire, version: 1 | 2, connection: FrpConnection): void {
    if (!connection.isMultiplexed) this.#carry(connection)
    this.#pool.offer(
      new WorkConnection({ wire, version, connection, onIdleEnd: (work) => this.#pool.remove(work) }),
    )
  }

  /** Opens a stream to what the proxy serves. Rejects with TUNNEL_LOST or TUNNEL_NO_WORK_CONNECTION. */
  async dial(proxy: FrpProxy, visitor: Visitor, timeoutMs: number): Promise<Wire> {
    const until = this.#options.clock.monotonic() + Math.min(timeoutMs, userConnectionMs)
    for (;;) {
      if (this.#isClosed) throw gatewayError('TUNNEL_LOST', 'the tunnel closed', { retryable: true })
      if (this.#options.connection.isFull) {
        throw gatewayError('TUNNEL_NO_WORK_CONNECTION', 'the tunnel carries as many requests as it can')
      }
      const work = await this.#pool.take(Math.max(0, until - this.#options.clock.monotonic()))
      // NOTE: one that had just come may have ended before it got here; nobody would hear of it any more.
      if (work.isDead) continue
      this.#served++
      return work.start(proxy, visitor)
    }
  }

  /** True if the client still answers. One that cannot be asked is judged by its heartbeats. */
  async probe(timeoutMs: number): Promise<boolean> {
    const { connection } = this.#options
    if (this.#isClosed || connection.isClosed) return false
    return connection.isMultiplexed ? connection.probe(timeoutMs) : !this.isSilent
  }

  /** Without yamux only the client's heartbeats tell that it lives. */
  get isSilent(): boolean {
    const { connection, clock } = this.#options
    return !connection.isMultiplexed && clock.monotonic() - this.#lastSeen > heartbeatMs
  }

  /** Frees name and port at once, then ends the connection. Idempotent. */
  close(problem: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#asked.length = 0
    for (const name of this.proxies.keys()) this.#release(name, problem)
    this.#pool.close()
    this.#options.channel.destroySoon()
    this.#options.onClose(this)
    this.#options.connection.destroySoon()
    // NOTE: without yamux they would live on, and a revoked or displaced client with them.
    for (const carrier of this.#carriers) carrier.destroy()
  }

  #enqueue(message: NewProxy | CloseProxy): void {
    this.#asked.push(message)
    if (!this.#isClaiming) void this.#answerAll()
  }

  /** One at a time: a CloseProxy must find the proxy that was asked for just before. */
  async #answerAll(): Promise<void> {
    this.#isClaiming = true
    for (let message = this.#asked.shift(); message !== undefined; message = this.#asked.shift()) {
      const { proxyName } = message
      if (message.kind === 'CloseProxy') {
        this.#release(proxyName, 'closed by the client')
        continue
      }
      const result = await this.#options.claim(this, message)
      if (this.#isClosed) {
        if (result.kind === 'granted') this.#options.onReleased(result.proxy, 'the client left')
        break
      }
      if (result.kind === 'refused') {
        this.#options.onRefused(proxyName, result.error)
        this.#send({ kind: 'NewProxyResp', proxyName, remoteAddr: '', error: result.error })
        continue
      }
      this.proxies.set(proxyName, result.proxy)
      this.#options.onOpened(result.proxy)
      this.#send({ kind: 'NewProxyResp', proxyName, remoteAddr: `:${result.proxy.port}`, error: '' })
    }
    this.#isClaiming = false
  }

  /** Without yamux every work connection is a connection of its own. */
  #carry(connection: FrpConnection): void {
    this.#carriers.add(connection)
    connection.arrival.stream.once('close', () => {
      this.#carriers.delete(connection)
      this.#past.in += connection.bytesIn
      this.#past.out += connection.bytesOut
    })
  }

  #release(name: string, problem: string): void {
    const proxy = this.proxies.get(name)
    if (proxy === undefined) return
    this.proxies.delete(name)
    this.#options.onReleased(proxy, problem)
  }

  #send(message: FrpMessage): void {
    if (!this.#isClosed) this.#options.channel.send(message)
  }
}

function poolCountOf(login: Login): number {
  return Math.min(maxPoolCount, Math.max(0, login.poolCount))
}
