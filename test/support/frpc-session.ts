/** One login of frpc: connection, yamux or not, control connection, proxies, work connections, heartbeats. */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { privilegeKey } from './frpc-ciphers.ts'
import { FrpcControl } from './frpc-control.ts'
import type { FrpcMessage } from './frpc-messages.ts'
import type { FrpcClock, FrpcOptions, FrpcProxy, RandomPurpose } from './frpc-options.ts'
import { dial, type FrpcTransport } from './frpc-transport.ts'
import { serveWork } from './frpc-work.ts'
import { closeTransport, FrpcStream, FrpcYamux } from './frpc-yamux.ts'

export interface SessionHooks {
  readonly options: FrpcOptions
  readonly clock: FrpcClock
  readonly random: (bytes: number, purpose: RandomPurpose) => Buffer
  readonly log: (
    direction: 'sent' | 'received',
    message: FrpcMessage | { name: string; body: object },
  ) => void
  readonly onLogin: (response: Readonly<Record<string, unknown>>) => void
  readonly onProxy: (response: Readonly<Record<string, unknown>>) => void
  readonly onEnd: (session: FrpcSession, reason: string) => void
}

const loginTimeoutMs = 10_000
const proxyAnswerTimeoutMs = 20_000
const proxyRetryMs = 30_000
const heartbeatMs = 30_000
const heartbeatTimeoutMs = 90_000
/** How long NewProxy waits for the first work stream where that is to come first. */
const workFirstMs = 250

export class FrpcSession {
  readonly #hooks: SessionHooks
  readonly #transports: FrpcTransport[] = []
  readonly #timers = new Map<string, NodeJS.Timeout>()
  /** Work connections without a user, oldest first. */
  readonly pooled = new Set<Duplex>()
  #mux: FrpcYamux | undefined
  #control: FrpcControl | undefined
  #runId: string
  #areProxiesAnnounced = false
  #wasLoggedIn = false
  workConnections = 0
  ended: string | undefined

  constructor(hooks: SessionHooks, runId: string) {
    this.#hooks = hooks
    this.#runId = runId
  }

  get runId(): string {
    return this.#runId
  }

  /** Also when it has ended since. */
  get wasLoggedIn(): boolean {
    return this.#wasLoggedIn
  }

  get pingsAnswered(): number {
    return this.#mux?.pingsAnswered ?? 0
  }

