import { Http1Error } from './errors.ts'
import type { Http1Limits } from './limits.ts'

const CR = 0x0d
const LF = 0x0a
const terminator = Buffer.from('\r\n\r\n', 'latin1')

/**
 * Finds the end of a head in a byte stream that arrives in any pieces, and refuses a bare LF and an
 * oversized head as soon as they are seen, not when the head is complete.
 */
export class HeadCollector {
  readonly #limits: Http1Limits
  #pending: Buffer | null = null
  #length = 0
  #text = ''
  #sawLeadingLine = false

  constructor(limits: Http1Limits) {
    this.#limits = limits
  }

  /** True once a byte of a head arrived that is not complete yet. */
  get isPartial(): boolean {
    return this.#length > 0 || this.#sawLeadingLine
  }

  /**
   * Takes bytes from `start`. Returns the offset after the head when it is complete (then call `take`), or
   * -1 when all bytes were kept and more are needed. Throws Http1Error.
   */
  feed(chunk: Buffer, start: number): number {
    return this.#length === 0 ? this.#feedFirst(chunk, start) : this.#feedMore(chunk, start)
  }

  /** The head with the CRLF of its last line but without the empty line, as Latin-1; resets the collector. */
  take(): string {
    const text = this.#text
    this.#text = ''
    return text
  }

  #feedFirst(chunk: Buffer, start: number): number {
    let from = start
    // RFC 9112 section 2.2: one empty line before a request line is ignored.
    if (!this.#sawLeadingLine && chunk[from] === CR && chunk[from + 1] === LF) {
      this.#sawLeadingLine = true
      from += 2
    }
    if (from >= chunk.length) return -1
    const end = chunk.indexOf(terminator, from)
    if (end === -1) {
      this.#append(chunk, from)
      return -1
    }
    if (end + 2 - from > this.#limits.maxHeadBytes) this.#tooLarge()
    this.#text = chunk.toString('latin1', from, end + 2)
    this.#sawLeadingLine = false
    return end + 4
  }

  #feedMore(chunk: Buffer, start: number): number {
    const before = this.#length
    this.#append(chunk, start)
    const pending = this.#pending ?? chunk
    // A leading empty line that came in two pieces.
    if (!this.#sawLeadingLine && this.#length >= 2 && pending[0] === CR && pending[1] === LF) {
      this.#sawLeadingLine = true
      const rest = Buffer.from(pending.subarray(2, this.#length))
      this.#drop()
      if (rest.length === 0) return -1
      const next = this.#feedFirst(rest, 0)
      return next === -1 ? -1 : next + 2 - before + start
    }
    const end = pending.subarray(0, this.#length).indexOf(terminator, Math.max(0, before - 3))
    if (end === -1) return -1
    if (end + 2 > this.#limits.maxHeadBytes) this.#tooLarge()
    this.#text = pending.toString('latin1', 0, end + 2)
    this.#drop()
    this.#sawLeadingLine = false
    return end + 4 - before + start
  }

  #append(chunk: Buffer, start: number): void {
    const added = Math.min(chunk.length - start, this.#limits.maxHeadBytes + 4 - this.#length)
    const needed = this.#length + added
    if (this.#pending === null || this.#pending.length < needed) {
      const grown = Buffer.allocUnsafe(Math.max(512, needed * 2))
      this.#pending?.copy(grown, 0, 0, this.#length)
      this.#pending = grown
    }
    chunk.copy(this.#pending, this.#length, start, start + added)
    this.#refuseBareLineFeed(this.#length, needed)
    this.#length = needed
    if (this.#length >= this.#limits.maxHeadBytes + 4 && !this.#isComplete()) this.#tooLarge()
  }

  #isComplete(): boolean {
    return this.#pending !== null && this.#pending.subarray(0, this.#length).includes(terminator)
  }

  /** Only up to the empty line: what follows may be a body. */
  #refuseBareLineFeed(from: number, to: number): void {
    const pending = this.#pending
    if (pending === null) return
    for (let at = pending.indexOf(LF, from); at !== -1 && at < to; at = pending.indexOf(LF, at + 1)) {
      if (at === 0 || pending[at - 1] !== CR) throw new Http1Error('HTTP_FIELD', 'bare LF in the head')
      if (at >= 3 && pending[at - 2] === LF && pending[at - 3] === CR) return
    }
  }

  #drop(): void {
    this.#pending = null
    this.#length = 0
  }

  #tooLarge(): never {
    throw new Http1Error('HTTP_HEAD_TOO_LARGE', `head larger than ${this.#limits.maxHeadBytes} bytes`)
  }
}
