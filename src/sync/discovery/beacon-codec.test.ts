import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '../ids.ts'
import { decodeBeacon, encodeBeacon, longestBeacon, type Beacon } from './beacon-codec.ts'

const beacon: Beacon = {
  wantsAnswer: true,
  port: 22_783,
  nonce: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  tags: [new Uint8Array(8).fill(0xaa), new Uint8Array(8).fill(0xbb)],
}
const text = '6861727001 01 58ff 0102030405060708 aaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb'.replaceAll(' ', '')

test('these bytes are the format', () => {
  expect(toHex(encodeBeacon(beacon))).toBe(text)
  expect(decodeBeacon(encodeBeacon(beacon))).toEqual(beacon)
})

test('other flags mean nothing yet', () => {
  const bytes = encodeBeacon({ ...beacon, wantsAnswer: false })
  bytes[5] = 0xfe

  expect(decodeBeacon(bytes)).toEqual({ ...beacon, wantsAnswer: false })
})

test('1 to 128 tags, and no more', () => {
  const tags = (count: number): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(8))
  const counts = [0, 1, 128, 129].map((count) => {
    const bytes = encodeBeacon({ ...beacon, tags: tags(count) })
    return decodeBeacon(bytes)?.tags.length
  })

  expect(counts).toEqual([undefined, 1, 128, undefined])
  expect(longestBeacon).toBeLessThanOrEqual(1_200)
})

test.each([
  ['of another length', (bytes: Uint8Array) => bytes.slice(0, -1)],
  ['with another beginning', (bytes: Uint8Array) => bytes.fill(0, 0, 1)],
  ['of another version', (bytes: Uint8Array) => bytes.fill(2, 4, 5)],
  ['that is empty', () => new Uint8Array()],
])('a datagram %s is none', (_name, change) => {
  expect(decodeBeacon(change(encodeBeacon(beacon)))).toBe(undefined)
})

test('any bytes are taken or left, and a view of a larger buffer is read at its place', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_300 }), (bytes) => {
      const inside = new Uint8Array([9, 9, 9, ...encodeBeacon(beacon), ...bytes])
      expect(() => decodeBeacon(bytes)).not.toThrow()
      expect(decodeBeacon(inside.subarray(3, 3 + text.length / 2))).toEqual(beacon)
    }),
    { numRuns: 50 },
  )
})
