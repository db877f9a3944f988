import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeElement, readElement, readElements } from './der.ts'

test('an element of any length reads back, and no beginning of one does', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 70_000 }), fc.nat(1_000_000), (length, cut) => {
      const whole = encodeElement(0x30, Buffer.alloc(length, 7))

      expect(readElement(whole)).toMatchObject({ tag: 0x30, whole })
      expect(readElement(whole)?.content).toHaveLength(length)
      expect(readElement(whole.subarray(0, cut % whole.length))).toBeNull()
    }),
    { numRuns: 60 },
  )
})

test.each(['', '30', '3080', '1f0100', '308500000000ff', '30840fffffff00'])('%j is no element', (hex) => {
  expect(readElement(Buffer.from(hex, 'hex'))).toBeNull()
})

test('an element that reaches beyond its outer one is none', () => {
  expect(readElements(Buffer.from('020100ff', 'hex'))).toBeNull()
  expect(readElements(Buffer.from('0201000101ff', 'hex'))).toHaveLength(2)
})
