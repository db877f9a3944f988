import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { concatBytes } from '../format/cbor.ts'
import { fromHex, type DeviceId } from '../ids.ts'
import { tagLength } from './discovery-limits.ts'

/**
 * A tag says "this is me" to one other device and nothing to anybody else: it comes from a secret of the two, is another
 * one in each direction and each hour, and nobody without that secret can tell that two of them belong together.
 */
const hourMs = 3_600_000
const noSalt = new Uint8Array(0)

export function hourOf(wallMs: number): number {
  return Math.floor(wallMs / hourMs)
}

/** What two devices know alike, from the secret of one and the public key of the other; undefined for a bad key. */
export function pairKey(
  suite: CryptoSuite,
  agreementSecret: Uint8Array,
  agreementKey: Uint8Array,
): Uint8Array | undefined {
  const shared = suite.agree(agreementSecret, agreementKey)
  return shared === undefined ? undefined : suite.derive(shared, noSalt, labels.discovery)
}

export function pairTag(suite: CryptoSuite, key: Uint8Array, sender: DeviceId, hour: number): Uint8Array {
  const info = concatBytes(labels.discoveryTag, fromHex(sender))
  return suite.derive(key, bytesOf(hour), info).slice(0, tagLength)
}

/** Looks like a tag, and stays the same for an hour as they do. */
export function fillerTag(suite: CryptoSuite, secret: Uint8Array, index: number, hour: number): Uint8Array {
  const info = concatBytes(labels.discoveryFiller, bytesOf(index))
  return suite.derive(secret, bytesOf(hour), info).slice(0, tagLength)
}

function bytesOf(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}
