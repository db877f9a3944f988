/**
 * A WebSocket on a raw socket for load: all sockets of the process read into one buffer, and the frame that is
 * sent is made once. Checks of an echo what a gateway could break: its length and its last byte.
 */
import { connect, type Socket } from 'node:net'
import { echoBytes } from '../workload.ts'

export interface WebSocketEvents {
  onOpen(): void
  onEcho(client: WebSocketClient): void
  /** The last event; null after `close`. */
  onEnd(problem: string | null): void
}

const readBuffer = Buffer.allocUnsafe(65_536)
const maskedFrame = buildFrame()
const replyLength = 2 + echoBytes
const lastByte = (echoBytes - 1) & 0x7f

export class WebSocketClient {
  readonly #socket: Socket
  readonly #events: WebSocketEvents
  #isOpen = false
  #isClosing = false
  #received = 0
  #problem: string | null = null

  constructor(where: { host: string; port: number; path: string }, events: WebSocketEvents) {
    this.#events = events
    this.#socket = connect({
      host: where.host,
      port: where.port,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (count: number) => {
          this.#onRead(count)
          return true
        },
      },
    })
    this.#socket.on('connect', () => {
      this.#socket.write(
        `GET ${where.path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      )
    })
    this.#socket.on('error', (error) => {
      this.#problem ??= String(error)
    })
    this.#socket.on('close', () => {
      events.onEnd(this.#isClosing ? null : (this.#problem ?? 'closed by the other side'))
    })
  }

  send(): void {
    this.#received = 0
    this.#socket.write(maskedFrame)
  }

  close(): void {
    this.#isClosing = true
    this.#socket.destroy()
  }

  #onRead(count: number): void {
    if (!this.#isOpen) {
      // NOTE: a head of some hundred bytes on loopback comes in one piece; if it did not, this would be reported.
      const head = readBuffer.toString('latin1', 0, count)
      if (!head.startsWith('HTTP/1.1 101') || !head.endsWith('\r\n\r\n')) {
        this.#fail(`no WebSocket: ${head.slice(0, 80)}`)
        return
      }
      this.#isOpen = true
      this.#events.onOpen()
      return
    }
    this.#received += count
    if (this.#received < replyLength) return
    if (this.#received > replyLength || readBuffer[count - 1] !== lastByte) this.#fail('not the echo')
    else this.#events.onEcho(this)
  }

  #fail(problem: string): void {
    this.#problem = problem
    this.#socket.destroy()
  }
}

function buildFrame(): Buffer {
  const mask = [0x1f, 0x2e, 0x3d, 0x4c]
  const frame = Buffer.alloc(6 + echoBytes)
  frame.set([0x82, 0x80 | echoBytes, ...mask])
  for (let index = 0; index < echoBytes; index++) frame[6 + index] = (index & 0x7f) ^ (mask[index & 3] ?? 0)
  return frame
}
