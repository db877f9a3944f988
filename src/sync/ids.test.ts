import { expect, test } from 'vitest'
import { fromHex, toHex } from './ids.ts'

test('hex text of any length, and back', () => {
  for (const length of [0, 1, 16, 32, 511, 512, 513, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, index) => index * 7)
    expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'))
    expect(fromHex(toHex(bytes))).toEqual(bytes)
  }
})
