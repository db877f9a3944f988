/**
 * A stand-in ExApp on a plain socket: it records the request line and the header lines exactly as they came,
 * in order, and answers by the request itself, so that one app serves every test at once:
 *
 *   /…/heartbeat, /init, /enabled   the life-cycle answers AppAPI expects
 *   any path                        200 and JSON of what was received; `?status=418` for another status
 *   `?do=…`                         one of the behaviours in fake-exapp-behaviours.ts
 *   Upgrade: websocket              WebSocket echo
 *   Upgrade: echo-bytes             101, then every byte back; after the client's end one last `bye`, then our end
 */
import { IncomingMessage } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { deadlineIn, eventually } from './deadline.ts'
import { Exchange, type ExAppRequest } from './exapp-exchange.ts'
import { behaviours } from './fake-exapp-behaviours.ts'
import { headerValues, readHead, type WireHead } from './http1-wire.ts'
import { SocketReader } from './socket-reader.ts'

export type { ExAppRequest } from './exapp-exchange.ts'

const maxRecords = 5_000
const idleMs = 60_000

export type ExAppHandler = (exchange: Exchange) => Promise<void>

export class FakeExApp {
  readonly host = '127.0.0.1'
  readonly port: number
  /** What peers sent that no HTTP/1.1 client may send; stays empty behind a correct gateway. */
  readonly violations: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #requests: Exchange[] = []
  readonly #webSockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 * 1024 })
  readonly #handler: ExAppHandler
  readonly #released = new Set<string>()
  #connections = 0

  private constructor(server: Server, handler: ExAppHandler) {
    this.#server = server
    this.#handler = handler
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => {
      void this.#serve(socket)
    })
    this.#webSockets.on('connection', (peer) => {
      peer.on('error', () => peer.terminate())
      peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }))
    })
  }

  static async start(
    options: { readonly port?: number; readonly handler?: ExAppHandler } = {},
  ): Promise<FakeExApp> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options.port ?? 0, '127.0.0.1', resolve)
    })
    return new FakeExApp(server, options.handler ?? answerByRequest)
  }

  /** Connections accepted since the start. */
  get connectionCount(): number {
    return this.#connections
  }

  get openConnections(): number {
    return this.#sockets.size
  }

  requests(matches: (request: ExAppRequest) => boolean = () => true): ExAppRequest[] {
    return this.#requests.filter(matches)
  }

  async waitForRequest(
    matches: (request: ExAppRequest) => boolean,
    timeoutMs: number = 5_000,
  ): Promise<ExAppRequest> {
    return eventually('a request at the ExApp', () => this.#requests.find(matches), { timeoutMs })
  }

  /** Lets requests with `?do=hold&tag=<tag>` go on. */
  release(tag: string): void {
    this.#released.add(tag)
  }

  async untilReleased(tag: string): Promise<void> {
    await eventually(`release of ${tag}`, () => (this.#released.has(tag) ? true : undefined), {
      timeoutMs: idleMs,
    })
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const peer of this.#webSockets.clients) peer.terminate()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #serve(socket: Socket): Promise<void> {
    const link = {
      socket,
      reader: new SocketReader(socket),
      connection: (this.#connections += 1),
      untilReleased: (tag: string) => this.untilReleased(tag),
    }
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#sockets.delete(socket))
    try {
      for (;;) {
        const head = await readHead(link.reader, deadlineIn(idleMs * 10, 'the next request'))
        if (head === undefined) break
        checkRequestLine(head)
        const exchange = new Exchange(link, head)
        this.#requests.push(exchange)
        if (this.#requests.length > maxRecords) this.#requests.shift()
        if (exchange.header('upgrade') !== undefined) {
          this.#upgrade(exchange, link.reader)
          return
        }
        await this.#answer(exchange)
        if (!exchange.keepAlive) break
      }
    } catch (error) {
      this.violations.push(error instanceof Error ? error.message : String(error))
      socket.destroy()
    }
    socket.end()
  }

  async #answer(exchange: Exchange): Promise<void> {
    try {
      await this.#handler(exchange)
      await exchange.readBody()
    } catch (error) {
      // NOTE: a gateway that gives up on a request closes it midway; that is a fact to record, not a violation.
      exchange.aborted = true
      exchange.keepAlive = false
      if (!exchange.socket.destroyed && exchange.socket.readable) throw error
    }
  }

  #upgrade(exchange: Exchange, reader: SocketReader): void {
    const { socket } = exchange
    const rest = reader.release()
    if (exchange.header('upgrade')?.toLowerCase() === 'echo-bytes') {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo-bytes\r\n\r\n')
      socket.write(rest)
      socket.once('end', () => socket.end('bye'))
      socket.pipe(socket, { end: false })
      return
    }
    const message = new IncomingMessage(socket)
    message.method = exchange.method
    message.url = exchange.target
    for (const [name, value] of exchange.headers) message.headers[name.toLowerCase()] = value
    this.#webSockets.handleUpgrade(message, socket, rest, (peer) => {
      this.#webSockets.emit('connection', peer, message)
    })
  }
}

/** The handler of every stand-in that names none. */
export async function answerByRequest(exchange: Exchange): Promise<void> {
  const wanted = exchange.query.get('do')
  const behaviour = wanted === null ? undefined : behaviours[wanted]
  if (wanted !== null && behaviour === undefined) {
    await exchange.reply(400, `no behaviour ${wanted}`, 'text/plain')
  } else if (behaviour !== undefined) await behaviour(exchange)
  else if (exchange.path.endsWith('/heartbeat')) await exchange.reply(200, '{"status":"ok"}')
  else if (exchange.path.endsWith('/init')) await exchange.reply(200, '{}')
  else if (exchange.path.endsWith('/enabled')) await exchange.reply(200, '{"error":""}')
  else await echo(exchange)
}

/** Answers with JSON of what was received. */
export async function echo(exchange: Exchange): Promise<void> {
  await exchange.readBody()
  const { requestLine, method, target, headers, trailers, bodyBytes, bodySha256, bodyStart } = exchange
  const seen = { requestLine, method, target, headers, trailers, bodyBytes, bodySha256, body: bodyStart }
  await exchange.reply(Number(exchange.query.get('status') ?? '200'), JSON.stringify(seen))
}

function checkRequestLine(head: WireHead): void {
  if (!/^[A-Z][A-Z-]* \S+ HTTP\/1\.1$/.test(head.startLine)) {
    throw new Error(`not a request line: ${JSON.stringify(head.startLine)}`)
  }
  if (headerValues(head.headers, 'host').length !== 1) {
    throw new Error('not exactly one Host line')
  }
}
