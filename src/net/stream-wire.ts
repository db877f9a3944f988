import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { transientBytes, type Wire, type WireHandler } from './wire.ts'

/**
 * Writes bytes that are only valid now (a wire's reused read buffer) to a stream. Small ones are copied.
 * Large ones go out as they are: mostly the kernel takes them at once, and where it does not, false is
 * returned and the caller must leave the buffer alone until `drain`.
 */
export function writeTransient(stream: Duplex, bytes: Buffer): boolean {
  const isSmall = bytes.length <= transientBytes || bytes.length < stream.writableHighWaterMark
  if (isSmall) return stream.write(Buffer.from(bytes))
  stream.write(bytes)
  return stream.writableLength === 0
}

/**
 * A wire over any Node stream that is already open: an accepted socket, a TLS connection, a WebSocket. It owns
 * the stream and its listeners from its making. The chunks it gives out are the reader's to keep.
 */
export class StreamWire implements Wire {
  readonly #stream: Duplex & { destroySoon?: () => void }
  /** TLS encrypts, and so copies, what it is given at once unless an earlier write is still under way. */
  readonly #isEncrypting: boolean
  #handler: WireHandler | null = null
  #error: Error | null = null
  #isClosed = false
  #isBlocked = false
  #wasIdle = true

  readonly #onWritten = (): void => {
    if (!this.#isBlocked || this.#stream.writableLength > 0) return
    this.#isBlocked = false
    this.#handler?.onDrain()
  }

  constructor(stream: Duplex) {
    this.#stream = stream
    this.#isEncrypting = stream instanceof TLSSocket
    stream.on('error', (error: Error) => {
      this.#error = error
    })
    stream.on('close', () => {
      this.#isClosed = true
      this.#handler?.onClose(this.#error)
    })
  }

  setHandler(handler: WireHandler): void {
    const isFirst = this.#handler === null
    this.#handler = handler
    if (!isFirst) return
    if (this.#isClosed) {
      // Whoever takes over a wire still hears of its end.
      queueMicrotask(() => this.#handler?.onClose(this.#error))
      return
    }
    this.#stream.on('end', () => this.#handler?.onEnd())
    this.#stream.on('data', (chunk: Buffer) => this.#handler?.onData(chunk))
  }

  write(data: Buffer | string): boolean {
    const stream = this.#stream
    const wasIdle = stream.writableLength === 0
    if (typeof data === 'string') {
      stream.write(data, 'latin1', this.#onWritten)
      return this.#mayGoOn()
    }
    const isTaken = wasIdle && this.#isEncrypting
    if (!isTaken && data.length <= transientBytes) {
      stream.write(Buffer.from(data), this.#onWritten)
      return this.#mayGoOn()
    }
    stream.write(data, this.#onWritten)
    if (isTaken) return this.#mayGoOn()
    if (stream.writableLength > 0) this.#isBlocked = true
    return !this.#isBlocked
  }

  cork(): void {
    this.#wasIdle = this.#stream.writableLength === 0
    this.#stream.cork()
  }

  uncork(): boolean {
    this.#stream.uncork()
    if (this.#stream.writableLength === 0 || (this.#wasIdle && this.#isEncrypting)) return true
    this.#isBlocked = true
    return false
  }

  end(): void {
    this.#stream.end()
  }

  destroy(): void {
    this.#stream.destroy()
  }

  destroySoon(): void {
    if (this.#stream.destroySoon === undefined) this.#stream.end(() => this.#stream.destroy())
    else this.#stream.destroySoon()
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  /** What waits is the stream's own copy, so only its amount matters; who was told to stop still hears of the drain. */
  #mayGoOn(): boolean {
    if (this.#stream.writableLength >= this.#stream.writableHighWaterMark) this.#isBlocked = true
    return !this.#isBlocked
  }
}
