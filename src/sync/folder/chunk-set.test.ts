import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChunkSet } from './chunk-set.ts'

function id(number: number): Uint8Array {
  const bytes = new Uint8Array(32)
  // Of the first 48 bits, the highest among them.
  new DataView(bytes.buffer).setUint32(0, Math.imul(number, 0x9e37_79b1) >>> 0)
  return bytes
}

test('has what was added, in any order, however often, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 6_000 }), (numbers) => {
      const set = new ChunkSet()
      const model = new Set<number>()
      const found: boolean[] = []
      for (const [index, number] of numbers.entries()) {
        set.add(id(number))
        model.add(number)
        // In between as well: it goes on with what is sorted.
        if (index % 500 === 0) found.push(set.has(id(number)))
      }
      expect(found.every(Boolean)).toBe(true)
      for (let number = 0; number <= 5_000; number += 7) expect(set.has(id(number))).toBe(model.has(number))
    }),
    { numRuns: 20 },
  )
})
