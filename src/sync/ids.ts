/**
 * Identifiers in memory are lower-case hex texts: they compare bytewise with `<`, are keys of maps, and cannot be
 * changed by whoever holds them. On the wire and on disk they are byte strings (docs/spec/log.md).
 */

/** SHA3-256 of an entry: 64 digits. */
export type EntryHash = string
/** SHA3-256 of a device's public signing key under its label: 64 digits. */
export type DeviceId = string
/** The hash of a folder's genesis entry: 64 digits. */
export type FolderId = string
/** 16 bytes that name one life of a device's chain: 32 digits. */
export type Incarnation = string
/** 16 bytes that commit to an epoch's key: 32 digits. */
export type EpochId = string
/** 16 bytes, the identity of a file, directory or symlink: 32 digits. */
export type NodeId = string

export const hashLength = 32
export const shortIdLength = 16

/** The folder itself, parent of what stands at its top. Never the node of an operation. */
export const rootNode: NodeId = '0'.repeat(32)
/** In a genesis entry, whose hash is the folder id. */
export const noFolder: FolderId = '0'.repeat(64)
/** In entries whose body is not sealed. */
export const noEpoch: EpochId = '0'.repeat(32)
/** Before the first statement of an issuer, and before the first version of a chain of versions. */
export const noHash: EntryHash = '0'.repeat(64)

const digitCodes = Array.from({ length: 16 }, (_, digit) => digit.toString(16).charCodeAt(0))
const codes: number[] = []

/** In pieces of a hash's size or more: a text put together byte by byte would stay in parts, in memory and in maps. */
const pieceLength = 512

export function toHex(bytes: Uint8Array): string {
  if (bytes.length <= pieceLength) return pieceToHex(bytes)
  let text = ''
  for (let at = 0; at < bytes.length; at += pieceLength) {
    text += pieceToHex(bytes.subarray(at, at + pieceLength))
  }
  return text
}

function pieceToHex(bytes: Uint8Array): string {
  codes.length = bytes.length * 2
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0
    codes[index * 2] = digitCodes[byte >>> 4] ?? 0
    codes[index * 2 + 1] = digitCodes[byte & 15] ?? 0
  }
  return String.fromCharCode(...codes)
}

/** The bytes of a text of hex digits that we made ourselves; input of others is never hex. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1)
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = (digit(text.charCodeAt(index * 2)) << 4) | digit(text.charCodeAt(index * 2 + 1))
  }
  return bytes
}

function digit(code: number): number {
  return code < 58 ? code - 48 : code - 87
}

/** For sorting: bytewise, as the identifiers themselves. */
export function compareIds(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
