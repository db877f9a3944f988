import { toHex } from '../ids.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyOperation } from '../../../test/sync/support/format-arbitraries.ts'
import * as samples from '../../../test/sync/support/format-samples.ts'
import { labels } from '../crypto/labels.ts'
import { nodeSuite as suite } from '../crypto/node-suite.ts'
import { concatBytes } from './cbor.ts'
import { encodePartialMeta } from './entry-codec.ts'
import { makeEntry } from './entry-maker.ts'
import type { EntryRecord } from './entry.ts'
import { orReason } from './format-error.ts'
import { encodeOperation } from './operation-codec.ts'
import type { Operation } from './operation.ts'
import { entrySecret, openOperation, sealOperation } from './sealing.ts'

const { following, operationEntries, operations, secondEpoch, secondKey } = samples
const [, entry] = operationEntries as [EntryRecord, EntryRecord]
const secret = entrySecret(suite, secondKey, entry.meta, entry.prev, entry.body)

const make = (operation: Operation) =>
  makeEntry(suite, {
    ...following(entry),
    kind: 'operation',
    epoch: secondEpoch,
    epochKey: secondKey,
    operation,
  })

describe('sealed bodies', () => {
  test('open to the operation', () => {
    fc.assert(
      fc.property(anyOperation, (operation) => {
        const made = make(operation)
        const own = entrySecret(suite, secondKey, made.meta, made.prev, made.body)
        expect(openOperation(suite, own, made.meta, made.body)).toEqual(operation)
        expect((made.body.length - 64) % 32).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  test('names of one length more or less have bodies of one length', () => {
    const length = (name: string) =>
      make({ type: 'mkdir', node: 'ab'.repeat(16), parent: 'cd'.repeat(16), name }).body.length
    expect(new Set(['a', 'bc', 'def', 'file.txt', 'a long name.odt'].map(length)).size).toBe(1)
  })

  test('the secret of one entry opens no other', () => {
    for (const other of operationEntries) {
      if (other === entry) continue
      expect(openOperation(suite, secret, other.meta, other.body)).toBe('sealed')
      expect(openOperation(suite, secret, entry.meta, other.body)).toBe('sealed')
    }
    expect(openOperation(suite, secret, entry.meta, entry.body)).toEqual(operations[1])
  })

  test.each<[string, (meta: EntryRecord['meta']) => EntryRecord['meta']]>([
    ['seq', (meta) => ({ ...meta, seq: meta.seq + 1 })],
    ['clock', (meta) => ({ ...meta, hlc: { ...meta.hlc, counter: 1 } })],
    ['parents', (meta) => ({ ...meta, parents: ['ab'.repeat(32)] })],
    ['chunks', (meta) => ({ ...meta, chunks: undefined })],
    ['device', (meta) => ({ ...meta, deviceId: 'ab'.repeat(32) })],
    ['folder', (meta) => ({ ...meta, folderId: 'ab'.repeat(32) })],
    ['incarnation', (meta) => ({ ...meta, incarnation: 'ab'.repeat(16) })],
    ['epoch', (meta) => ({ ...meta, epoch: 'ab'.repeat(16) })],
  ])('another %s has another secret, and does not open the body', (_name, change) => {
    const meta = change(entry.meta)
    expect(entrySecret(suite, secondKey, meta, entry.prev, entry.body)).not.toEqual(secret)
    expect(openOperation(suite, secret, meta, entry.body)).toBe('sealed')
  })

  test('the secret depends on the entry before, and of the body on the salt alone', () => {
    expect(entrySecret(suite, secondKey, entry.meta, 'ab'.repeat(32), entry.body)).not.toEqual(secret)
    const meta = { ...entry.meta, bodyHash: 'ab'.repeat(32), bodyLength: 1 }
    expect(entrySecret(suite, secondKey, meta, entry.prev, entry.body)).toEqual(secret)
  })

  test('a changed or shortened body does not open', () => {
    for (let at = 0; at < entry.body.length; at++) {
      const body = Uint8Array.from(entry.body)
      body[at]! ^= 0x10
      expect(openOperation(suite, secret, entry.meta, body)).toBe('sealed')
    }
    for (const length of [0, 15, 16, 47, 48, 63, 64, entry.body.length - 1]) {
      expect(openOperation(suite, secret, entry.meta, entry.body.subarray(0, length))).toBe('sealed')
    }
  })

  /** A body as an author could make it who does not keep to the rules. */
  const sealedBy = (content: Uint8Array): Uint8Array => {
    const key = suite.derive(secret, new Uint8Array(0), labels.bodyKey)
    const nonce = new Uint8Array(12)
    nonce[11] = entry.meta.seq
    const sealed = suite.seal(key, nonce, { associated: encodePartialMeta(entry.meta), content })
    const salt = entry.body.slice(0, 16)
    return concatBytes(salt, suite.hash(labels.bodyCommitment, salt, secret), sealed)
  }
  const merge = encodeOperation({ type: 'merge' })
  const padded = (length: number, ...bytes: number[]) => {
    const content = new Uint8Array(length)
    content.set(merge)
    content.set(bytes, merge.length)
    return content
  }

  test.each<[string, Uint8Array, unknown]>([
    ['the one padding', padded(32, 0x80), { type: 'merge' }],
    ['none', padded(3), 'non-canonical'],
    ['zeros only', padded(32), 'non-canonical'],
    ['a block too much', padded(64, 0x80), 'non-canonical'],
    ['to no multiple', padded(31, 0x80), 'non-canonical'],
    ['another byte', padded(32, 0x81), 'non-canonical'],
    ['two of them', padded(32, 0x80, 0x80), 'malformed'],
    ['nothing at all', new Uint8Array(0), 'non-canonical'],
    [
      'an empty operation',
      Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 0x80 : 0)),
      'malformed',
    ],
  ])('padding: %s', (_name, content, expected) => {
    expect(openOperation(suite, secret, entry.meta, sealedBy(content))).toEqual(expected)
  })

  test('what cannot be encoded is not sealed', () => {
    const broken: Operation = { type: 'mkdir', node: 'ab'.repeat(16), parent: 'cd'.repeat(16), name: '..' }
    expect(orReason(() => sealOperation(suite, secondKey, entry.meta, entry.prev, broken))).toBe('text')
  })
})

describe('makeEntry', () => {
  test('a chunk list must be whole ids, and an empty one is none', () => {
    const draft = { ...following(entry), kind: 'operation', epoch: secondEpoch, epochKey: secondKey } as const
    const put = operations[1]!
    expect(
      orReason(() => makeEntry(suite, { ...draft, operation: put, chunkList: new Uint8Array(33) })),
    ).toBe('length')
    const empty = makeEntry(suite, { ...draft, operation: put, chunkList: new Uint8Array(0) })
    expect(empty.chunkList).toBeUndefined()
    expect(empty.meta.chunks).toBeUndefined()
  })
})

test('two texts at one place, as a copied disk may write them, share neither salt nor secret', () => {
  const bodies = ['a', 'b'].map(
    (name) => make({ type: 'mkdir', node: 'ab'.repeat(16), parent: 'cd'.repeat(16), name }).body,
  )
  const secrets = bodies.map((body) => {
    const { meta, prev } = make({ type: 'trash', node: 'ab'.repeat(16) })
    return toHex(entrySecret(suite, secondKey, meta, prev, body))
  })
  expect(new Set(bodies.map((body) => toHex(body.subarray(0, 16)))).size).toBe(2)
  expect(new Set(secrets).size).toBe(2)
})
