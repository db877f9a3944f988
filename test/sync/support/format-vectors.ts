import { mapKeyOf } from '../../../src/sync/crypto/epoch-keys.ts'
import type { DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import { labels } from '../../../src/sync/crypto/labels.ts'
import { nodeSuite as suite } from '../../../src/sync/crypto/node-suite.ts'
import { batchFolderId, encodeBatch, entryPlaces, trimBatch } from '../../../src/sync/format/batch-codec.ts'
import { concatBytes } from '../../../src/sync/format/cbor.ts'
import { deviceText } from '../../../src/sync/format/device-text.ts'
import { chainStart, encodePartialMeta } from '../../../src/sync/format/entry-codec.ts'
import type { Batch, EntryRecord } from '../../../src/sync/format/entry.ts'
import * as membership from '../../../src/sync/format/membership-codec.ts'
import { encodeOperation } from '../../../src/sync/format/operation-codec.ts'
import { entrySecret } from '../../../src/sync/format/sealing.ts'
import * as statements from '../../../src/sync/format/statement-codec.ts'
import { fromHex, noFolder, toHex } from '../../../src/sync/ids.ts'
import * as samples from './format-samples.ts'
import { refusedInputs } from './refused-inputs.ts'

/** What stands in test/vectors/sync: file name to content, byte strings as hex. The README there explains the fields. */
export function formatVectors(): Record<string, unknown> {
  return {
    'entries.json': { entries: [...samples.foundingEntries, ...samples.operationEntries].map(entryCase) },
    'batches.json': { batches: batchCases() },
    'operations.json': {
      operations: samples.operations.map((operation) => ({ operation, bytes: encodeOperation(operation) })),
    },
    'membership.json': membershipCases(),
    'sealing.json': { bodies: samples.operationEntries.map(sealingCase) },
    'statements.json': statementCases(),
    'refused.json': { refused: refusedInputs() },
  }
}

/** As it is written to the file. */
export function vectorText(content: unknown): string {
  return (
    JSON.stringify(
      content,
      (_key, value: unknown) => (value instanceof Uint8Array ? toHex(value) : value),
      1,
    ) + '\n'
  )
}

function entryCase(entry: EntryRecord) {
  const { meta, metaBytes, prev, hash, body, chunkList } = entry
  const start = chainStart(
    suite,
    meta.kind === 'genesis' ? noFolder : meta.folderId,
    meta.deviceId,
    meta.incarnation,
  )
  return {
    meta,
    metaBytes,
    partialMetaBytes: encodePartialMeta(meta),
    chainStart: start,
    prev,
    hash,
    body,
    chunkList,
  }
}

function batchCase(name: string, batch: Batch, signatureValid: boolean) {
  return {
    name,
    bytes: encodeBatch(batch),
    folderId: batchFolderId(batch),
    deviceId: batch.entries[0]!.meta.deviceId,
    prev: batch.entries[0]!.prev,
    hashes: batch.entries.map((entry) => entry.hash),
    places: entryPlaces(batch).map(({ offset, length }) => [offset, length]),
    signatureValid,
  }
}

function batchCases() {
  const { foundingBatch, operationBatch } = samples
  const signature = Uint8Array.from(operationBatch.signature)
  signature[0]! ^= 1
  return [
    batchCase('founding', foundingBatch, true),
    batchCase('founding without its first entry', trimBatch(foundingBatch, 1), true),
    batchCase('operations', operationBatch, true),
    batchCase('the last operation', trimBatch(operationBatch, operationBatch.entries.length - 1), true),
    batchCase('a changed signature', { ...operationBatch, signature }, false),
    batchCase('a cut end', { ...operationBatch, entries: operationBatch.entries.slice(0, -1) }, false),
  ]
}

function deviceCase(keys: DeviceKeys) {
  const { signingSeed, agreementSecret, record, deviceId } = keys
  return { signingSeed, agreementSecret, record, deviceId, text: deviceText(suite, deviceId) }
}

function membershipCases() {
  const {
    cacheGrant,
    creator,
    firstKey,
    folderId,
    genesis,
    grant,
    joiner,
    peerGenesis,
    rekey,
    revoke,
    server,
  } = samples
  return {
    devices: [creator, server, joiner].map(deviceCase),
    folderId,
    epochs: [
      { key: firstKey, epoch: samples.firstEpoch },
      { key: samples.secondKey, epoch: samples.secondEpoch },
    ],
    mapKey: mapKeyOf(suite, folderId, firstKey),
    bodies: [
      { kind: 'genesis', value: genesis, bytes: membership.encodeGenesis(genesis) },
      { kind: 'genesis', value: peerGenesis, bytes: membership.encodeGenesis(peerGenesis) },
      { kind: 'grant', value: grant, bytes: membership.encodeGrant(grant) },
      { kind: 'grant', value: cacheGrant, bytes: membership.encodeGrant(cacheGrant) },
      { kind: 'revoke', value: revoke, bytes: membership.encodeRevoke(revoke) },
      { kind: 'rekey', value: rekey, bytes: membership.encodeRekey(rekey) },
    ],
    wraps: [
      ...genesis.wraps.map((wrap) => ({ ...wrap, epoch: genesis.epoch, scope: genesis.salt, key: firstKey })),
      ...rekey.wraps.map((wrap) => ({
        ...wrap,
        epoch: rekey.epoch,
        scope: samples.scope,
        key: samples.secondKey,
      })),
      ...grant.wraps.map((wrap) => ({
        deviceId: joiner.deviceId,
        ...wrap,
        scope: samples.scope,
        key: firstKey,
      })),
    ],
    previousKeys: { key: samples.secondKey, ...rekey, wraps: undefined, keys: [firstKey] },
  }
}

function sealingCase(entry: EntryRecord, index: number) {
  const { meta, metaBytes, prev, body } = entry
  const epochKey = samples.secondKey
  const secret = entrySecret(suite, epochKey, meta, prev, body)
  const key = suite.derive(secret, new Uint8Array(0), labels.bodyKey)
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setBigUint64(4, BigInt(meta.seq))
  const associated = encodePartialMeta(meta)
  return {
    epochKey,
    metaBytes,
    prev,
    coordinates: suite.hash(associated, fromHex(prev)),
    secret,
    key,
    nonce,
    associated,
    padded: suite.open(key, nonce, { associated, content: body.subarray(32) }),
    salt: body.subarray(0, 16),
    commitment: body.subarray(16, 48),
    body,
    operation: samples.operations[index],
  }
}

function statementCases() {
  const { frontier, signed, statement } = samples
  const authority = { signed, changedHeads: frontier }
  return {
    statements: [
      {
        statement,
        bytes: signed.bytes,
        hash: statements.statementHash(suite, signed.bytes),
        message: concatBytes(labels.statement, signed.bytes),
        publicKey: signed.publicKey,
        signature: signed.signature,
        signedBytes: statements.encodeSignedStatement(signed),
        authorityBytes: statements.encodeAuthorityStatement(authority),
        changedHeads: frontier,
      },
    ],
    frontiers: [frontier, frontier.slice(0, 1), []].map((heads) => ({
      heads,
      bytes: statements.encodeFrontier(heads),
      hash: statements.frontierHash(suite, heads),
    })),
  }
}
