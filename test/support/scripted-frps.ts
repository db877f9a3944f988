/**
 * A small frps that does what a test tells it: every transport that the tunnel client speaks, answers chosen by the
 * test, everything it heard kept. One port, as the real one; what is spoken is told from the first byte.
 */
import { randomBytes } from 'node:crypto'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { systemClock } from '../../src/base/clock.ts'
import { DeadlineSweeper } from '../../src/base/deadlines.ts'
import { FrpChannel } from '../../src/gateway/frp/frp-channel.ts'
import type { FrpMessage, Login, NewProxy, NewWorkConn } from '../../src/gateway/frp/messages.ts'
import { CipherWire } from '../../src/gateway/frp/cipher-wire.ts'
import { YamuxSession } from '../../src/mux/yamux/session.ts'
import { StreamWire } from '../../src/net/stream-wire.ts'
import type { Wire, WireHandler } from '../../src/net/wire.ts'
import { eventually } from './deadline.ts'

export interface ScriptedFrpsOptions {
  readonly authToken?: string
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string }
  /** The error of LoginResp, '' to accept, null for no answer. */
  readonly answerLogin?: (login: Login, count: number) => string | null
  /** As for a login. */
  readonly answerProxy?: (proxy: NewProxy, count: number) => string | null
  /** End the connection at a Login instead. */
  readonly closesAtLogin?: boolean
  /** What frps sends at once after a login; 0 leaves the requests to the test. */
  readonly poolCount?: number
  readonly port?: number
}

/** What a user of the tunnel has in hand. */
export class ScriptedUser implements WireHandler {
  readonly wire: Wire
  #chunks: Buffer[] = []
  hasEnded = false
  isClosed = false
  #isFull = false

  constructor(wire: Wire, early: Buffer) {
    this.wire = wire
    if (early.length > 0) this.#chunks.push(early)
    wire.setHandler(this)
  }

