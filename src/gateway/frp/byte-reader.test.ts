import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader } from './byte-reader.ts'

test('bytes come out as they went in, however they are cut, though each piece is overwritten after keep', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 30 })
  const takes = fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(pieces, takes, (given, counts) => {
      const reader = new ByteReader()
      const taken: Buffer[] = []
      let next = 0
      for (const piece of given) {
        const chunk = Buffer.from(piece)
        reader.give(chunk)
        for (;;) {
          const bytes = reader.take(counts[next % counts.length]! + 1)
          if (bytes === null) break
          taken.push(Buffer.from(bytes))
          next += 1
        }
        reader.keep()
        chunk.fill(0xaa)
      }
      taken.push(reader.rest())
      expect(Buffer.concat(taken)).toEqual(Buffer.concat(given))
      expect(reader.length).toBe(0)
    }),
  )
})

test('looking does not take', () => {
  const reader = new ByteReader()
  reader.give(Buffer.from('abc'))

  expect(reader.peek(4)).toBeNull()
  expect(reader.peek(2)?.toString()).toBe('ab')
  expect(reader.take(3)?.toString()).toBe('abc')
})

test('more bytes may be given before the first are read', () => {
  const reader = new ByteReader()
  const first = Buffer.from('ab')
  reader.give(first)
  reader.give(Buffer.from('cd'))
  first.fill(0xaa)

  expect(reader.rest().toString()).toBe('abcd')
})
