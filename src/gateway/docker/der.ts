/** As much of DER as certificates need here: one element, and the elements in one. Pure. */
export interface DerElement {
  readonly tag: number
  readonly content: Buffer
  /** Tag and length included. */
  readonly whole: Buffer
}

/** null: not a complete element. Tags above 30 and indefinite lengths are none in a certificate. */
export function readElement(bytes: Buffer, start = 0): DerElement | null {
  const tag = bytes[start]
  const first = bytes[start + 1]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return null
  let contentStart = start + 2
  let length = first
  if (first >= 0x80) {
    const count = first & 0x7f
    if (count === 0 || count > 4 || contentStart + count > bytes.length) return null
    length = bytes.readUIntBE(contentStart, count)
    contentStart += count
  }
  const end = contentStart + length
  if (end > bytes.length) return null
  return { tag, content: bytes.subarray(contentStart, end), whole: bytes.subarray(start, end) }
}

/** null: something in there is not complete. */
export function readElements(content: Buffer): DerElement[] | null {
  const elements: DerElement[] = []
  for (let start = 0; start < content.length;) {
    const element = readElement(content, start)
    if (element === null) return null
    elements.push(element)
    start += element.whole.length
  }
  return elements
}

export function encodeElement(tag: number, content: Buffer): Buffer {
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content])
  const bytes = length < 0x1_00 ? 1 : length < 0x1_00_00 ? 2 : 3
  const head = Buffer.alloc(2 + bytes)
  head[0] = tag
  head[1] = 0x80 | bytes
  head.writeUIntBE(length, 2, bytes)
  return Buffer.concat([head, content])
}
