import { toHex } from '../ids.ts'
import { FormatError } from './format-error.ts'

/**
 * Reads the CBOR items that entries and batches consist of, in the one order they may have, as views of the given
 * bytes. Accepts shortest heads only, so what it reads has one encoding.
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get offset(): number {
    return this.#offset
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length
  }

  end(): void {
    if (!this.atEnd) throw new FormatError('malformed', 'bytes after the end')
  }

  /** The argument of the next head, which must have this major type. */
  head(major: number): number {
    const first = this.#byte()
    if (first >>> 5 !== major) throw new FormatError('shape', 'another type')
    const size = first & 0x1f
    if (size < 24) return size
    if (size > 27) throw new FormatError('malformed', 'not a head')
    const length = 1 << (size - 24)
    if (this.#offset + length > this.#bytes.length) throw new FormatError('malformed', 'cut off')
    let argument = 0
    for (let index = 0; index < length; index++) argument = argument * 0x100 + this.#byte()
    if (!Number.isSafeInteger(argument)) throw new FormatError('range', 'number')
    const least = length === 1 ? 24 : length === 8 ? 0x1_0000_0000 : 2 ** (length * 4)
    if (argument < least) throw new FormatError('non-canonical', 'a longer head than needed')
    return argument
  }

  uint(): number {
    return this.head(0)
  }

  /** A field of a map: its number must be this one. */
  key(key: number): void {
    const found = this.head(0)
    if (found !== key) throw new FormatError('shape', `field ${found} where ${key} must stand`)
  }

  /** A byte string of any length, or of this one; a view. */
  bytes(length?: number): Uint8Array {
    const found = this.head(2)
    if (this.#offset + found > this.#bytes.length) throw new FormatError('malformed', 'cut off')
    if (length !== undefined && found !== length) throw new FormatError('length', `not ${length} bytes`)
    this.#offset += found
    return this.#bytes.subarray(this.#offset - found, this.#offset)
  }

  id(length: number): string {
    return toHex(this.bytes(length))
  }

  /** Of either sign. */
  integer(): number {
    const isNegative = (this.#bytes[this.#offset] ?? 0) >>> 5 === 1
    return isNegative ? -1 - this.head(1) : this.head(0)
  }

  boolean(): boolean {
    const byte = this.#byte()
    if (byte !== 0xf4 && byte !== 0xf5) throw new FormatError('shape', 'neither true nor false')
    return byte === 0xf5
  }

  /** Throws for what is no UTF-8; nothing is dropped or mended. */
  text(): string {
    const length = this.head(3)
    if (this.#offset + length > this.#bytes.length) throw new FormatError('malformed', 'cut off')
    const bytes = this.#bytes.subarray(this.#offset, this.#offset + length)
    this.#offset += length
    return textOf(bytes)
  }

  bytesOrNull(): Uint8Array | undefined {
    if (this.#bytes[this.#offset] !== 0xf6) return this.bytes()
    this.#offset++
    return undefined
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset++]
    if (byte === undefined) throw new FormatError('malformed', 'cut off')
    return byte
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const codes: number[] = []

/** Short plain names, which most are, cost a fraction of the decoder's time. */
function textOf(bytes: Uint8Array): string {
  if (bytes.length > 255) return decoder.decode(bytes)
  codes.length = bytes.length
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0
    if (byte > 0x7f) return decoder.decode(bytes)
    codes[index] = byte
  }
  return String.fromCharCode(...codes)
}
