import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { formatVectors, vectorText } from '../../../test/sync/support/format-vectors.ts'
import type { RefusedKind } from '../../../test/sync/support/refused-inputs.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { portableSuite } from '../crypto/portable-suite.ts'
import { fromHex, toHex } from '../ids.ts'
import { batchFolderId, decodeBatch, encodeBatch, verifyBatch } from './batch-codec.ts'
import { decodeMeta, entryHash } from './entry-codec.ts'
import { orReason } from './format-error.ts'
import { decodeGenesis, decodeGrant, decodeRekey, decodeRevoke } from './membership-codec.ts'
import { decodeOperation, encodeOperation } from './operation-codec.ts'
import { entrySecret, openOperation } from './sealing.ts'
import {
  decodeFrontier,
  decodeSignedStatement,
  decodeStatement,
  frontierHash,
  verifyStatement,
} from './statement-codec.ts'

const folder = new URL('../../../test/vectors/sync/', import.meta.url)
const textOf = (name: string): string => readFileSync(new URL(name, folder), 'utf8')

/** The fields that this file reads. */
interface Vectors {
  readonly entries: { metaBytes: string; prev: string; hash: string; meta: object }[]
  readonly batches: {
    name: string
    bytes: string
    folderId: string
    hashes: string[]
    signatureValid: boolean
  }[]
  readonly operations: { operation: object; bytes: string }[]
  readonly bodies: {
    epochKey: string
    metaBytes: string
    prev: string
    secret: string
    body: string
    operation: object
  }[]
  readonly statements: { signedBytes: string; statement: object }[]
  readonly frontiers: { bytes: string; hash: string }[]
  readonly refused: { kind: RefusedKind; why: string; reason: string; bytes: string }[]
}
const vectors = (name: string): Vectors => JSON.parse(textOf(name)) as Vectors

describe.each([
  ['node', nodeSuite],
  ['portable', portableSuite],
])('frozen vectors, read with the %s suite', (_name, suite) => {
  test.each(vectors('entries.json').entries)('entry $hash', ({ metaBytes, prev, hash, meta }) => {
    expect(entryHash(suite, fromHex(metaBytes), prev)).toBe(hash)
    expect(decodeMeta(fromHex(metaBytes))).toMatchObject(meta)
  })

  test.each(vectors('batches.json').batches)(
    'batch: $name',
    ({ bytes, folderId, hashes, signatureValid }) => {
      const batch = decodeBatch(suite, fromHex(bytes))
      expect(batch.entries.map((entry) => entry.hash)).toEqual(hashes)
      expect(batchFolderId(batch)).toBe(folderId)
      expect(verifyBatch(suite, batch)).toBe(signatureValid)
      expect(toHex(encodeBatch(batch))).toBe(bytes)
    },
  )

  test.each(vectors('sealing.json').bodies)(
    'body $secret',
    ({ epochKey, metaBytes, prev, secret, body, operation }) => {
      const meta = decodeMeta(fromHex(metaBytes))
      expect(toHex(entrySecret(suite, fromHex(epochKey), meta, prev, fromHex(body)))).toBe(secret)
      const opened = openOperation(suite, fromHex(secret), meta, fromHex(body))
      expect(JSON.parse(vectorText(opened))).toEqual(operation)
    },
  )

  test('statements', () => {
    const { statements, frontiers } = vectors('statements.json')
    for (const { signedBytes, statement } of statements) {
      const signed = decodeSignedStatement(fromHex(signedBytes))
      expect(signed.statement).toEqual(statement)
      expect(verifyStatement(suite, signed)).toBe(true)
    }
    for (const { bytes, hash } of frontiers) {
      expect(frontierHash(suite, decodeFrontier(fromHex(bytes)))).toBe(hash)
    }
  })
})

test.each(vectors('operations.json').operations)('operation $bytes', ({ operation, bytes }) => {
  const decoded = decodeOperation(fromHex(bytes))
  expect(JSON.parse(vectorText(decoded))).toEqual(operation)
  expect(toHex(encodeOperation(decoded))).toBe(bytes)
})

const decoders: Record<RefusedKind, (bytes: Uint8Array) => unknown> = {
  meta: decodeMeta,
  batch: (bytes) => decodeBatch(nodeSuite, bytes),
  operation: decodeOperation,
  genesis: decodeGenesis,
  grant: decodeGrant,
  revoke: decodeRevoke,
  rekey: decodeRekey,
  statement: decodeStatement,
  signed: decodeSignedStatement,
  frontier: decodeFrontier,
}

test.each(vectors('refused.json').refused)('refused $kind: $why', ({ kind, reason, bytes }) => {
  expect(orReason(() => decoders[kind](fromHex(bytes)))).toBe(reason)
})

test.each(Object.entries(formatVectors()))('%s is what the code makes, byte for byte', (name, content) => {
  expect(vectorText(content)).toBe(textOf(name))
})
