import { ExtensionState, nextExtensionState } from './chunk-extension.ts'
import { Http1Error } from './errors.ts'
import { parseFields, refuseControlCharacters, type Fields } from './fields.ts'
import type { Http1Limits } from './limits.ts'

const State = {
  size: 0,
  extension: 1,
  sizeLineFeed: 2,
  data: 3,
  dataCarriageReturn: 4,
  dataLineFeed: 5,
  trailers: 6,
  done: 7,
  failed: 8,
} as const
type State = (typeof State)[keyof typeof State]

const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b
const maxSizeDigits = 13
const noTrailers: Fields = []

/** RFC 9110 section 6.5.1: fields that decide framing, routing or the connection come too late in a trailer. */
const neverInTrailers = new Set(
  'content-length transfer-encoding host connection keep-alive proxy-connection te trailer upgrade expect'.split(
    ' ',
  ),
)

/**
 * Strict chunked framing (RFC 9112 section 7.1) over bytes that arrive in any pieces. The caller either
 * forwards the validated bytes as they are (up to `rawEnd`) or takes the data ranges, and gets the trailer
 * fields parsed, so that it can filter them. After an error it refuses everything.
 */
export class ChunkedDecoder {
  readonly #limits: Http1Limits
  #state: State = State.size
  #size = 0
  #digits = 0
  #extension: ExtensionState = ExtensionState.nameStart
  #extensionBytes = 0
  #trailerText = ''
  #trailerLine = ''
  #rawEnd = 0

  constructor(limits: Http1Limits) {
    this.#limits = limits
  }

  /** Trailer fields, complete once `isDone`. */
  trailers: Fields = noTrailers

  get isDone(): boolean {
    return this.#state === State.done
  }

  /** After `feed`: bytes before this offset are chunk framing and data that may be forwarded as they are. */
  get rawEnd(): number {
    return this.#rawEnd
  }

  /**
   * Takes bytes from `start` and returns the offset after what belongs to this body: the chunk's length
   * unless the body ended earlier. `onData` gets each range of data. Throws Http1Error.
   */
  feed(chunk: Buffer, start: number, onData?: (from: number, to: number) => void): number {
    try {
      return this.#feed(chunk, start, onData)
    } catch (error) {
      this.#state = State.failed
      throw error
    }
  }

  #feed(chunk: Buffer, start: number, onData?: (from: number, to: number) => void): number {
    let at = start
    this.#rawEnd = start
    const end = chunk.length
    while (at < end) {
      switch (this.#state) {
        case State.data: {
          const to = Math.min(end, at + this.#size)
          onData?.(at, to)
          this.#size -= to - at
          at = to
          if (this.#size === 0) this.#state = State.dataCarriageReturn
          break
        }
        case State.size:
          this.#onSizeByte(chunk[at] ?? 0)
          at++
          break
        case State.extension:
          this.#onExtensionByte(chunk[at] ?? 0)
          at++
          break
        case State.sizeLineFeed:
          this.#expect(chunk[at], LF)
          this.#state = this.#size === 0 ? State.trailers : State.data
          this.#digits = 0
          at++
          if (this.#state === State.trailers) this.#rawEnd = at
          break
        case State.dataCarriageReturn:
          this.#expect(chunk[at], CR)
          this.#state = State.dataLineFeed
          at++
          break
        case State.dataLineFeed:
          this.#expect(chunk[at], LF)
          this.#state = State.size
          at++
          break
        case State.trailers:
          at = this.#onTrailerBytes(chunk, at)
          break
        case State.done:
          return at
        case State.failed:
          throw new Http1Error('HTTP_CHUNK', 'bytes after a malformed chunk')
      }
      if (this.#state < State.trailers) this.#rawEnd = at
    }
    return at
  }

  #onSizeByte(byte: number): void {
    const digit = hexDigit(byte)
    if (digit !== -1) {
      if (++this.#digits > maxSizeDigits) throw new Http1Error('HTTP_CHUNK', 'chunk size too long')
      this.#size = this.#size * 16 + digit
      return
    }
    if (this.#digits === 0) throw new Http1Error('HTTP_CHUNK', 'chunk without a size')
    if (byte === CR) {
      this.#state = State.sizeLineFeed
    } else if (byte === SEMICOLON) {
      this.#state = State.extension
      this.#extension = ExtensionState.nameStart
      this.#countExtensionByte()
    } else {
      throw new Http1Error('HTTP_CHUNK', 'malformed chunk size')
    }
  }

  #onExtensionByte(byte: number): void {
    this.#extension = nextExtensionState(this.#extension, byte)
    if (this.#extension === ExtensionState.ended) this.#state = State.sizeLineFeed
    else this.#countExtensionByte()
  }

  #countExtensionByte(): void {
    if (++this.#extensionBytes > this.#limits.maxChunkExtensionBytes) {
      throw new Http1Error(
        'HTTP_CHUNK',
        `chunk extensions larger than ${this.#limits.maxChunkExtensionBytes} bytes`,
      )
    }
  }

  #expect(byte: number | undefined, wanted: number): void {
    if (byte !== wanted) throw new Http1Error('HTTP_CHUNK', 'chunk not ended by CRLF')
  }

  /** Collects the trailer section up to and with its empty line; the limit is without that line. */
  #onTrailerBytes(chunk: Buffer, start: number): number {
    const lineFeed = chunk.indexOf(LF, start)
    const end = lineFeed === -1 ? chunk.length : lineFeed + 1
    const { maxHeadBytes } = this.#limits
    if (this.#trailerText.length + this.#trailerLine.length + end - start > maxHeadBytes + 2) {
      throw new Http1Error('HTTP_HEAD_TOO_LARGE', `trailers larger than ${maxHeadBytes} bytes`)
    }
    this.#trailerLine += chunk.toString('latin1', start, end)
    if (lineFeed === -1) return end
    if (!this.#trailerLine.endsWith('\r\n')) throw new Http1Error('HTTP_FIELD', 'bare LF in the trailers')
    if (this.#trailerLine === '\r\n') this.#finishTrailers()
    else this.#trailerText += this.#trailerLine
    this.#trailerLine = ''
    return end
  }

  #finishTrailers(): void {
    const text = this.#trailerText
    this.#trailerText = ''
    if (text !== '') {
      refuseControlCharacters(text)
      const fields = parseFields(text, 0, text.length, this.#limits)
      for (let index = 0; index < fields.length; index += 2) {
        if (neverInTrailers.has(fields[index] ?? '')) {
          throw new Http1Error('HTTP_FIELD', `${fields[index]} in the trailers`)
        }
      }
      this.trailers = fields
    }
    this.#state = State.done
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  if (byte >= 0x61 && byte <= 0x66) return byte - 0x57
  if (byte >= 0x41 && byte <= 0x46) return byte - 0x37
  return -1
}
