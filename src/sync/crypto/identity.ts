import { concatBytes } from '../format/cbor.ts'
import type { DeviceRecord } from '../format/membership.ts'
import { toHex } from '../ids.ts'
import type { DeviceId } from '../ids.ts'
import { labels } from './labels.ts'
import type { CryptoSuite, RandomBytes } from './suite.ts'

/** All of a device: its secrets and what others know of it. */
export interface DeviceKeys {
  /** Ed25519, 32 bytes. */
  readonly signingSeed: Uint8Array
  /** X25519, 32 bytes. */
  readonly agreementSecret: Uint8Array
  readonly record: DeviceRecord
  readonly deviceId: DeviceId
}

/** Any secret shows whether a public key has low order: then the result is zero for all of them. */
const probe = new Uint8Array(32).fill(1)

export function createDeviceKeys(suite: CryptoSuite, random: RandomBytes): DeviceKeys {
  return deviceKeysOf(suite, random(32), random(32))
}

/** The same device again, from its stored secrets. */
export function deviceKeysOf(
  suite: CryptoSuite,
  signingSeed: Uint8Array,
  agreementSecret: Uint8Array,
): DeviceKeys {
  const signingKey = suite.signingKey(signingSeed)
  const agreementKey = suite.agreementKey(agreementSecret)
  const agreementSignature = suite.sign(signingSeed, concatBytes(labels.agreement, agreementKey))
  const record = { signingKey, agreementKey, agreementSignature }
  return { signingSeed, agreementSecret, record, deviceId: deviceIdOf(suite, signingKey) }
}

export function deviceIdOf(suite: CryptoSuite, publicKey: Uint8Array): DeviceId {
  return toHex(suite.hash(labels.device, publicKey))
}

/** Is the agreement key signed by the signing key, and one that a key can be wrapped for? */
export function checkDeviceRecord(suite: CryptoSuite, record: DeviceRecord): boolean {
  const message = concatBytes(labels.agreement, record.agreementKey)
  if (!suite.verify(record.signingKey, message, record.agreementSignature)) return false
  return suite.agree(probe, record.agreementKey) !== undefined
}
