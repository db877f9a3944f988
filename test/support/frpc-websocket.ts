/** The client side of frp's websocket transport as a byte stream: every write one masked frame, text or binary. */
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { RandomPurpose } from './frpc-options.ts'

export interface WebSocketOptions {
  readonly kind: 'text' | 'binary'
  readonly host: string
  readonly random: (bytes: number, purpose: RandomPurpose) => Buffer
}

/** Asks for the upgrade; resolves with the byte stream inside. */
export function upgradeToWebSocket(socket: Socket, options: WebSocketOptions): Promise<FrpcWebSocket> {
  const key = options.random(16, 'websocket-key').toString('base64')
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  const lines = [
    'GET /~!frp HTTP/1.1',
    `Host: ${options.host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    `Origin: http://${options.host}`,
    'Sec-WebSocket-Version: 13',
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0)
    const failed = (): void => reject(new Error('the connection ended before the websocket answer'))
    const onData = (chunk: Buffer): void => {
      seen = Buffer.concat([seen, chunk])
      const end = seen.indexOf('\r\n\r\n')
      if (end === -1) return
      socket.pause()
      socket.off('data', onData).off('close', failed)
      const head = seen.toString('latin1', 0, end)
      if (!head.startsWith('HTTP/1.1 101 ') || !head.includes(accept)) {
        reject(new Error(`no websocket: ${JSON.stringify(head)}`))
        return
      }
      if (seen.length > end + 4) socket.unshift(seen.subarray(end + 4))
      resolve(new FrpcWebSocket(socket, options))
    }
    socket.on('data', onData).once('close', failed)
  })
}

export class FrpcWebSocket extends Duplex {
  readonly #socket: Socket
  readonly #options: WebSocketOptions
  #pending: Buffer = Buffer.alloc(0)

  constructor(socket: Socket, options: WebSocketOptions) {
    super()
    this.#socket = socket
    this.#options = options
    socket.on('data', (chunk: Buffer) => this.#onBytes(chunk))
    socket.once('end', () => this.push(null))
    socket.once('close', () => this.destroy())
    socket.resume()
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(this.#frame(this.#options.kind === 'text' ? 1 : 2, chunk), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }

  #frame(opcode: number, payload: Buffer): Buffer {
    const { length } = payload
    const size =
      length < 126
        ? Buffer.of(0x80 | length)
        : length < 65_536
          ? Buffer.of(0x80 | 126, length >> 8, length & 0xff)
          : Buffer.concat([Buffer.of(0x80 | 127, 0, 0, 0, 0), uint32(length)])
    const mask = this.#options.random(4, 'websocket-mask')
    const masked = payload.map((byte, at) => byte ^ (mask[at & 3] ?? 0))
    return Buffer.concat([Buffer.of(0x80 | opcode), size, mask, masked])
  }

  #onBytes(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk])
    for (;;) {
      const frame = takeFrame(this.#pending)
      if (frame === undefined) return
      this.#pending = frame.rest
      if (frame.masked) this.destroy(new Error('the server masked a frame'))
      else if (frame.opcode === 8) this.push(null)
      else if (frame.opcode === 9) this.#socket.write(this.#frame(10, frame.payload))
      else if (frame.opcode < 3 && frame.payload.length > 0 && !this.push(frame.payload)) this.#socket.pause()
    }
  }
}

export interface WebSocketFrame {
  readonly opcode: number
  readonly masked: boolean
  readonly payload: Buffer
  readonly rest: Buffer
}

export function takeFrame(bytes: Buffer): WebSocketFrame | undefined {
  const [first, second] = bytes
  if (first === undefined || second === undefined) return undefined
  const short = second & 0x7f
  const masked = second >= 0x80
  const lengthEnd = short === 127 ? 10 : short === 126 ? 4 : 2
  const start = lengthEnd + (masked ? 4 : 0)
  if (bytes.length < start) return undefined
  const length =
    short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short
  if (bytes.length < start + length) return undefined
  const raw = bytes.subarray(start, start + length)
  const mask = bytes.subarray(lengthEnd, start)
  const payload = masked ? Buffer.from(raw.map((byte, at) => byte ^ (mask[at & 3] ?? 0))) : raw
  return { opcode: first & 0x0f, masked, payload, rest: bytes.subarray(start + length) }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
