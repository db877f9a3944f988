import { chunkIdLength } from '../content/content.ts'

/**
 * A pack: a head, then sealed chunks, each behind its id and length. It holds nothing but ciphertext and its hashes, and
 * enough of them to make the index anew.
 *
 *     head    "HARPPACK", format version u32, 4 zero bytes
 *     record  chunk id (32), length of what follows u32, sealed chunk
 *
 * Numbers are big-endian.
 */
export const packHeadLength = 16
export const recordHeadLength = chunkIdLength + 4
const magic = Buffer.from('HARPPACK', 'latin1')
const formatVersion = 1

export function packHead(): Uint8Array {
  const head = Buffer.alloc(packHeadLength)
  magic.copy(head)
  head.writeUInt32BE(formatVersion, magic.length)
  return head
}

export type PackHead = 'ours' | 'newer' | 'foreign' | 'torn'

/** `torn`: what a crash may leave of a head that was being written. */
export function readPackHead(bytes: Uint8Array): PackHead {
  if (bytes.length < packHeadLength || bytes.every((byte) => byte === 0)) {
    return bytes.every((byte, index) => byte === 0 || byte === packHead()[index]) ? 'torn' : 'foreign'
  }
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, packHeadLength)
  if (!head.subarray(0, magic.length).equals(magic)) return 'foreign'
  return head.readUInt32BE(magic.length) === formatVersion ? 'ours' : 'newer'
}

export function recordHead(id: Uint8Array, length: number): Uint8Array {
  const head = Buffer.allocUnsafe(recordHeadLength)
  head.set(id)
  head.writeUInt32BE(length, chunkIdLength)
  return head
}

export function readRecordHead(bytes: Uint8Array): { readonly id: Uint8Array; readonly length: number } {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, recordHeadLength)
  return { id: bytes.slice(0, chunkIdLength), length: head.readUInt32BE(chunkIdLength) }
}

const namePattern = /^(\d{6,12})\.pack$/

export function packName(number: number): string {
  return `${String(number).padStart(6, '0')}.pack`
}

export function packNumber(name: string): number | undefined {
  const digits = namePattern.exec(name)?.[1]
  const number = Number(digits)
  return digits !== undefined && packName(number) === name ? number : undefined
}
