import { discoveryLimits as limits, tagLength } from './discovery-limits.ts'

/** What one datagram says (docs/spec/discovery.md). */
export interface Beacon {
  /** Who recognises itself shall send its own: the sender has just come up. */
  readonly wantsAnswer: boolean
  /** Where the sender listens by TCP; 0: nowhere that this network leads to. */
  readonly port: number
  readonly nonce: Uint8Array
  readonly tags: readonly Uint8Array[]
}

export const nonceLength = 8
const magic = Uint8Array.of(0x68, 0x61, 0x72, 0x70)
const version = 1
const headLength = magic.length + 4 + nonceLength
const answerFlag = 1
export const longestBeacon: number = headLength + limits.tagsOfBeacon * tagLength

export function encodeBeacon(beacon: Beacon): Uint8Array {
  const bytes = new Uint8Array(headLength + beacon.tags.length * tagLength)
  bytes.set(magic)
  bytes[4] = version
  bytes[5] = beacon.wantsAnswer ? answerFlag : 0
  new DataView(bytes.buffer).setUint16(6, beacon.port)
  bytes.set(beacon.nonce, 8)
  for (const [index, tag] of beacon.tags.entries()) bytes.set(tag, headLength + index * tagLength)
  return bytes
}

/** Undefined for what is no beacon of this version. */
export function decodeBeacon(bytes: Uint8Array): Beacon | undefined {
  if (bytes.length < headLength + tagLength || bytes.length > longestBeacon) return undefined
  if ((bytes.length - headLength) % tagLength !== 0) return undefined
  if (magic.some((byte, index) => bytes[index] !== byte) || bytes[4] !== version) return undefined
  const tags: Uint8Array[] = []
  for (let at = headLength; at < bytes.length; at += tagLength) tags.push(bytes.slice(at, at + tagLength))
  return {
    wantsAnswer: ((bytes[5] ?? 0) & answerFlag) !== 0,
    port: new DataView(bytes.buffer, bytes.byteOffset).getUint16(6),
    nonce: bytes.slice(8, headLength),
    tags,
  }
}
