import { hashLength, noEpoch, shortIdLength } from '../ids.ts'
import type { EpochId } from '../ids.ts'
import { encodeCbor, requireSame } from './cbor.ts'
import type { CborValue } from './cbor.ts'
import { asBytes, asId, asTuple, asUint, Fields } from './fields.ts'
import { FormatError } from './format-error.ts'
import { limits } from './limits.ts'
import { folderModes, roles } from './membership.ts'
import type {
  ChunkerParameters,
  DeviceRecord,
  DeviceWrap,
  EpochWrap,
  Genesis,
  Grant,
  Rekey,
  Revoke,
} from './membership.ts'
import { idBytes, idList, requireAtMost, requireLength, requireSorted, requireUint } from './rules.ts'

const keyLength = 32
const signatureLength = 64
export const wrapLength = 80
const tagLength = 16
/** A list of pairs and one of ids, and the other fields. */
const mostItems = 4 * limits.wraps + 64
const maximumChunk = 0x4000_0000

export function encodeGenesis(genesis: Genesis): Uint8Array {
  if ((genesis.authority === undefined) !== (genesis.mode === 'peer')) {
    throw new FormatError('shape', 'an authority if and only if the mode has one')
  }
  const fields = new Map<number, CborValue>([
    [1, 1],
    [2, requireUint(genesis.suite, 1, 255)],
    [3, folderModes.indexOf(genesis.mode)],
    [4, recordItems(genesis.creator)],
  ])
  if (genesis.authority !== undefined) fields.set(5, recordItems(genesis.authority))
  fields.set(6, chunkerItems(genesis.chunker))
  fields.set(7, requireLength(genesis.salt, 32))
  fields.set(8, epochBytes(genesis.epoch))
  fields.set(9, deviceWrapItems(genesis.wraps))
  return encodeCbor(fields)
}

export function decodeGenesis(bytes: Uint8Array): Genesis {
  const fields = open(bytes)
  const genesis: Genesis = {
    suite: fields.uint(2),
    mode: fields.choice(3, folderModes),
    creator: readRecord(fields.list(4, 3)),
    authority: fields.has(5) ? readRecord(fields.list(5, 3)) : undefined,
    chunker: readChunker(fields.list(6, 3)),
    salt: fields.bytes(7, 32),
    epoch: fields.id(8, shortIdLength),
    wraps: readDeviceWraps(fields.list(9, limits.wraps)),
  }
  fields.end()
  requireSame(bytes, encodeGenesis(genesis))
  return genesis
}

export function encodeGrant(grant: Grant): Uint8Array {
  if (grant.role === 'cache' && grant.wraps.length > 0) throw new FormatError('shape', 'keys for a cache')
  requireSorted(grant.wraps.map((wrap) => wrap.epoch))
  requireAtMost(grant.wraps.length, limits.wraps)
  return encodeCbor(
    new Map<number, CborValue>([
      [1, 1],
      [2, recordItems(grant.device)],
      [3, roles.indexOf(grant.role)],
      [4, grant.wraps.map((wrap) => [epochBytes(wrap.epoch), requireLength(wrap.wrapped, wrapLength)])],
    ]),
  )
}

export function decodeGrant(bytes: Uint8Array): Grant {
  const fields = open(bytes)
  const grant: Grant = {
    device: readRecord(fields.list(2, 3)),
    role: fields.choice(3, roles),
    wraps: fields.list(4, limits.wraps).map(readEpochWrap),
  }
  fields.end()
  requireSame(bytes, encodeGrant(grant))
  return grant
}

export function encodeRevoke(revoke: Revoke): Uint8Array {
  return encodeCbor(
    new Map<number, CborValue>([
      [1, 1],
      [2, idBytes(revoke.deviceId, hashLength)],
    ]),
  )
}

export function decodeRevoke(bytes: Uint8Array): Revoke {
  const fields = open(bytes)
  const revoke: Revoke = { deviceId: fields.id(2, hashLength) }
  fields.end()
  requireSame(bytes, encodeRevoke(revoke))
  return revoke
}

export function encodeRekey(rekey: Rekey): Uint8Array {
  if (rekey.previous.includes(rekey.epoch)) throw new FormatError('range', 'an epoch before itself')
  return encodeCbor(
    new Map<number, CborValue>([
      [1, 1],
      [2, epochBytes(rekey.epoch)],
      [3, deviceWrapItems(rekey.wraps)],
      [4, idList(rekey.previous, shortIdLength, limits.wraps)],
      [5, requireLength(rekey.sealedKeys, rekey.previous.length * keyLength + tagLength)],
    ]),
  )
}

export function decodeRekey(bytes: Uint8Array): Rekey {
  const fields = open(bytes)
  const rekey: Rekey = {
    epoch: fields.id(2, shortIdLength),
    wraps: readDeviceWraps(fields.list(3, limits.wraps)),
    previous: fields.ids(4, shortIdLength, limits.wraps),
    sealedKeys: fields.bytes(5),
  }
  fields.end()
  requireSame(bytes, encodeRekey(rekey))
  return rekey
}

function open(bytes: Uint8Array): Fields {
  requireAtMost(bytes.length, limits.bodyBytes)
  const fields = Fields.of(bytes, mostItems)
  fields.version(1)
  return fields
}

function recordItems(record: DeviceRecord): CborValue {
  return [
    requireLength(record.signingKey, keyLength),
    requireLength(record.agreementKey, keyLength),
    requireLength(record.agreementSignature, signatureLength),
  ]
}

function readRecord(items: readonly unknown[]): DeviceRecord {
  const [signingKey, agreementKey, signature] = asTuple(items, 3)
  return {
    signingKey: asBytes(signingKey, keyLength),
    agreementKey: asBytes(agreementKey, keyLength),
    agreementSignature: asBytes(signature, signatureLength),
  }
}

function chunkerItems(chunker: ChunkerParameters): CborValue {
  const maximum = requireUint(chunker.maximum, 1, maximumChunk)
  const target = requireUint(chunker.target, 1, maximum)
  return [requireUint(chunker.minimum, 1, target), target, maximum]
}

function readChunker(items: readonly unknown[]): ChunkerParameters {
  const [minimum, target, maximum] = asTuple(items, 3)
  return { minimum: asUint(minimum), target: asUint(target), maximum: asUint(maximum) }
}

function deviceWrapItems(wraps: readonly DeviceWrap[]): CborValue {
  requireAtMost(wraps.length, limits.wraps)
  requireSorted(wraps.map((wrap) => wrap.deviceId))
  return wraps.map((wrap) => [idBytes(wrap.deviceId, hashLength), requireLength(wrap.wrapped, wrapLength)])
}

function readDeviceWraps(items: readonly unknown[]): DeviceWrap[] {
  return items.map((item) => {
    const [deviceId, wrapped] = asTuple(item, 2)
    return { deviceId: asId(deviceId, hashLength), wrapped: asBytes(wrapped, wrapLength) }
  })
}

function readEpochWrap(item: unknown): EpochWrap {
  const [epoch, wrapped] = asTuple(item, 2)
  return { epoch: asId(epoch, shortIdLength), wrapped: asBytes(wrapped, wrapLength) }
}

function epochBytes(epoch: EpochId): Uint8Array {
  if (epoch === noEpoch) throw new FormatError('range', 'not an epoch')
  return idBytes(epoch, shortIdLength)
}
