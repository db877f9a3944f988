import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { fromHex, hashLength, toHex } from '../ids.ts'
import type { DeviceId } from '../ids.ts'
import { concatBytes, sameBytes } from './cbor.ts'

/**
 * A device id for people: base32 (RFC 4648) of the id and three check bytes, which are 56 characters without padding,
 * in eight groups of seven. One mistyped id in sixteen million passes for another.
 */

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const checkLength = 3
const groupLength = 7
const textLength = 56

export function deviceText(suite: CryptoSuite, deviceId: DeviceId): string {
  const id = fromHex(deviceId)
  const characters = encodeBase32(concatBytes(id, checkOf(suite, id)))
  const groups: string[] = []
  for (let at = 0; at < textLength; at += groupLength) groups.push(characters.slice(at, at + groupLength))
  return groups.join('-')
}

/** Undefined if it is not a device id, or one with a slip. Case, spaces and hyphens do not matter, nor 0 for O, 1 for I, 8 for B. */
export function parseDeviceText(suite: CryptoSuite, text: string): DeviceId | undefined {
  const characters = text
    .replaceAll(/[\s-]/g, '')
    .toUpperCase()
    .replaceAll('0', 'O')
    .replaceAll('1', 'I')
    .replaceAll('8', 'B')
  if (characters.length !== textLength) return undefined
  const bytes = decodeBase32(characters)
  if (bytes === undefined) return undefined
  const id = bytes.subarray(0, hashLength)
  return sameBytes(checkOf(suite, id), bytes.subarray(hashLength)) ? toHex(id) : undefined
}

function checkOf(suite: CryptoSuite, id: Uint8Array): Uint8Array {
  return suite.hash(labels.deviceText, id).subarray(0, checkLength)
}

/** Of a multiple of five bytes, so that nothing is left over. */
function encodeBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(held >>> bits) & 31] ?? ''
    }
    held &= (1 << bits) - 1
  }
  return text
}

function decodeBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array((text.length * 5) >> 3)
  let length = 0
  let bits = 0
  let held = 0
  for (const character of text) {
    const value = alphabet.indexOf(character)
    if (value < 0) return undefined
    held = (held << 5) | value
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes[length++] = held >>> bits
    held &= (1 << bits) - 1
  }
  return bytes
}
