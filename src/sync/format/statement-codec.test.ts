import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyFrontier, anyStatement } from '../../../test/sync/support/format-arbitraries.ts'
import * as samples from '../../../test/sync/support/format-samples.ts'
import { nodeSuite as suite } from '../crypto/node-suite.ts'
import { noHash } from '../ids.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import type { CborValue } from './cbor.ts'
import { orReason } from './format-error.ts'
import { limits } from './limits.ts'
import * as codec from './statement-codec.ts'
import type { ChainHead } from './statement.ts'

const { creator, frontier, signed, statement } = samples

test('statements decode to what was encoded', () => {
  fc.assert(
    fc.property(anyStatement, (value) => {
      expect(codec.decodeStatement(codec.encodeStatement(value))).toEqual(value)
    }),
    { numRuns: 100 },
  )
})

test('signed ones, too, and those of an authority', () => {
  expect(codec.decodeSignedStatement(codec.encodeSignedStatement(signed))).toEqual(signed)
  const own = { signed, changedHeads: frontier }
  expect(codec.decodeAuthorityStatement(codec.encodeAuthorityStatement(own))).toEqual(own)
})

test('a signature is of the issuer and of these bytes', () => {
  expect(codec.verifyStatement(suite, signed)).toBe(true)
  const bytes = codec.encodeStatement({ ...statement, size: statement.size + 1 })
  expect(codec.verifyStatement(suite, { ...signed, bytes })).toBe(false)
  // Signed rightly, by another than the issuer.
  expect(codec.verifyStatement(suite, codec.signStatement(suite, creator, statement))).toBe(false)
})

test('only the first statement has none before it', () => {
  expect(orReason(() => codec.encodeStatement({ ...statement, index: 1 }))).toBe('range')
  expect(orReason(() => codec.encodeStatement({ ...statement, previous: 'ab'.repeat(32) }))).toBe('range')
  const second = { ...statement, index: 1, previous: codec.statementHash(suite, signed.bytes) }
  expect(codec.decodeStatement(codec.encodeStatement(second))).toEqual(second)
  expect(second.previous).not.toBe(noHash)
})

describe('frontier', () => {
  test('decodes to what was encoded, and each has a hash of its own', () => {
    fc.assert(
      fc.property(anyFrontier, anyFrontier, (heads, others) => {
        const bytes = codec.encodeFrontier(heads)
        expect(codec.decodeFrontier(bytes)).toEqual(heads)
        const equal = JSON.stringify(heads) === JSON.stringify(others)
        expect(codec.frontierHash(suite, heads) === codec.frontierHash(suite, others)).toBe(equal)
      }),
      { numRuns: 100 },
    )
  })

  test('heads out of order or twice are refused', () => {
    expect(orReason(() => codec.encodeFrontier(frontier.toReversed()))).toBe('order')
    expect(orReason(() => codec.encodeFrontier([frontier[0]!, frontier[0]!]))).toBe('order')
  })

  test('as many heads as the limit says, and one more', () => {
    const head = frontier[0]!
    const heads = (count: number): ChainHead[] =>
      Array.from({ length: count }, (_, seq) => ({ ...head, seq }))
    const bytes = codec.encodeFrontier(heads(limits.frontier))
    expect(codec.decodeFrontier(bytes)).toHaveLength(limits.frontier)
    expect(orReason(() => codec.encodeFrontier(heads(limits.frontier + 1)))).toBe('limit')
    expect(codec.frontierHash(suite, heads(limits.frontier + 1))).toHaveLength(64)
    const row = encodeCbor([new Uint8Array(32), new Uint8Array(16), 0, new Uint8Array(32)])
    const many = new Uint8Array(5 + (limits.frontier + 1) * row.length)
    many.set([0x9a, 0, 1, 0, 1])
    for (let at = 5; at < many.length; at += row.length) many.set(row, at)
    expect(orReason(() => codec.decodeFrontier(many))).toBe('limit')
  })
})

test('the fields of statements in another order are refused', () => {
  const reversed = (bytes: Uint8Array) =>
    encodeCbor(new Map([...(decodeCbor(bytes) as Map<number, CborValue>)].reverse()))
  const authority = codec.encodeAuthorityStatement({ signed, changedHeads: frontier })
  const signedBytes = codec.encodeSignedStatement(signed)
  expect(orReason(() => codec.decodeStatement(reversed(signed.bytes)))).toBe('non-canonical')
  expect(orReason(() => codec.decodeSignedStatement(reversed(signedBytes)))).toBe('non-canonical')
  expect(orReason(() => codec.decodeAuthorityStatement(reversed(authority)))).toBe('non-canonical')
})

describe('decoders refuse', () => {
  const map = (...values: CborValue[]) =>
    encodeCbor(new Map(values.map((value, index) => [index + 1, value])))
  const row: CborValue = [new Uint8Array(32), new Uint8Array(16), 0, new Uint8Array(32)]
  const { bytes, publicKey, signature } = signed

  test.each<[string, () => unknown, string]>([
    ['another version', () => codec.decodeSignedStatement(map(2, bytes, publicKey, signature)), 'version'],
    [
      'a short signature',
      () => codec.decodeSignedStatement(map(1, bytes, publicKey, signature.subarray(1))),
      'length',
    ],
    [
      'a short key',
      () => codec.decodeSignedStatement(map(1, bytes, publicKey.subarray(1), signature)),
      'length',
    ],
    ['an unknown field', () => codec.decodeSignedStatement(map(1, bytes, publicKey, signature, 0)), 'shape'],
    [
      'a statement that is none',
      () => codec.decodeSignedStatement(map(1, signature, publicKey, signature)),
      'malformed',
    ],
    ['a statement not signed', () => codec.decodeAuthorityStatement(map(1, bytes, [])), 'malformed'],
    [
      'heads that are none',
      () => codec.decodeAuthorityStatement(map(1, codec.encodeSignedStatement(signed), [0])),
      'shape',
    ],
    ['a head twice', () => codec.decodeFrontier(encodeCbor([row, row])), 'order'],
    ['a head of three', () => codec.decodeFrontier(encodeCbor([[new Uint8Array(32)]])), 'shape'],
    ['a map as frontier', () => codec.decodeFrontier(map(1)), 'shape'],
    ['a statement cut off', () => codec.decodeStatement(bytes.subarray(0, -1)), 'malformed'],
    ['bytes after the end', () => codec.decodeStatement(Uint8Array.from([...bytes, 0])), 'malformed'],
  ])('%s', (_name, read, reason) => expect(orReason(read)).toBe(reason))
})
