import { toHex } from '../ids.ts'
import { decodeCbor, inRange } from './cbor.ts'
import { FormatError } from './format-error.ts'

/**
 * Typed reading of a decoded map: each method takes one field out, or throws. `end` refuses what nobody took, so an
 * unknown field is never ignored.
 */
export class Fields {
  readonly #map: ReadonlyMap<unknown, unknown>
  #taken = 0

  constructor(value: unknown) {
    if (!(value instanceof Map)) throw new FormatError('shape', 'not a map')
    this.#map = value
  }

  /** `mostItems`: as of `decodeCbor`. */
  static of(bytes: Uint8Array, mostItems = Infinity): Fields {
    return new Fields(decodeCbor(bytes, mostItems))
  }

  has(key: number): boolean {
    return this.#map.has(key)
  }

  uint(key: number): number {
    return asUint(this.#take(key))
  }

  boolean(key: number): boolean {
    const value = this.#take(key)
    if (typeof value !== 'boolean') throw new FormatError('shape', `field ${key}`)
    return value
  }

  text(key: number): string {
    const value = this.#take(key)
    if (typeof value !== 'string') throw new FormatError('shape', `field ${key}`)
    return value
  }

  /** A byte string; of this length, if one is given. */
  bytes(key: number, length?: number): Uint8Array {
    return asBytes(this.#take(key), length)
  }

  /** A byte string of this length, as hex text. */
  id(key: number, length: number): string {
    return asId(this.#take(key), length)
  }

  /** The number must be the index of a name in the list. */
  choice<T extends string>(key: number, names: readonly T[]): T {
    const name = names[asUint(this.#take(key))]
    if (name === undefined) throw new FormatError('range', `field ${key}`)
    return name
  }

  list(key: number, most: number): readonly unknown[] {
    return asList(this.#take(key), most)
  }

  ids(key: number, length: number, most: number): string[] {
    return this.list(key, most).map((item) => asId(item, length))
  }

  /** The version of the format, which must be 1. */
  version(key: number): void {
    if (this.uint(key) !== 1) throw new FormatError('version', 'another format version')
  }

  end(): void {
    if (this.#taken !== this.#map.size) throw new FormatError('shape', 'an unknown field')
  }

  #take(key: number): unknown {
    const value = this.#map.get(key)
    if (value === undefined) throw new FormatError('shape', `field ${key} is missing`)
    this.#taken++
    return value
  }
}

export function asUint(value: unknown): number {
  return asInteger(value, 0)
}

export function asInteger(value: unknown, least: number): number {
  if (typeof value !== 'number') throw new FormatError('shape', 'not a number')
  if (!inRange(value, least, Number.MAX_SAFE_INTEGER)) throw new FormatError('range', 'number')
  return value
}

export function asBytes(value: unknown, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new FormatError('shape', 'not a byte string')
  if (length !== undefined && value.length !== length) throw new FormatError('length', `not ${length} bytes`)
  return value
}

export function asId(value: unknown, length: number): string {
  return toHex(asBytes(value, length))
}

export function asList(value: unknown, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new FormatError('shape', 'not a list')
  if (value.length > most) throw new FormatError('limit', `more than ${most} items`)
  return value
}

/** A list with exactly this many items. */
export function asTuple(value: unknown, length: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length !== length) throw new FormatError('shape', `not ${length} items`)
  return value
}
