import { expect, test } from 'vitest'
import { freeMemory } from './free-memory.ts'
import { ownMemory } from './own-memory.ts'

test.each([0, 1, 4_095, 4_096, 300_000])('memory of its own: %i bytes', (length) => {
  const bytes = ownMemory(length)
  expect(bytes.length).toBe(length)
  expect(bytes.buffer.byteLength).toBe(length)
})

test('memory is given back where the bytes are all of it', () => {
  const bytes = ownMemory(300_000)
  freeMemory(bytes)
  expect(bytes.length).toBe(0)
  freeMemory(bytes)
  expect(bytes.length).toBe(0)
})

test('what others may use as well is not', () => {
  const whole = ownMemory(300_000)
  freeMemory(whole.subarray(1))
  freeMemory(Buffer.from(whole.buffer, 0, 299_999))
  expect(whole.length).toBe(300_000)
  const shared = new Uint8Array(new SharedArrayBuffer(300_000))
  freeMemory(shared)
  expect(shared.length).toBe(300_000)
})
