import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteQueue } from './byte-queue.ts'

test('whatever is put in, copied or kept, comes out in order and in any portions', () => {
  const put = fc.record({ isKept: fc.boolean(), bytes: fc.uint8Array({ minLength: 1, maxLength: 3_000 }) })
  const takes = fc.array(fc.integer({ min: 1, max: 2_000 }))
  fc.assert(
    fc.property(fc.array(fc.tuple(put, takes)), (steps) => {
      const queue = new ByteQueue()
      const taken: Buffer[] = []
      const given: Buffer[] = []
      for (const [{ isKept, bytes }, sizes] of steps) {
        const source = Buffer.from(bytes)
        given.push(Buffer.from(bytes))
        if (isKept) queue.keep(source)
        else {
          queue.copy(source)
          source.fill(0xaa)
        }
        for (const size of sizes) if (queue.length > 0) taken.push(queue.take(size))
      }
      while (queue.length > 0) taken.push(queue.take(70_000))
      // Compared at the end: what was taken must not change by what is put in later.
      expect(Buffer.concat(taken).equals(Buffer.concat(given))).toBe(true)
    }),
  )
})

test('single bytes share blocks', () => {
  const queue = new ByteQueue()
  for (let n = 0; n < 200_000; n += 1) queue.copy(Buffer.of(n & 0xff))
  let pieces = 0
  for (; queue.length > 0; pieces += 1) queue.take(65_536)
  expect(pieces).toBeLessThan(16)
})

test('nothing can be taken from an empty queue', () => {
  expect(() => new ByteQueue().take(1)).toThrow(RangeError)
})
