import { encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyOperation } from '../../../test/sync/support/format-arbitraries.ts'
import { fromHex } from '../ids.ts'
import { orReason } from './format-error.ts'
import { decodeOperation, encodeOperation } from './operation-codec.ts'
import type { PutFile } from './operation.ts'
import { readPut } from './put-codec.ts'

const anyPut = anyOperation.filter((operation) => operation.type === 'put')

/** The definition, written down a second time. */
function asMap({ node, parent, name, content, bases }: PutFile): Map<number, unknown> {
  const { manifest, size, mtime, exec, hash } = content
  return new Map<number, unknown>([
    [0, 2],
    [1, fromHex(node)],
    [2, fromHex(parent)],
    [3, name],
    [4, manifest],
    [5, size],
    [6, [mtime.seconds, mtime.nanos]],
    [7, exec],
    [8, fromHex(hash)],
    [9, bases.map(fromHex)],
  ])
}

test('a put is the deterministic CBOR map of its fields, and is read without the general decoder', () => {
  fc.assert(
    fc.property(anyPut, (put) => {
      const bytes = encodeOperation(put)
      expect(bytes).toEqual(new Uint8Array(encode(asMap(put), rfc8949EncodeOptions)))
      expect(readPut(bytes)).toEqual(put)
    }),
    { numRuns: 200 },
  )
})

test('whatever is read has the one encoding that it was read from', () => {
  const change = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.boolean() })
  fc.assert(
    fc.property(anyPut, change, (put, { at, byte, cut }) => {
      const bytes = encodeOperation(put)
      const place = at % bytes.length
      const changed = cut ? bytes.slice(0, place) : bytes.with(place, byte)
      const read = orReason(() => decodeOperation(changed))
      const isRefused = typeof read === 'string'
      expect(isRefused && readPut(changed) !== undefined).toBe(false)
      expect(isRefused ? changed : encodeOperation(read)).toEqual(changed)
    }),
    { numRuns: 1_000 },
  )
})

test('what was read shares no memory with the bytes', () => {
  const [put] = fc.sample(anyPut, { numRuns: 1, seed: 1 })
  const bytes = Buffer.from(encodeOperation(put!))
  const read = readPut(bytes)
  bytes.fill(0)
  expect(read).toEqual(put)
})
