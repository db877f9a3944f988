import type { Duplex } from 'node:stream'
import { transientBytes, type Wire, type WireHandler } from '../upstream/wire.ts'

/**
 * Writes bytes that are only valid now (an upstream's reused read buffer) to a stream. Small ones are
 * copied. Large ones go out as they are: mostly the kernel takes them at once, and where it does not, false
 * is returned and the caller must leave the buffer alone until `drain`.
 */
export function writeTransient(stream: Duplex, bytes: Buffer): boolean {
  const isSmall = bytes.length <= transientBytes || bytes.length < stream.writableHighWaterMark
  if (isSmall) return stream.write(Buffer.from(bytes))
  stream.write(bytes)
  return stream.writableLength === 0
}

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
