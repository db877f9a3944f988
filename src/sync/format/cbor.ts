import { decode, encode, Tokenizer } from 'cborg'
import type { DecodeOptions, EncodeOptions, Token } from 'cborg'
import type { Hlc } from './entry.ts'
import { FormatError } from './format-error.ts'

/**
 * Deterministic CBOR (RFC 8949, 4.2.1): integer keys in ascending order, shortest heads, definite lengths, no tags, no
 * floats. Writers pass Maps whose keys are in order already, because sorting them again costs more than encoding.
 */

export type CborValue =
  | number
  | boolean
  | null
  | string
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<number, CborValue>

/** Our formats nest at most four deep. */
const maximumDepth = 6

const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

// Without a sorter the keys stay as given; the declared type does not know that it may be absent.
const encodeOptions = { mapSorter: undefined } as unknown as EncodeOptions

const decodeOptions: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  useMaps: true,
  rejectDuplicateMapKeys: true,
}

/** Refuses, before anything is built, what the formats never hold; and reads text without dropping or mending any of it. */
class StrictTokenizer extends Tokenizer {
  /** For each open array or map, how many items are still to come. */
  readonly #open: number[] = []
  #itemsLeft: number

  constructor(data: Uint8Array, mostItems: number) {
    super(data, decodeOptions)
    this.#itemsLeft = mostItems
  }

  override next(): Token {
    if (--this.#itemsLeft < 0) throw new FormatError('limit', 'too many items')
    const start = this.pos()
    const first = this.data[start] ?? 0xff
    const major = first >>> 5
    if (major === 6 || (major === 7 && (first < 0xf4 || first > 0xf6))) {
      throw new FormatError('malformed', 'a type that is not used here')
    }
    const token = super.next()
    if (major === 3) token.value = textAt(this.data, this.pos(), token)
    this.#count(major, major === 4 || major === 5 ? Number(token.value) : 0)
    return token
  }

  #count(major: number, items: number): void {
    const open = this.#open
    if (major === 4 || major === 5) {
      // The item that this list is to the one around it is counted when the list closes.
      if (open.length === maximumDepth) throw new FormatError('malformed', 'nested too deeply')
      const count = major === 4 ? items : items * 2
      if (count > this.data.length - this.pos()) throw new FormatError('malformed', 'more items than bytes')
      if (count > this.#itemsLeft) throw new FormatError('limit', 'too many items')
      open.push(count)
    } else if (open.length > 0) {
      open.push((open.pop() ?? 1) - 1)
    }
    while (open.length > 0 && open[open.length - 1] === 0) {
      open.pop()
      if (open.length > 0) open.push((open.pop() ?? 1) - 1)
    }
  }
}

function textAt(data: Uint8Array, end: number, token: Token): string {
  const length = token.encodedLength ?? 0
  const head = length < 25 ? 1 : length < 258 ? 2 : length < 65_539 ? 3 : 5
  // A longer head than needed is refused by the strict option, so the length tells the head's size.
  return textDecoder.decode(data.subarray(end - length + head, end))
}

/** Throws for values that have no encoding here only by mistake of a codec; ranges are the codecs' business. */
export function encodeCbor(value: CborValue): Uint8Array {
  const bytes = encode(value, encodeOptions)
  // The encoder may hand out a part of its own, larger memory.
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)
}

/**
 * Byte strings in the result are copies. Throws FormatError `malformed`; or `limit` if there are more items than
 * `mostItems`, counting lists, maps and keys too: a small item costs thousands of times as much to build as to send.
 */
export function decodeCbor(bytes: Uint8Array, mostItems = Infinity): unknown {
  try {
    return decode(bytes, {
      ...decodeOptions,
      tokenizer: new StrictTokenizer(plainView(bytes), mostItems),
    })
  } catch (error) {
    if (error instanceof FormatError) throw error
    throw new FormatError('malformed', error instanceof Error ? error.message : 'not CBOR')
  }
}

/** The same memory as a plain Uint8Array, whatever subclass the caller has. */
export function plainView(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false
  return true
}

/** The last step of every decoder: there is one encoding, and it is this one. */
export function requireSame(given: Uint8Array, encoded: Uint8Array): void {
  if (!sameBytes(given, encoded)) throw new FormatError('non-canonical', 'encodes to other bytes')
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

/** 8 bytes, big-endian, of a non-negative safe integer. */
export function uint64Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, Math.floor(value / 0x1_0000_0000))
  view.setUint32(4, value % 0x1_0000_0000)
  return bytes
}

const maximumMs = 0xffff_ffff_ffff

export function encodeHlc(hlc: Hlc): Uint8Array {
  if (!(inRange(hlc.ms, 0, maximumMs) && inRange(hlc.counter, 0, 0xffff))) {
    throw new FormatError('range', 'hlc')
  }
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, Math.floor(hlc.ms / 0x1_0000))
  view.setUint16(4, hlc.ms % 0x1_0000)
  view.setUint16(6, hlc.counter)
  return bytes
}

export function decodeHlc(bytes: Uint8Array): Hlc {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { ms: view.getUint32(0) * 0x1_0000 + view.getUint16(4), counter: view.getUint16(6) }
}

export function inRange(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}
