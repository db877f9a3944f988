import { Http1Error } from './errors.ts'
import type { Http1Limits } from './limits.ts'

const CR = 0x0d
const LF = 0x0a
const terminator = Buffer.from('\r\n\r\n', 'latin1')

/** RFC 9112 section 2.2: one empty line before a request line is ignored. */
const LeadingLine = { unseen: 0, carriageReturn: 1, seen: 2 } as const
type LeadingLine = (typeof LeadingLine)[keyof typeof LeadingLine]

/**
 * Finds the end of a head in a byte stream that arrives in any pieces, and refuses a bare LF and an
 * oversized head as soon as they are seen, not when the head is complete. Keeps at most the limit and two
 * bytes. After an error it refuses everything: the stream has no trustworthy continuation.
 */
export class HeadCollector {
  readonly #limits: Http1Limits
  #pending: Buffer | null = null
  #length = 0
  #text = ''
  #leadingLine: LeadingLine = LeadingLine.unseen
  #failure: Http1Error | null = null

  constructor(limits: Http1Limits) {
    this.#limits = limits
  }

  /** True once a byte of a head arrived that is not complete yet; an ignored empty line is not part of one. */
  get isPartial(): boolean {
    return this.#length > 0 || this.#leadingLine === LeadingLine.carriageReturn
  }

  /**
   * Takes bytes from `start`. Returns the offset after the head when it is complete (then call `take`), or
   * -1 when all bytes were kept and more are needed. Throws Http1Error.
   */
  feed(chunk: Buffer, start: number): number {
    if (this.#failure !== null) throw this.#failure
    if (this.#length > 0) return this.#feedMore(chunk, start)
    let from = start
    if (this.#leadingLine !== LeadingLine.seen) from = this.#skipLeadingLine(chunk, from)
    if (from >= chunk.length) return -1
    const end = chunk.indexOf(terminator, from)
    if (end === -1) return this.#feedMore(chunk, from)
    if (end + 2 - from > this.#limits.maxHeadBytes) this.#tooLarge()
    this.#text = chunk.toString('latin1', from, end + 2)
    this.#leadingLine = LeadingLine.unseen
    return end + 4
  }

  /** The head with the CRLF of its last line but without the empty line, as Latin-1; resets the collector. */
  take(): string {
    const text = this.#text
    this.#text = ''
    return text
  }

  #skipLeadingLine(chunk: Buffer, start: number): number {
    let at = start
    if (this.#leadingLine === LeadingLine.unseen) {
      if (chunk[at] !== CR) return at
      this.#leadingLine = LeadingLine.carriageReturn
      at++
    }
    if (at >= chunk.length) return at
    if (chunk[at] !== LF) this.#fail(new Http1Error('HTTP_FIELD', 'bare CR before the head'))
    this.#leadingLine = LeadingLine.seen
    return at + 1
  }

  #feedMore(chunk: Buffer, start: number): number {
    const before = this.#length
    // The shortest head that is too large shows no terminator in this many bytes.
    const capacity = this.#limits.maxHeadBytes + 2
    const length = Math.min(capacity, before + chunk.length - start)
    const pending = this.#reserve(length, capacity)
    chunk.copy(pending, before, start, start + length - before)
    this.#length = length
    const received = pending.subarray(0, length)
    const end = received.indexOf(terminator, Math.max(0, before - 3))
    if (end === -1) {
      this.#refuseBareLineFeed(received, before)
      if (length === capacity) this.#tooLarge()
      return -1
    }
    this.#text = received.toString('latin1', 0, end + 2)
    this.#pending = null
    this.#length = 0
    this.#leadingLine = LeadingLine.unseen
    return start + end + 4 - before
  }

  #reserve(needed: number, capacity: number): Buffer {
    const pending = this.#pending
    if (pending !== null && pending.length >= needed) return pending
    const grown = Buffer.allocUnsafe(Math.min(capacity, Math.max(512, needed * 2)))
    pending?.copy(grown, 0, 0, this.#length)
    this.#pending = grown
    return grown
  }

  #refuseBareLineFeed(received: Buffer, from: number): void {
    for (let at = received.indexOf(LF, from); at !== -1; at = received.indexOf(LF, at + 1)) {
      if (at === 0 || received[at - 1] !== CR) {
        this.#fail(new Http1Error('HTTP_FIELD', 'bare LF in the head'))
      }
    }
  }

  #tooLarge(): never {
    this.#fail(new Http1Error('HTTP_HEAD_TOO_LARGE', `head larger than ${this.#limits.maxHeadBytes} bytes`))
  }

  #fail(failure: Http1Error): never {
    this.#pending = null
    this.#length = 0
    this.#failure = failure
    throw failure
  }
}
