import {
  epochIdOf,
  folderScope,
  sealPreviousKeys,
  wrapEpochKey,
} from '../../../src/sync/crypto/epoch-keys.ts'
import { createDeviceKeys } from '../../../src/sync/crypto/identity.ts'
import type { DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { signBatch } from '../../../src/sync/format/batch-codec.ts'
import { chainStart } from '../../../src/sync/format/entry-codec.ts'
import { makeEntry } from '../../../src/sync/format/entry-maker.ts'
import type { EntryCoordinates } from '../../../src/sync/format/entry-maker.ts'
import type { Batch, EntryRecord } from '../../../src/sync/format/entry.ts'
import {
  encodeGenesis,
  encodeGrant,
  encodeRekey,
  encodeRevoke,
} from '../../../src/sync/format/membership-codec.ts'
import type { DeviceWrap, Genesis, Grant, Rekey, Revoke } from '../../../src/sync/format/membership.ts'
import type { Operation } from '../../../src/sync/format/operation.ts'
import { compareHeads, signStatement } from '../../../src/sync/format/statement-codec.ts'
import type { ChainHead, SignedStatement, Statement } from '../../../src/sync/format/statement.ts'
import { compareIds, noFolder, noHash, rootNode, toHex } from '../../../src/sync/ids.ts'
import { seededBytes } from './seeded-bytes.ts'

/** One folder with one of everything, the same in every run: for tests, vectors and as a start for fuzzing. */
const suite = nodeSuite
const random = seededBytes('format samples')
const id = (length: number): string => toHex(random(length))

export const creator = createDeviceKeys(suite, random)
export const server = createDeviceKeys(suite, random)
export const joiner = createDeviceKeys(suite, random)

export const firstKey = random(32)
export const secondKey = random(32)
export const firstEpoch = epochIdOf(suite, firstKey)
export const secondEpoch = epochIdOf(suite, secondKey)
const salt = random(32)

function wrapsFor(key: Uint8Array, scope: Uint8Array, devices: readonly DeviceKeys[]): DeviceWrap[] {
  return devices
    .map(({ deviceId, record }) => ({
      deviceId,
      wrapped: wrapEpochKey(suite, random, key, scope, record),
    }))
    .sort((left, right) => compareIds(left.deviceId, right.deviceId))
}

export const genesis: Genesis = {
  suite: 1,
  mode: 'server_authoritative',
  creator: creator.record,
  authority: server.record,
  chunker: { minimum: 65_536, target: 262_144, maximum: 1_048_576 },
  salt,
  epoch: firstEpoch,
  wraps: wrapsFor(firstKey, salt, [creator, server]),
}

export const peerGenesis: Genesis = {
  ...genesis,
  mode: 'peer',
  authority: undefined,
  wraps: wrapsFor(firstKey, salt, [creator]),
}

export const incarnation = id(16)
export const start = { deviceId: creator.deviceId, incarnation, parents: [] }

export const genesisEntry = makeEntry(suite, {
  ...start,
  folderId: noFolder,
  seq: 0,
  hlc: { ms: 1_700_000_000_000, counter: 0 },
  prev: chainStart(suite, noFolder, creator.deviceId, incarnation),
  kind: 'genesis',
  body: encodeGenesis(genesis),
})
export const folderId = genesisEntry.hash
export const scope = folderScope(folderId)

export const grant: Grant = {
  device: joiner.record,
  role: 'write',
  wraps: [{ epoch: firstEpoch, wrapped: wrapEpochKey(suite, random, firstKey, scope, joiner.record) }],
}
export const cacheGrant: Grant = { device: joiner.record, role: 'cache', wraps: [] }
export const revoke: Revoke = { deviceId: joiner.deviceId }
export const rekey: Rekey = {
  epoch: secondEpoch,
  wraps: wrapsFor(secondKey, scope, [creator, server]),
  ...sealPreviousKeys(suite, folderId, secondKey, [firstKey]),
}

const directory = id(16)
const file = id(16)
export const chunkList = random(3 * 32)

/** One of each type, and the borders of what they may hold. */
export const operations: Operation[] = [
  { type: 'mkdir', node: directory, parent: rootNode, name: 'Documents' },
  {
    type: 'put',
    node: file,
    parent: directory,
    name: 'Überblick 2026 – 予定.odt',
    content: {
      manifest: random(70),
      size: 700_000,
      mtime: { seconds: 1_699_999_999, nanos: 123_456_789 },
      exec: false,
      hash: id(32),
    },
    bases: [],
  },
  {
    type: 'put',
    node: file,
    parent: directory,
    name: 'x'.repeat(255),
    content: {
      manifest: new Uint8Array(0),
      size: Number.MAX_SAFE_INTEGER,
      mtime: { seconds: -1, nanos: 999_999_999 },
      exec: true,
      hash: id(32),
    },
    bases: [id(32), id(32)].sort(compareIds),
  },
  { type: 'move', node: file, parent: rootNode, name: '\ufeffbyte order mark' },
  { type: 'symlink', node: id(16), parent: rootNode, name: 'link', target: '../elsewhere', bases: [] },
  { type: 'attr', node: file, mtime: { seconds: 0, nanos: 0 }, exec: true },
  { type: 'attr', node: file, exec: false },
  { type: 'trash', node: directory },
  { type: 'restore', node: file, trashes: [id(32), id(32)].sort(compareIds) },
  { type: 'merge' },
]

/** Extends a chain of the creator, a millisecond each. */
export function following(before: EntryRecord): EntryCoordinates {
  const { deviceId, hlc, seq } = before.meta
  const next = { ms: hlc.ms + 1, counter: 0 }
  return { folderId, deviceId, incarnation, seq: seq + 1, hlc: next, parents: [], prev: before.hash }
}

const plainBodies = [
  ['grant', encodeGrant(grant)],
  ['revoke', encodeRevoke(revoke)],
  ['rekey', encodeRekey(rekey)],
] as const

export const foundingEntries: EntryRecord[] = [genesisEntry]
for (const [kind, body] of plainBodies) {
  foundingEntries.push(makeEntry(suite, { ...following(foundingEntries.at(-1)!), kind, body }))
}

/** In the same chain; the first has parents. */
export const operationEntries: EntryRecord[] = []
for (const operation of operations) {
  const place = following(operationEntries.at(-1) ?? foundingEntries.at(-1)!)
  const first = operationEntries.length === 0
  operationEntries.push(
    makeEntry(suite, {
      ...place,
      parents: first ? [id(32), id(32)].sort(compareIds) : [],
      kind: 'operation',
      epoch: secondEpoch,
      epochKey: secondKey,
      operation,
      chunkList: operation.type === 'put' && operation.bases.length === 0 ? chunkList : undefined,
    }),
  )
}

export const foundingBatch: Batch = signBatch(suite, creator, foundingEntries)
export const operationBatch: Batch = signBatch(suite, creator, operationEntries)

const lastEntry = operationEntries.at(-1)!
export const frontier: ChainHead[] = [
  { deviceId: creator.deviceId, incarnation, seq: lastEntry.meta.seq, hash: lastEntry.hash },
  { deviceId: joiner.deviceId, incarnation: id(16), seq: 0, hash: id(32) },
  { deviceId: joiner.deviceId, incarnation: id(16), seq: 4_294_967_296, hash: id(32) },
].sort(compareHeads)

export const statement: Statement = {
  folderId,
  issuer: server.deviceId,
  index: 0,
  size: foundingEntries.length + operationEntries.length,
  logRoot: id(32),
  mapRoot: id(32),
  frontierHash: id(32),
  hlc: lastEntry.meta.hlc,
  previous: noHash,
}
export const signed: SignedStatement = signStatement(suite, server, statement)
