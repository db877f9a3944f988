/**
 * HTTP/2 frames by hand, for what no library would send: header fields are written as literals without
 * indexing or Huffman coding, so every byte of them is the test's.
 */
import { connect, type Socket } from 'node:net'
import { eventually } from '../support/deadline.ts'

export const frameTypes = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const flags = { endStream: 1, ack: 1, endHeaders: 4 } as const

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')

export class RawHttp2 {
  readonly frames: Frame[] = []
  readonly socket: Socket
  isClosed = false
  #pending: Buffer = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    socket.once('close', () => {
      this.isClosed = true
    })
    socket.on('data', (chunk) => this.#onData(chunk))
  }

  static open(port: number): RawHttp2 {
    const client = new RawHttp2(connect({ host: '127.0.0.1', port, noDelay: true }))
    client.socket.write(preface)
    client.send(frameTypes.settings, 0, 0, Buffer.alloc(0))
    return client
  }

  send(type: number, flagBits: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): void {
    this.socket.write(frame(type, flagBits, stream, payload))
  }

  /** A request's HEADERS frame; the pseudo-headers are the test's own too. */
  headers(stream: number, fields: readonly (readonly [string, string])[], flagBits: number): void {
    this.send(frameTypes.headers, flagBits | flags.endHeaders, stream, headerBlock(fields))
  }

  async waitFor(matches: (frame: Frame) => boolean, what: string, timeoutMs: number = 5_000): Promise<Frame> {
    return eventually(what, () => this.frames.find(matches), { timeoutMs })
  }

  /** How the gateway ended a stream: the code of its reset, or `answered`. */
  async endOf(stream: number): Promise<number | 'answered' | 'closed'> {
    return eventually(`the end of stream ${stream}`, () => {
      const end = this.frames.find(
        (each) =>
          each.stream === stream &&
          (each.type === frameTypes.reset ||
            ((each.type === frameTypes.headers || each.type === frameTypes.data) &&
              (each.flags & flags.endStream) !== 0)),
      )
      if (end === undefined) return this.isClosed ? 'closed' : undefined
      return end.type === frameTypes.reset ? end.payload.readUInt32BE(0) : 'answered'
    })
  }

  destroy(): void {
    this.socket.destroy()
  }

  #onData(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk])
    while (this.#pending.length >= 9) {
      const length = this.#pending.readUIntBE(0, 3)
      if (this.#pending.length < 9 + length) return
      const received: Frame = {
        type: this.#pending.readUInt8(3),
        flags: this.#pending.readUInt8(4),
        stream: this.#pending.readUInt32BE(5) & 0x7fffffff,
        payload: Buffer.from(this.#pending.subarray(9, 9 + length)),
      }
      this.#pending = this.#pending.subarray(9 + length)
      this.frames.push(received)
      if (received.type === frameTypes.settings && (received.flags & flags.ack) === 0) {
        this.send(frameTypes.settings, flags.ack, 0)
      }
    }
  }
}

export function frame(type: number, flagBits: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flagBits, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), hpackText(name), hpackText(value)]))
}

function hpackText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const length: number[] = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128)
  length.push(rest)
  return Buffer.concat([Buffer.from(length), bytes])
}
