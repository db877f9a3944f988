/** Writes the few CBOR items that entries and batches consist of into one buffer; ten times faster than via a Map. */
export class ByteWriter {
  readonly #bytes: Uint8Array
  #length = 0

  /** `capacity` must suffice for what will be written. */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity)
  }

  /** Begins anew in the same memory. */
  restart(): this {
    this.#length = 0
    return this
  }

  byte(value: number): void {
    this.#bytes[this.#length++] = value
  }

  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Bytes of a text of hex digits. */
  hex(text: string): void {
    const bytes = this.#bytes
    let at = this.#length
    for (let index = 0; index < text.length; index += 2) {
      const high = text.charCodeAt(index)
      const low = text.charCodeAt(index + 1)
      bytes[at++] = ((high < 58 ? high - 48 : high - 87) << 4) | (low < 58 ? low - 48 : low - 87)
    }
    this.#length = at
  }

  /** The shortest head of a major type with this argument. */
  head(major: number, argument: number): void {
    const type = major << 5
    if (argument < 24) {
      this.byte(type | argument)
    } else if (argument < 0x100) {
      this.byte(type | 24)
      this.byte(argument)
    } else if (argument < 0x1_0000) {
      this.byte(type | 25)
      this.#bigEndian(argument, 2)
    } else if (argument < 0x1_0000_0000) {
      this.byte(type | 26)
      this.#bigEndian(argument, 4)
    } else {
      this.byte(type | 27)
      this.#bigEndian(argument, 8)
    }
  }

  uint(value: number): void {
    this.head(0, value)
  }

  bytes(bytes: Uint8Array): void {
    this.head(2, bytes.length)
    this.raw(bytes)
  }

  /** Short, and well-formed. */
  text(text: string): void {
    if (isPlain(text)) {
      this.head(3, text.length)
      for (let index = 0; index < text.length; index++) this.#bytes[this.#length++] = text.charCodeAt(index)
      return
    }
    const bytes = encoder.encode(text)
    this.head(3, bytes.length)
    this.raw(bytes)
  }

  id(text: string): void {
    this.head(2, text.length >> 1)
    this.hex(text)
  }

  /** What was written; the writer may be used again after it. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** The buffer itself, which must be full. */
  finish(): Uint8Array {
    if (this.#length !== this.#bytes.length) throw new RangeError('another length than was foreseen')
    return this.#bytes
  }

  #bigEndian(value: number, size: number): void {
    let rest = value
    for (let index = size - 1; index >= 0; index--) {
      this.#bytes[this.#length + index] = rest % 0x100
      rest = Math.floor(rest / 0x100)
    }
    this.#length += size
  }
}

export function headLength(argument: number): number {
  if (argument < 24) return 1
  if (argument < 0x100) return 2
  if (argument < 0x1_0000) return 3
  return argument < 0x1_0000_0000 ? 5 : 9
}

const encoder = new TextEncoder()

function isPlain(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false
  return true
}
