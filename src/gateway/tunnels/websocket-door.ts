import { createServer, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer } from 'ws'

/** frp's WebSocket transport: `GET /~!frp`, then the same bytes as on TCP, in frames of either kind. */
export const websocketPath = '/~!frp'

const maxFrameBytes = 8 * 1024 * 1024
const handshakeMs = 10_000

/** Turns connections that begin with a WebSocket handshake into plain byte streams. */
export class WebSocketDoor {
  readonly #server: Server
  readonly #sockets: WebSocketServer
  readonly #waiting = new WeakMap<Duplex, (stream: Duplex) => void>()

  constructor() {
    // NOTE: frpc up to 0.69 sends its bytes as text frames.
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: maxFrameBytes,
      skipUTF8Validation: true,
      perMessageDeflate: false,
    })
    this.#server = createServer({ maxHeaderSize: 8_192 }, (_request, response) => {
      response.writeHead(404, { connection: 'close' }).end()
    })
    this.#server.on('upgrade', (request, socket, head) => {
      const onStream = this.#waiting.get(socket)
      if (onStream === undefined || request.url !== websocketPath) {
        socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
        return
      }
      this.#sockets.handleUpgrade(request, socket, head, (websocket) => {
        const stream = createWebSocketStream(websocket)
        // NOTE: one whose connection broke after `end` would never close: it waits for a handshake that cannot come.
        websocket.once('close', () => {
          if (stream.readableEnded) stream.destroy()
          else stream.once('end', () => stream.destroy())
        })
        onStream(stream)
      })
    })
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  /** The bytes inside; the connection is destroyed when the handshake takes too long. */
  async open(socket: Duplex): Promise<Duplex> {
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
    const onClose = (): void => reject(new Error('closed during the WebSocket handshake'))
    const timer = setTimeout(() => socket.destroy(), handshakeMs)
    socket.once('close', onClose)
    this.#waiting.set(socket, resolve)
    this.#server.emit('connection', socket)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      socket.removeListener('close', onClose)
      this.#waiting.delete(socket)
    }
  }

  close(): void {
    this.#sockets.close()
  }
}
