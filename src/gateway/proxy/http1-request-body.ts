import { ChunkedDecoder } from '../../codec/http1/chunked-decoder.ts'
import type { Fields } from '../../codec/http1/fields.ts'
import type { Http1Limits } from '../../codec/http1/limits.ts'
import type { RequestFraming } from '../../codec/http1/request-head.ts'
import type { BodyMode } from '../upstream/upstream-connection.ts'
import type { BodyReceiver } from './front-stream.ts'

const noTrailers: Fields = []

/** What is still to come of one request body, cut out of the connection's bytes. */
export class Http1RequestBody {
  readonly #chunked: ChunkedDecoder | null
  #remaining: number

  constructor(framing: RequestFraming, limits: Http1Limits) {
    this.#chunked = framing.kind === 'chunked' ? new ChunkedDecoder(limits) : null
    this.#remaining = framing.kind === 'length' ? framing.bytes : 0
  }

  get isDone(): boolean {
    return this.#chunked === null ? this.#remaining === 0 : this.#chunked.isDone
  }

  /**
   * Hands body bytes from `start` to the receiver (null: discards them) and returns the offset after what
   * belongs to the body. Throws Http1Error on broken chunked framing.
   */
  feed(chunk: Buffer, start: number, receiver: BodyReceiver | null, mode: BodyMode): number {
    const end =
      this.#chunked === null
        ? this.#feedLength(chunk, start, receiver)
        : this.#feedChunked(this.#chunked, chunk, start, receiver, mode)
    if (this.isDone) receiver?.onRequestEnd(this.#chunked?.trailers ?? noTrailers)
    return end
  }

  #feedLength(chunk: Buffer, start: number, receiver: BodyReceiver | null): number {
    const end = Math.min(chunk.length, start + this.#remaining)
    this.#remaining -= end - start
    if (end > start) {
      receiver?.onRequestBody(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end))
    }
    return end
  }

  // oxlint-disable-next-line max-params -- private half of `feed`
  #feedChunked(
    decoder: ChunkedDecoder,
    chunk: Buffer,
    start: number,
    receiver: BodyReceiver | null,
    mode: BodyMode,
  ): number {
    if (mode === 'data') {
      return decoder.feed(chunk, start, (from, to) => receiver?.onRequestBody(chunk.subarray(from, to)))
    }
    const end = decoder.feed(chunk, start)
    if (decoder.rawEnd > start) receiver?.onRequestBody(chunk.subarray(start, decoder.rawEnd))
    return end
  }
}