  get received(): Buffer {
    this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  /** Writes with back-pressure. */
  async send(bytes: Buffer | string, pieceBytes = 16_384): Promise<void> {
    const all = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    for (let at = 0; at < all.length; at += pieceBytes) {
      if (!this.wire.write(all.subarray(at, at + pieceBytes))) this.#isFull = true
      if (this.#isFull) await eventually('room', () => (this.#isFull ? undefined : true), { everyMs: 1 })
    }
  }

  async receive(count: number, timeoutMs = 5_000): Promise<Buffer> {
    await eventually(`${count} bytes`, () => (this.received.length >= count ? true : undefined), {
      timeoutMs,
    })
    return this.received
  }

  onData(chunk: Buffer): void {
    this.#chunks.push(Buffer.from(chunk))
  }

  onEnd(): void {
    this.hasEnded = true
  }

  onDrain(): void {
    this.#isFull = false
  }

  onClose(): void {
    this.isClosed = true
  }
}

export interface ScriptedSession {
  readonly login: Login
  readonly channel: FrpChannel
  /** Work connections that wait to be started. */
  readonly pool: FrpChannel[]
  isOver: boolean
}

export class ScriptedFrps {
  readonly logins: Login[] = []
  readonly proxies: NewProxy[] = []
  readonly workConnections: NewWorkConn[] = []
  readonly messages: FrpMessage[] = []
  readonly sessions: ScriptedSession[] = []
  readonly clientCertificates: string[] = []
  readonly #options: ScriptedFrpsOptions
  readonly #sockets = new Set<Socket>()
  readonly #sweeper = new DeadlineSweeper(50, () => systemClock.monotonic())
  readonly #server: Server
  readonly #http: HttpServer
  readonly #tls: TlsServer | null
  #port = 0
  isSilent = false

  private constructor(options: ScriptedFrpsOptions) {
    this.#options = options
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#onSocket(socket))
    this.#http = createHttpServer()
    const webSockets = new WebSocketServer({
      noServer: true,
      path: '/~!frp',
      perMessageDeflate: false,
      skipUTF8Validation: true,
    })
    this.#http.on('upgrade', (request, socket, head) => {
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        void this.#accept(createWebSocketStream(webSocket))
      })
    })
    this.#tls =
      options.tls === undefined
        ? null
        : createTlsServer({
            cert: options.tls.cert,
            key: options.tls.key,
            allowHalfOpen: true,
            ...(options.tls.clientCa === undefined
              ? {}
              : { ca: options.tls.clientCa, requestCert: true, rejectUnauthorized: true }),
          })
    this.#tls?.on('secureConnection', (socket: TLSSocket) => {
      this.clientCertificates.push(socket.getPeerCertificate().fingerprint256 ?? '')
      void this.#accept(socket)
    })
    this.#tls?.on('tlsClientError', () => {})
  }

  static async start(options: ScriptedFrpsOptions = {}): Promise<ScriptedFrps> {
    const frps = new ScriptedFrps(options)
    await new Promise<void>((resolve, reject) => {
      frps.#server.once('error', reject)
      frps.#server.listen(options.port ?? 0, '127.0.0.1', resolve)
    })
    frps.#port = (frps.#server.address() as AddressInfo).port
    return frps
  }

  /** Kept after `stop`, for the next one. */
  get port(): number {
    return this.#port
  }

  get openSockets(): number {
    return this.#sockets.size
  }

  get session(): ScriptedSession | undefined {
    return this.sessions.findLast((each) => !each.isOver)
  }

  async connected(count = 1, timeoutMs = 5_000): Promise<ScriptedSession> {
    return eventually(
      `session ${count} with its proxy`,
      () => (this.sessions.length >= count && this.proxies.length >= count ? this.session : undefined),
      { timeoutMs, everyMs: 5 },
    )
  }

  /** As when a user connects to the proxy's port: a work connection, asked for and started. */
  async openUser(proxyName = 'app', first = ''): Promise<ScriptedUser> {
    const session = await this.connected()
    session.channel.send({ kind: 'ReqWorkConn' })
    const work = await eventually('a work connection', () => session.pool.shift(), { everyMs: 2 })
    return this.startWork(work, proxyName, first)
  }

  startWork(work: FrpChannel, proxyName: string, first = ''): ScriptedUser {
    work.send({ kind: 'StartWorkConn', proxyName, srcAddr: '192.0.2.9', srcPort: 4242 })
    const { wire, early } = work.detach()
    const proxy = this.proxies.findLast((each) => each.proxyName === proxyName)
    const authToken = this.#options.authToken ?? ''
    const isEncrypted = proxy?.useEncryption === true
    const user = isEncrypted
      ? new ScriptedUser(new CipherWire(wire, { authToken, randomBytes, early }), Buffer.alloc(0))
      : new ScriptedUser(wire, early)
    if (first !== '') user.wire.write(first)
    return user
  }

  /** As a cut link that both ends notice. */
  dropConnections(): void {
    for (const each of this.#sockets) each.destroy()
  }

  /** As a link that drops everything and says nothing. */
  goSilent(): void {
    this.isSilent = true
    for (const each of this.#sockets) each.pause()
  }

  async stop(): Promise<void> {
    this.dropConnections()
    this.#sweeper.stop()
    await new Promise((resolve) => {
      this.#server.close(resolve)
    })
  }

  #onSocket(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    if (!this.isSilent) void this.#accept(socket)
  }

  async #accept(stream: Duplex): Promise<void> {
    stream.on('error', () => {})
    const first = await firstBytes(stream)
    if (first === null) {
      stream.destroy()
      return
    }
    const isTls = first[0] === 0x17 || first[0] === 0x16
    stream.unshift(first[0] === 0x17 ? first.subarray(1) : first)
    if (isTls) {
      if (this.#tls === null) stream.destroy()
      else this.#tls.emit('connection', stream)
    } else if (first[0] === 0x47) {
      this.#http.emit('connection', stream)
    } else if (first[0] === 0) {
      this.#multiplex(new StreamWire(stream))
    } else {
      this.#converse(new StreamWire(stream))
    }
  }

  #multiplex(wire: Wire): void {
    const session = new YamuxSession(wire, {
      role: 'server',
      clock: systemClock,
      onStream: (stream) => this.#converse(stream),
      onClose: () => this.#sweeper.delete(session),
    })
    this.#sweeper.add(session)
  }

  #converse(wire: Wire): void {
    let session: ScriptedSession | null = null
    const channel: FrpChannel = new FrpChannel(wire, {
      side: 'server',
      randomBytes,
      onMessage: (message) => {
        this.messages.push(message)
        if (message.kind === 'Login') session = this.#onLogin(message, channel)
        else if (message.kind === 'NewWorkConn') this.#onWork(message, channel)
        else if (message.kind === 'NewProxy') this.#onProxy(message, channel)
        else if (message.kind === 'Ping') channel.send({ kind: 'Pong' })
      },
      onClose: () => {
        if (session !== null) session.isOver = true
      },
    })
  }

  #onLogin(login: Login, channel: FrpChannel): ScriptedSession | null {
    this.logins.push(login)
    const { answerLogin, closesAtLogin, authToken, poolCount } = this.#options
    if (closesAtLogin === true) {
      channel.destroy()
      return null
    }
    const error = answerLogin === undefined ? '' : answerLogin(login, this.logins.length)
    if (error === null) return null
    const runId = login.runId === '' ? randomBytes(8).toString('hex') : login.runId
    channel.send({ kind: 'LoginResp', version: '0.61.1', runId, error })
    if (error !== '') {
      channel.destroySoon()
      return null
    }
    channel.encrypt(authToken ?? '')
    const session = { login: { ...login, runId }, channel, pool: [], isOver: false }
    this.sessions.push(session)
    for (let count = 0; count < (poolCount ?? 0); count += 1) {
      channel.send({ kind: 'ReqWorkConn' })
    }
    return session
  }

  #onProxy(proxy: NewProxy, channel: FrpChannel): void {
    this.proxies.push(proxy)
    const { answerProxy } = this.#options
    const error = answerProxy === undefined ? '' : answerProxy(proxy, this.proxies.length)
    if (error === null) return
    const remoteAddr = error === '' ? `:${proxy.remotePort}` : ''
    channel.send({ kind: 'NewProxyResp', proxyName: proxy.proxyName, remoteAddr, error })
  }

  #onWork(message: NewWorkConn, channel: FrpChannel): void {
    this.workConnections.push(message)
    this.sessions.findLast((each) => each.login.runId === message.runId)?.pool.push(channel)
  }
}

/** Null where the stream ends before the first one. */
async function firstBytes(stream: Duplex): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const onReadable = (): void => {
      const chunk = stream.read() as Buffer | null
      if (chunk === null) return
      stream.off('readable', onReadable)
      resolve(chunk)
    }
    stream.on('readable', onReadable)
    stream.once('end', () => resolve(null))
    stream.once('close', () => resolve(null))
  })
}
