/**
 * An app on raw sockets, since it must not be slower than what is measured: WebSocket echo, an upload sink, a small
 * answer (`…/1k`) and downloads (`…?bytes=N`). It trusts its client, the benchmark. Argument: a port of loopback, or
 * the path of a Unix socket. Ends with the process that started it.
 */
import { createHash } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { bodyBytes } from '../workload.ts'

const websocketGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const headEnd = Buffer.from('\r\n\r\n')
const empty = Buffer.alloc(0)
const uploaded = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\r\nok'
const small = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-length: ${bodyBytes}\r\ncontent-type: text/plain\r\n\r\n${'x'.repeat(bodyBytes)}`,
)
const block = Buffer.alloc(262_144, 'b')

class StreamConnection {
  readonly #socket: Socket
  #pending: Buffer = empty
  #bodyLeft = 0
  #isWebSocket = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', () => {})
  }

  #onData(chunk: Buffer): void {
    if (this.#bodyLeft > 0 && chunk.length <= this.#bodyLeft) {
      this.#takeBody(chunk.length)
      return
    }
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    for (;;) {
      const taken = this.#isWebSocket ? this.#echo(rest) : this.#request(rest)
      if (taken === 0) break
      rest = rest.subarray(taken)
    }
    // NOTE: copied, or a few bytes would keep a whole read buffer alive in 10,000 idle sockets.
    this.#pending = rest.length === 0 ? empty : Buffer.from(rest)
  }

  #takeBody(count: number): void {
    this.#bodyLeft -= count
    if (this.#bodyLeft === 0) this.#socket.write(uploaded)
  }

  /** Takes a head or a piece of body; 0: more bytes are needed. */
  #request(bytes: Buffer): number {
    if (this.#bodyLeft > 0) {
      const taken = Math.min(bytes.length, this.#bodyLeft)
      if (taken > 0) this.#takeBody(taken)
      return taken
    }
    const end = bytes.indexOf(headEnd)
    if (end === -1) return 0
    const head = bytes.toString('latin1', 0, end)
    const key = /\r\nsec-websocket-key: *(\S+)/i.exec(head)?.[1]
    if (key === undefined) {
      this.#bodyLeft = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? '0')
      if (this.#bodyLeft === 0) this.#answer(head)
    } else {
      const accept = createHash('sha1').update(`${key}${websocketGuid}`).digest('base64')
      this.#isWebSocket = true
      this.#socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
      )
    }
    return end + headEnd.length
  }

  #answer(head: string): void {
    const [, path = ''] = head.split(' ', 2)
    const download = /\?bytes=(\d+)$/.exec(path)?.[1]
    if (download !== undefined) this.#send(Number(download))
    else this.#socket.write(path.endsWith('/1k') ? small : uploaded)
  }

  #send(count: number): void {
    let left = count
    this.#socket.write(
      `HTTP/1.1 200 OK\r\ncontent-length: ${count}\r\ncontent-type: application/octet-stream\r\n\r\n`,
    )
    const fill = (): void => {
      let mayGoOn = true
      while (left > 0 && mayGoOn && !this.#socket.destroyed) {
        const piece = left < block.length ? block.subarray(0, left) : block
        left -= piece.length
        mayGoOn = this.#socket.write(piece)
      }
      if (left > 0 && !this.#socket.destroyed) this.#socket.once('drain', fill)
    }
    fill()
  }

  /** Sends one short masked frame (no fragments, less than 126 bytes) back unmasked; 0: more bytes are needed. */
  #echo(bytes: Buffer): number {
    if (bytes.length < 6) return 0
    const length = (bytes[1] ?? 0) & 0x7f
    if (bytes.length < 6 + length) return 0
    const reply = Buffer.allocUnsafe(2 + length)
    reply[0] = bytes[0] ?? 0
    reply[1] = length
    for (let index = 0; index < length; index++) {
      reply[2 + index] = (bytes[6 + index] ?? 0) ^ (bytes[2 + (index & 3)] ?? 0)
    }
    this.#socket.write(reply)
    return 6 + length
  }
}

const [place = '0'] = process.argv.slice(2)
const server = createServer({ noDelay: true }, (socket) => new StreamConnection(socket))
const where = /^\d+$/.test(place) ? { port: Number(place), host: '127.0.0.1' } : { path: place }
server.listen({ ...where, backlog: 4_096 })
process.on('disconnect', () => process.exit())
