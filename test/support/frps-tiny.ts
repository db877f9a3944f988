/**
 * A tiny frps (wire v1, plain TCP) under a test's control, to see what the stand-in frpc does when a server is slow,
 * silent or wrong. Frames are logged as they come; nothing is checked.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { eventually } from './deadline.ts'
import { CfbOpener, CfbSealer, type Opener } from './frpc-ciphers.ts'
import { encodeMessage, type FrpcMessage, takeMessage } from './frpc-messages.ts'

export interface TinyFrame {
  readonly connection: number
  readonly type: 'data' | 'window' | 'ping' | 'goaway'
  readonly flags: number
  readonly stream: number
  readonly length: number
}

export interface TinyFrpsBehaviour {
  acknowledges: boolean
  answersPings: boolean
  answersFin: boolean
  givesCredit: boolean
  answerLogin: ((connection: number, login: FrpcMessage) => object | undefined) | undefined
  answerProxy: (request: FrpcMessage) => object | undefined
}

export interface TinyStream {
  readonly connection: number
  readonly id: number
  isStarted: boolean
  /** The first 64 KiB since then. */
  received: Buffer
  receivedBytes: number
}

const types = ['data', 'window', 'ping', 'goaway'] as const

export class TinyFrps {
  readonly port: number
  readonly frames: TinyFrame[] = []
  /** Control messages of all connections. */
  readonly messages: (FrpcMessage & { readonly connection: number })[] = []
  readonly streams: TinyStream[] = []
  readonly pool: TinyStream[] = []
  readonly behaviour: TinyFrpsBehaviour = {
    acknowledges: true,
    answersPings: true,
    answersFin: true,
    givesCredit: true,
    answerLogin: () => ({ version: '0.61.1', run_id: '00112233aabbccdd' }),
    answerProxy: ({ body }) => ({
      proxy_name: body['proxy_name'],
      remote_addr: `:${String(body['remote_port'])}`,
    }),
  }
  readonly #server: Server
  readonly #links: TinyLink[] = []

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => this.#links.push(new TinyLink(this, this.#links.length, socket)))
  }

  static async start(): Promise<TinyFrps> {
    const server = createServer({ noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    return new TinyFrps(server)
  }

  get connectionCount(): number {
    return this.#links.length
  }

  /** A frame from us, payload included. */
  // oxlint-disable-next-line max-params
  send(
    connection: number,
    type: TinyFrame['type'],
    flags: number,
    stream: number,
    body: number | Buffer,
  ): void {
    const header = Buffer.alloc(12)
    header.writeUInt8(types.indexOf(type), 1)
    header.writeUInt16BE(flags, 2)
    header.writeUInt32BE(stream, 4)
    header.writeUInt32BE(typeof body === 'number' ? body : body.length, 8)
    this.#links[connection]?.socket.write(typeof body === 'number' ? header : Buffer.concat([header, body]))
  }

  sendBytes(connection: number, bytes: Buffer): void {
    this.#links[connection]?.socket.write(bytes)
  }

  /** A message on the control stream. */
  control(connection: number, name: string, body: object): void {
    this.#links[connection]?.control(name, body)
  }

  /** A work connection of the pool, told to start; its bytes from now on are the local target's. */
  async startWork(proxyName: string): Promise<TinyStream> {
    const stream = await eventually('a work connection', () => this.pool.shift(), { everyMs: 2 })
    stream.isStarted = true
    stream.received = Buffer.alloc(0)
    stream.receivedBytes = 0
    const [message = Buffer.alloc(0)] = encodeMessage(1, 'StartWorkConn', { proxy_name: proxyName })
    this.send(stream.connection, 'data', 0, stream.id, message)
    return stream
  }

  /** Resolves with the frame that fits, when it has come. */
  async frame(what: string, fits: (frame: TinyFrame) => boolean): Promise<TinyFrame> {
    return eventually(what, () => this.frames.find(fits), { everyMs: 2 })
  }

  cut(connection: number): void {
    this.#links[connection]?.socket.destroy()
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const { socket } of this.#links) socket.destroy()
    await closed
  }
}

/** One connection: yamux frames in, and on stream 1 the control messages. */
class TinyLink {
  readonly socket: Socket
  readonly #frps: TinyFrps
  readonly #number: number
  readonly #streams = new Map<number, TinyStream>()
  readonly #sealer = new CfbSealer('', () => Buffer.alloc(16, 7))
  #opener: Opener | undefined
  #pending: Buffer = Buffer.alloc(0)
  #clear: Buffer = Buffer.alloc(0)

  constructor(frps: TinyFrps, number: number, socket: Socket) {
    this.#frps = frps
    this.#number = number
    this.socket = socket
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => this.#onBytes(chunk))
  }

  control(name: string, body: object): void {
    for (const write of encodeMessage(1, name, body)) {
      const sealed = this.#opener === undefined ? [write] : this.#sealer.seal(write)
      this.#frps.send(this.#number, 'data', 0, 1, Buffer.concat(sealed))
    }
  }

  #onBytes(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk])
    while (this.#pending.length >= 12) {
      const type = types[this.#pending[1] ?? 0] ?? 'goaway'
      const length = this.#pending.readUInt32BE(8)
      const end = 12 + (type === 'data' ? length : 0)
      if (this.#pending.length < end) return
      const [flags, stream] = [this.#pending.readUInt16BE(2), this.#pending.readUInt32BE(4)]
      const payload = this.#pending.subarray(12, end)
      this.#pending = this.#pending.subarray(end)
      this.#frps.frames.push({ connection: this.#number, type, flags, stream, length })
      this.#onFrame({ connection: this.#number, type, flags, stream, length }, payload)
    }
  }

  #onFrame({ type, flags, stream: id, length }: TinyFrame, payload: Buffer): void {
    const { behaviour } = this.#frps
    if (type === 'ping') {
      if (flags === 1 && behaviour.answersPings) this.#frps.send(this.#number, 'ping', 2, 0, length)
      return
    }
    if (flags === 1) {
      const opened = {
        connection: this.#number,
        id,
        isStarted: false,
        received: Buffer.alloc(0),
        receivedBytes: 0,
      }
      this.#streams.set(id, opened)
      this.#frps.streams.push(opened)
      if (behaviour.acknowledges) this.#frps.send(this.#number, 'window', 2, id, 0)
    }
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    if (type === 'data') {
      if (behaviour.givesCredit) this.#frps.send(this.#number, 'window', 0, id, length)
      stream.receivedBytes += length
      if (stream.receivedBytes <= 65_536) stream.received = Buffer.concat([stream.received, payload])
      if (id === 1) this.#onControl(payload)
      else if (!stream.isStarted) this.#onWork(stream)
    }
    if (flags === 4 && behaviour.answersFin) this.#frps.send(this.#number, 'window', 4, id, 0)
  }

  #onControl(payload: Buffer): void {
    const { behaviour } = this.#frps
    this.#clear = Buffer.concat([this.#clear, this.#opener?.open(payload) ?? payload])
    for (;;) {
      const taken = takeMessage(1, this.#clear)
      if (taken === undefined) return
      this.#clear = taken.rest
      const { message } = taken
      this.#frps.messages.push({ ...message, connection: this.#number })
      if (message.name === 'Login') {
        const answer = behaviour.answerLogin?.(this.#number, message)
        if (answer === undefined) return
        this.control('LoginResp', answer)
        this.#opener = new CfbOpener('')
        if (!('error' in answer)) this.control('ReqWorkConn', {})
      } else if (message.name === 'NewProxy') {
        const answer = behaviour.answerProxy(message)
        if (answer !== undefined) this.control('NewProxyResp', answer)
      }
    }
  }

  #onWork(stream: TinyStream): void {
    const taken = takeMessage(1, stream.received)
    if (taken === undefined || this.#frps.pool.includes(stream)) return
    this.#frps.messages.push({ ...taken.message, connection: this.#number })
    this.#frps.pool.push(stream)
  }
}
