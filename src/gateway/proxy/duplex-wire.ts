import type { Duplex } from 'node:stream'
import { writeTransient } from '../../net/stream-wire.ts'
import type { Wire, WireHandler } from '../../net/wire.ts'

/**
 * The client's end of a tunnel: a TCP or TLS socket after its upgrade, or an HTTP/2 stream. Whoever owns
 * the stream's listeners hands its events to `handler`.
 */
export class DuplexWire implements Wire {
  readonly #stream: Duplex & { destroySoon?: () => void }
  handler: WireHandler | null = null

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  setHandler(handler: WireHandler): void {
    this.handler = handler
  }

  write(data: Buffer | string): boolean {
    return typeof data === 'string' ? this.#stream.write(data, 'latin1') : writeTransient(this.#stream, data)
  }

  cork(): void {
    this.#stream.cork()
  }

  uncork(): boolean {
    this.#stream.uncork()
    return this.#stream.writableLength === 0
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
}
