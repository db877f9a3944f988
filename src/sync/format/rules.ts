import { fromHex } from '../ids.ts'
import { inRange } from './cbor.ts'
import type { CborValue } from './cbor.ts'
import { FormatError } from './format-error.ts'

/**
 * What a value must be to be written. Decoders encode what they have read, so these rules hold for both ways and stand
 * in one place.
 */

export function requireUint(value: number, least = 0, most: number = Number.MAX_SAFE_INTEGER): number {
  if (!inRange(value, least, most)) throw new FormatError('range', 'number')
  return value
}

export function requireLength(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new FormatError('length', `${bytes.length} bytes instead of ${length}`)
  return bytes
}

export function requireAtMost(count: number, most: number): void {
  if (count > most) throw new FormatError('limit', `${count} where ${most} is the most`)
}

/** Hex texts in ascending order, none twice. */
export function requireSorted(ids: readonly string[]): void {
  for (let index = 1; index < ids.length; index++) {
    if ((ids[index - 1] ?? '') >= (ids[index] ?? '')) throw new FormatError('order', 'not sorted, or twice')
  }
}

/** The bytes of an id that has this length. */
export function idBytes(id: string, length: number): Uint8Array {
  if (id.length !== length * 2) throw new FormatError('length', `an id of ${id.length} digits`)
  return fromHex(id)
}

/** A sorted list of ids as it is encoded. */
export function idList(ids: readonly string[], length: number, most: number): CborValue {
  requireAtMost(ids.length, most)
  requireSorted(ids)
  return ids.map((id) => idBytes(id, length))
}

/**
 * Whether text is normalised is the writer's business (`isNormalised`): engines know different versions of Unicode, and
 * one that refuses what another takes would make two trees of one log.
 */
export function requireText(text: string, mostBytes: number): string {
  if (!text.isWellFormed()) throw new FormatError('text', 'a lone surrogate')
  // No text has more UTF-16 units than bytes, so a long one needs no encoding to be refused.
  if (text.length > mostBytes || utf8Length(text) > mostBytes) throw new FormatError('limit', 'text too long')
  return text
}

/** NFC as this engine knows it: what a device writes, so that one name on two systems is one name. */
export function isNormalised(text: string): boolean {
  return text.normalize('NFC') === text
}

/** One step of a path. */
export function requireName(name: string, mostBytes: number): string {
  requireText(name, mostBytes)
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new FormatError('text', 'not a name')
  }
  return name
}

function utf8Length(text: string): number {
  let length = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    // Two units of a pair make four bytes, so each of them counts two.
    if (unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff)) length += 2
    else if (unit > 0x7f) length++
  }
  return length
}
