import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyOperation } from '../../../test/sync/support/format-arbitraries.ts'
import { operations } from '../../../test/sync/support/format-samples.ts'
import { encodeOperation } from '../format/operation-codec.ts'
import { KeptOperations } from './kept-operations.ts'

test('what is kept says what it said before, however many there are', () => {
  fc.assert(
    fc.property(fc.array(anyOperation, { minLength: 1, maxLength: 50 }), (given) => {
      const kept = new KeptOperations()
      const keptOperations = given.map((operation) => kept.keep(operation))
      expect(keptOperations.map(encodeOperation)).toEqual(given.map(encodeOperation))
      expect(JSON.parse(JSON.stringify(keptOperations))).toEqual(JSON.parse(JSON.stringify(given)))
    }),
    { numRuns: 50 },
  )
})

test('manifests of any length are kept whole, and nobody can change them', () => {
  const sample = operations.find((operation) => operation.type === 'put')
  if (sample?.type !== 'put') throw new Error('no put')
  const kept = new KeptOperations()
  const lengths = [0, 40_000, 30_000, 200_000, 1]
  const puts = lengths.map((length) =>
    kept.keep({ ...sample, content: { ...sample.content, manifest: new Uint8Array(length).fill(7) } }),
  )
  for (const [index, put] of puts.entries()) {
    const manifest = put.type === 'put' ? put.content.manifest : undefined
    expect(manifest).toEqual(new Uint8Array(lengths[index]!).fill(7))
    manifest?.fill(1)
  }
  expect(puts.map((put) => (put.type === 'put' ? put.content.manifest[0] : -1))).toEqual([
    undefined,
    7,
    7,
    7,
    7,
  ])
})