  get control(): FrpcControl {
    if (this.#control === undefined) throw new Error('there is no control connection')
    return this.#control
  }

  get transport(): FrpcTransport {
    const [first] = this.#transports
    if (first === undefined) throw new Error('there is no connection')
    return first
  }

  async start(): Promise<void> {
    const { options, clock } = this.#hooks
    try {
      const transport = await this.#dial()
      if (options.misbehave?.silentAfterConnect === true) {
        transport.stream.on('data', () => undefined).once('close', () => this.end('connection closed'))
        return
      }
      if (options.mux === false) this.#startControl(transport.stream)
      else {
        this.#mux = new FrpcYamux(transport.stream, clock, (reason) => this.end(reason))
        this.#startControl(this.#mux.open())
      }
    } catch (error) {
      this.end(`cannot connect: ${String(error)}`)
    }
  }

  end(reason: string): void {
    if (this.ended !== undefined) return
    this.ended = reason
    for (const timer of this.#timers.values()) clearTimeout(timer)
    // NOTE: only wire v2 says FIN on the stream before it closes the connection [recorded].
    if (this.#control?.isUngreeted === true) this.#control.stream.end()
    this.#mux?.end(reason)
    for (const { stream } of this.#transports) closeTransport(stream)
    this.#hooks.onEnd(this, reason)
  }

  /** As a process that is killed with unread data: RST on every connection. */
  reset(): void {
    for (const { socket } of this.#transports) socket.resetAndDestroy()
    this.end('killed')
  }

  /** Resolves when no connection is open any more. */
  async closed(): Promise<void> {
    await Promise.all(
      this.#transports.filter(({ socket }) => !socket.destroyed).map(({ socket }) => once(socket, 'close')),
    )
  }

  /** As a stopped process, or a network that is gone: nothing is read and nothing is said any more. */
  freeze(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#mux?.stopTimers()
    for (const { stream } of this.#transports) {
      stream.cork()
      stream.pause()
    }
  }

  async openStream(): Promise<Duplex> {
    if (this.#mux !== undefined) return this.#mux.open()
    const { stream } = await this.#dial()
    return stream
  }

  async openWorkConnection(): Promise<void> {
    const { options, random, log } = this.#hooks
    const stream = await this.openStream()
    this.workConnections += 1
    this.pooled.add(stream)
    stream.once('close', () => this.pooled.delete(stream))
    serveWork(
      stream,
      { run_id: options.misbehave?.workRunId ?? this.#runId, ...this.#signature('NewWorkConns') },
      {
        options,
        random,
        log,
        proxyOf: (name) => options.proxies.find((proxy) => wireName(options, proxy) === name),
        onStart: () => this.pooled.delete(stream),
      },
    )
  }

  announce(proxy: FrpcProxy): void {
    const { options } = this.#hooks
    const name = wireName(options, proxy)
    this.send('NewProxy', {
      proxy_name: name,
      proxy_type: proxy.type ?? 'tcp',
      ...(proxy.useEncryption === true ? { use_encryption: true } : {}),
      ...(proxy.useCompression === true ? { use_compression: true } : {}),
      ...(proxy.bandwidthLimit === undefined ? {} : { bandwidth_limit: proxy.bandwidthLimit }),
      ...(proxy.bandwidthLimitMode === undefined ? {} : { bandwidth_limit_mode: proxy.bandwidthLimitMode }),
      ...proxy.extra,
      ...(proxy.remotePort === 0 ? {} : { remote_port: proxy.remotePort }),
    })
    this.#after(`proxy ${name}`, proxyAnswerTimeoutMs, () => this.announce(proxy))
  }

  withdraw(proxy: FrpcProxy): void {
    const name = wireName(this.#hooks.options, proxy)
    this.#clear(`proxy ${name}`)
    this.send('CloseProxy', { proxy_name: name })
  }

  send(name: string, body: object): void {
    this.#hooks.log('sent', { name, body })
    this.control.send(name, body)
  }

  async #dial(): Promise<FrpcTransport> {
    const transport = await dial(this.#hooks.options, this.#hooks.random)
    if (this.ended !== undefined) {
      transport.socket.destroy()
      throw new Error(this.ended)
    }
    this.#transports.push(transport)
    transport.socket.once('close', () => this.#transports.splice(this.#transports.indexOf(transport), 1))
    return transport
  }

  #startControl(stream: Duplex): void {
    const { options, clock, random } = this.#hooks
    this.#control = new FrpcControl(stream, options, random, {
      onMessage: (message) => this.#onMessage(message),
      onEnd: (reason) => this.end(reason),
    })
    const timestamp = clock.now()
    const isNewer = options.version === '0.69.1'
    this.#control.greet()
    this.send('Login', {
      version: options.version ?? '0.61.1',
      ...(isNewer ? { hostname: options.hostname ?? 'vm' } : {}),
      os: 'linux',
      arch: 'amd64',
      ...(options.user === undefined ? {} : { user: options.user }),
      privilege_key: privilegeKey(options.authToken ?? '', timestamp),
      timestamp,
      ...(this.#runId === '' ? {} : { run_id: this.#runId }),
      ...(isNewer && options.clientId !== undefined ? { client_id: options.clientId } : {}),
      ...(options.token === undefined ? {} : { metas: { token: options.token } }),
      client_spec: {},
      ...(options.poolCount === 0 ? {} : { pool_count: options.poolCount ?? 1 }),
    })
    this.#after('login', loginTimeoutMs, () => this.end('no answer to Login'))
  }

  #onMessage(message: FrpcMessage): void {
    this.#hooks.log('received', message)
    const { name, body } = message
    if (name === 'LoginResp') this.#onLoginResponse(body)
    else if (name === 'ReqWorkConn') void this.#onWorkRequest()
    else if (name === 'NewProxyResp') this.#onProxyResponse(body)
    else if (name === 'Pong') {
      if (body['error'] !== undefined) this.end(`Pong: ${JSON.stringify(body['error'])}`)
      else if (this.#timers.has('pong')) this.#awaitPong()
    }
  }

  #onLoginResponse(body: Readonly<Record<string, unknown>>): void {
    const { options } = this.#hooks
    this.#clear('login')
    if (body['error'] !== undefined) {
      this.#hooks.onLogin(body)
      this.end(`login refused: ${JSON.stringify(body['error'])}`)
      return
    }
    this.#wasLoggedIn = true
    this.#runId = String(body['run_id'])
    this.control.encrypt()
    this.#hooks.onLogin(body)
    if (options.order === 'proxy-first' || options.poolCount === 0) this.#announceProxies()
    else this.#after('announce', workFirstMs, () => this.#announceProxies())
  }

  async #onWorkRequest(): Promise<void> {
    if (this.#hooks.options.misbehave?.ignoreWorkRequests === true) return
    try {
      await this.openWorkConnection()
    } catch {
      // NOTE: as in Go, a work connection that cannot be opened is not opened; the server asks again.
    }
    this.#announceProxies()
  }

  #announceProxies(): void {
    if (this.#areProxiesAnnounced || this.ended !== undefined) return
    this.#areProxiesAnnounced = true
    this.#clear('announce')
    for (const proxy of this.#hooks.options.proxies) this.announce(proxy)
    this.#startHeartbeats()
  }

  #onProxyResponse(body: Readonly<Record<string, unknown>>): void {
    const { options } = this.#hooks
    const name = String(body['proxy_name'])
    const proxy = options.proxies.find((each) => wireName(options, each) === name)
    this.#clear(`proxy ${name}`)
    if (proxy !== undefined && body['error'] !== undefined) {
      this.#after(`proxy ${name}`, proxyRetryMs, () => this.announce(proxy))
    }
    this.#hooks.onProxy(body)
  }

  #startHeartbeats(): void {
    const { options } = this.#hooks
    const intervalMs = options.heartbeatIntervalMs ?? (options.mux === false ? heartbeatMs : 0)
    if (intervalMs === 0) return
    const beat = (): void => {
      this.send('Ping', this.#signature('HeartBeats'))
      this.#after('heartbeat', intervalMs, beat)
    }
    beat()
    this.#awaitPong()
  }

  #awaitPong(): void {
    this.#after('pong', heartbeatTimeoutMs, () => this.end('heartbeat timeout'))
  }

  /** The key of a message that is not Login, where the scope asks for one. */
  #signature(scope: 'HeartBeats' | 'NewWorkConns'): object {
    const { options, clock } = this.#hooks
    if (options.scopes?.includes(scope) !== true) return {}
    const timestamp = clock.now()
    return { privilege_key: privilegeKey(options.authToken ?? '', timestamp), timestamp }
  }

  #after(what: string, ms: number, run: () => void): void {
    this.#clear(what)
    this.#timers.set(what, this.#hooks.clock.after(ms, run))
  }

  #clear(what: string): void {
    clearTimeout(this.#timers.get(what))
    this.#timers.delete(what)
  }
}

/** The name a proxy has for the server. */
export function wireName(options: FrpcOptions, proxy: FrpcProxy): string {
  return options.user === undefined ? proxy.name : `${options.user}.${proxy.name}`
}

/** Ends or resets a stream as a dying work connection would. */
export function breakStream(stream: Duplex, how: 'fin' | 'rst'): void {
  if (how === 'rst' && stream instanceof FrpcStream) stream.reset()
  else stream.destroy()
}
