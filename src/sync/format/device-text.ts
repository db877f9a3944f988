import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { fromHex, hashLength, toHex } from '../ids.ts'
import type { DeviceId } from '../ids.ts'
import { decodeBase32, encodeBase32 } from './base32.ts'
import { concatBytes, sameBytes } from './cbor.ts'

/**
 * A device id for people: base32 (RFC 4648) of the id and three check bytes, which are 56 characters without padding,
 * in eight groups of seven. One mistyped id in sixteen million passes for another.
 */

const checkLength = 3
const groupLength = 7
const textLength = 56

export function deviceText(suite: CryptoSuite, deviceId: DeviceId): string {
  const id = fromHex(deviceId)
  const characters = encodeBase32(concatBytes(id, checkOf(suite, id))).toUpperCase()
  const groups: string[] = []
  for (let at = 0; at < textLength; at += groupLength) groups.push(characters.slice(at, at + groupLength))
  return groups.join('-')
}

/** Undefined if it is not a device id, or one with a slip. Case, spaces and hyphens do not matter, nor 0 for O, 1 for I, 8 for B. */
export function parseDeviceText(suite: CryptoSuite, text: string): DeviceId | undefined {
  const characters = text
    .replaceAll(/[\s-]/g, '')
    .toLowerCase()
    .replaceAll('0', 'o')
    .replaceAll('1', 'i')
    .replaceAll('8', 'b')
  if (characters.length !== textLength) return undefined
  const bytes = decodeBase32(characters)
  if (bytes === undefined) return undefined
  const id = bytes.subarray(0, hashLength)
  return sameBytes(checkOf(suite, id), bytes.subarray(hashLength)) ? toHex(id) : undefined
}

function checkOf(suite: CryptoSuite, id: Uint8Array): Uint8Array {
  return suite.hash(labels.deviceText, id).subarray(0, checkLength)
}
