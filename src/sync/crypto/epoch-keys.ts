import { concatBytes } from '../format/cbor.ts'
import type { DeviceRecord, Genesis } from '../format/membership.ts'
import { compareIds, fromHex, shortIdLength, toHex } from '../ids.ts'
import type { EpochId, FolderId } from '../ids.ts'
import type { DeviceKeys } from './identity.ts'
import { deviceIdOf } from './identity.ts'
import { labels } from './labels.ts'
import type { CryptoSuite, RandomBytes } from './suite.ts'

const keyLength = 32
const wrapLength = 80
/** Each key that it is used with seals one thing only. */
const zeroNonce = new Uint8Array(12)
const nothing = new Uint8Array(0)

/** 32 bytes that tie a wrap to its folder: the folder id; in genesis the salt, since the id is not known there yet. */
export type WrapScope = Uint8Array

export function folderScope(folderId: FolderId): WrapScope {
  return fromHex(folderId)
}

export function genesisScope(genesis: Pick<Genesis, 'salt'>): WrapScope {
  return genesis.salt
}

/** A commitment to the key: whoever opens a wrap sees whether it is the epoch's. */
export function epochIdOf(suite: CryptoSuite, epochKey: Uint8Array): EpochId {
  return toHex(suite.hash(labels.epoch, epochKey).subarray(0, shortIdLength))
}

/** For a device whose record `checkDeviceRecord` accepts. 80 bytes. */
export function wrapEpochKey(
  suite: CryptoSuite,
  random: RandomBytes,
  epochKey: Uint8Array,
  scope: WrapScope,
  recipient: DeviceRecord,
): Uint8Array {
  const secret = random(keyLength)
  const ephemeral = suite.agreementKey(secret)
  const shared = suite.agree(secret, recipient.agreementKey)
  if (shared === undefined) throw new RangeError('an agreement key of low order')
  const key = suite.derive(
    shared,
    concatBytes(ephemeral, recipient.agreementKey),
    wrapInfo(suite, scope, epochIdOf(suite, epochKey), recipient.signingKey),
  )
  const sealed = suite.seal(key, zeroNonce, { associated: nothing, content: epochKey })
  return concatBytes(ephemeral, sealed)
}

/** The key, if the wrap is for this device and opens to the key of that epoch. */
export function unwrapEpochKey(
  suite: CryptoSuite,
  keys: DeviceKeys,
  wrap: { readonly epoch: EpochId; readonly wrapped: Uint8Array },
  scope: WrapScope,
): Uint8Array | undefined {
  if (wrap.wrapped.length !== wrapLength) return undefined
  const ephemeral = wrap.wrapped.subarray(0, keyLength)
  const shared = suite.agree(keys.agreementSecret, ephemeral)
  if (shared === undefined) return undefined
  const key = suite.derive(
    shared,
    concatBytes(ephemeral, keys.record.agreementKey),
    wrapInfo(suite, scope, wrap.epoch, keys.record.signingKey),
  )
  const content = wrap.wrapped.subarray(keyLength)
  const epochKey = suite.open(key, zeroNonce, { associated: nothing, content })
  if (epochKey === undefined || epochIdOf(suite, epochKey) !== wrap.epoch) return undefined
  return epochKey
}

export interface SealedKeys {
  readonly previous: readonly EpochId[]
  readonly sealedKeys: Uint8Array
}

/** For a rekey: the keys of earlier epochs, so that a new member needs the newest key only. */
export function sealPreviousKeys(
  suite: CryptoSuite,
  folderId: FolderId,
  epochKey: Uint8Array,
  earlierKeys: Iterable<Uint8Array>,
): SealedKeys {
  const byEpoch = new Map<EpochId, Uint8Array>()
  for (const key of earlierKeys) byEpoch.set(epochIdOf(suite, key), key)
  const previous = [...byEpoch.keys()].sort(compareIds)
  const content = concatBytes(...previous.map((epoch) => byEpoch.get(epoch) ?? nothing))
  const key = previousKeysKey(suite, folderId, epochKey)
  return { previous, sealedKeys: suite.seal(key, zeroNonce, { associated: epochList(previous), content }) }
}

/** The earlier keys by epoch; undefined unless all of them are what the rekey says. */
export function openPreviousKeys(
  suite: CryptoSuite,
  folderId: FolderId,
  epochKey: Uint8Array,
  sealed: SealedKeys,
): Map<EpochId, Uint8Array> | undefined {
  const { previous, sealedKeys } = sealed
  const key = previousKeysKey(suite, folderId, epochKey)
  const content = suite.open(key, zeroNonce, { associated: epochList(previous), content: sealedKeys })
  if (content === undefined || content.length !== previous.length * keyLength) return undefined
  const keys = new Map<EpochId, Uint8Array>()
  let offset = 0
  for (const epoch of previous) {
    const earlier = content.slice(offset, offset + keyLength)
    if (epochIdOf(suite, earlier) !== epoch) return undefined
    keys.set(epoch, earlier)
    offset += keyLength
  }
  return keys
}

/** Keys the places in the state map, so that they tell nothing of nodes. From the first epoch: it never changes. */
export function mapKeyOf(suite: CryptoSuite, folderId: FolderId, firstEpochKey: Uint8Array): Uint8Array {
  return suite.derive(firstEpochKey, fromHex(folderId), labels.map)
}

function wrapInfo(suite: CryptoSuite, scope: WrapScope, epoch: EpochId, signingKey: Uint8Array): Uint8Array {
  return concatBytes(labels.wrap, scope, fromHex(epoch), fromHex(deviceIdOf(suite, signingKey)))
}

function previousKeysKey(suite: CryptoSuite, folderId: FolderId, epochKey: Uint8Array): Uint8Array {
  return suite.derive(epochKey, fromHex(folderId), labels.previousKeys)
}

function epochList(epochs: readonly EpochId[]): Uint8Array {
  return concatBytes(...epochs.map(fromHex))
}
