import type { Socket } from 'node:net'
import { type Deadline, within } from './deadline.ts'

/** The peer closed (or reset) the connection where more bytes were needed. */
export class ConnectionClosed extends Error {
  override readonly name = 'ConnectionClosed'
}

/**
 * Pulls bytes from a socket: nothing is read before it is asked for, so a test that does not read is a slow
 * peer. Used by the raw client and the stand-in ExApp alike; knows nothing of HTTP.
 */
export class SocketReader {
  readonly #socket: Socket
  #pending: Buffer = Buffer.alloc(0)
  #ending: 'open' | 'end' | 'reset' = 'open'
  #wake: () => void = () => undefined
  #bytesRead = 0

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('readable', this.#onEvent).on('close', this.#onClose)
    socket.on('end', this.#onEnd).on('error', this.#onError)
  }

  /** How the peer's direction ended, as far as it has been seen. */
  get ending(): 'open' | 'end' | 'reset' {
    return this.#ending
  }

  get bytesRead(): number {
    return this.#bytesRead
  }

  /** Waits for more bytes; false at the end of the stream (orderly or reset). */
  async fill(deadline: Deadline): Promise<boolean> {
    for (;;) {
      // NOTE: bytes that came before a reset stay readable after it.
      const chunk: Buffer | null = this.#socket.read()
      if (chunk !== null) {
        this.#bytesRead += chunk.length
        this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
        return true
      }
      if (this.#ending !== 'open') return false
      const woken = Promise.withResolvers<void>()
      this.#wake = woken.resolve
      await within(woken.promise, deadline)
    }
  }

  /** Bytes up to and including `delimiter`; throws over `limit` or when the stream ends before it. */
  async takeUntil(delimiter: string, limit: number, deadline: Deadline): Promise<Buffer> {
    for (;;) {
      const at = this.#pending.indexOf(delimiter)
      if (at !== -1) return this.#cut(at + delimiter.length)
      if (this.#pending.length > limit) throw new Error(`no ${JSON.stringify(delimiter)} in ${limit} bytes`)
      if (!(await this.fill(deadline))) throw this.#closed(`before ${JSON.stringify(delimiter)}`)
    }
  }

  async take(count: number, deadline: Deadline): Promise<Buffer> {
    while (this.#pending.length < count) {
      if (!(await this.fill(deadline))) {
        throw this.#closed(`after ${this.#pending.length} of ${count} bytes`)
      }
    }
    return this.#cut(count)
  }

  /** At least one byte and at most `max`; undefined at the end of the stream. */
  async takeSome(max: number, deadline: Deadline): Promise<Buffer | undefined> {
    if (this.#pending.length === 0 && !(await this.fill(deadline))) return undefined
    return this.#cut(Math.min(max, this.#pending.length))
  }

  /** True when the peer closed and everything it sent has been taken. */
  async isAtEnd(deadline: Deadline): Promise<boolean> {
    return this.#pending.length === 0 && !(await this.fill(deadline))
  }

  /** Whether bytes wait that nobody has taken, without waiting for any. */
  get hasPending(): boolean {
    return this.#pending.length > 0 || this.#socket.readableLength > 0
  }

  /** Hands the socket to somebody else; returns what was read and not taken. */
  release(): Buffer {
    this.#socket.off('readable', this.#onEvent).off('close', this.#onClose)
    this.#socket.off('end', this.#onEnd).off('error', this.#onError)
    return this.#cut(this.#pending.length)
  }

  readonly #onEvent = (): void => this.#wake()
  readonly #onEnd = (): void => {
    if (this.#ending === 'open') this.#ending = 'end'
    this.#wake()
  }
  readonly #onError = (): void => {
    if (this.#ending === 'open') this.#ending = 'reset'
    this.#wake()
  }
  readonly #onClose = (): void => {
    if (this.#ending === 'open') this.#ending = 'end'
    this.#wake()
  }

  #cut(count: number): Buffer {
    const taken = this.#pending.subarray(0, count)
    this.#pending = this.#pending.subarray(count)
    return taken
  }

  #closed(where: string): ConnectionClosed {
    return new ConnectionClosed(`the peer closed the connection (${this.#ending}) ${where}`)
  }
}
