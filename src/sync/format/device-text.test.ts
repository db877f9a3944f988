import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodeSuite as suite } from '../crypto/node-suite.ts'
import { toHex } from '../ids.ts'
import { deviceText, parseDeviceText } from './device-text.ts'

const anyId = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex)
const zeros = '00'.repeat(32)
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

test('eight groups of seven characters, and back', () => {
  fc.assert(
    fc.property(anyId, (id) => {
      const text = deviceText(suite, id)
      expect(text).toMatch(/^(?:[A-Z2-7]{7}-){7}[A-Z2-7]{7}$/)
      expect(parseDeviceText(suite, text)).toBe(id)
    }),
  )
})

test('the first 51 characters are the base32 of the id', () => {
  expect(deviceText(suite, zeros).replaceAll('-', '').slice(0, 51)).toBe('A'.repeat(51))
  const ones = deviceText(suite, 'ff'.repeat(32)).replaceAll('-', '')
  expect(ones.slice(0, 51)).toBe('7'.repeat(51))
})

test('as people type it', () => {
  const text = deviceText(suite, zeros)
  expect(parseDeviceText(suite, ` ${text.toLowerCase().replaceAll('-', ' ')}\n`)).toBe(zeros)
  const digits = text.replaceAll('O', '0').replaceAll('I', '1').replaceAll('B', '8')
  expect(parseDeviceText(suite, digits)).toBe(zeros)
})

test('one wrong character, or two swapped, are noticed', () => {
  fc.assert(
    fc.property(anyId, fc.nat(55), fc.nat(31), (id, at, letter) => {
      const text = deviceText(suite, id).replaceAll('-', '')
      const changed = text.slice(0, at) + (alphabet[letter] ?? '') + text.slice(at + 1)
      expect(parseDeviceText(suite, changed)).toBe(changed === text ? id : undefined)
      const swapped = text.slice(0, at) + (text[at + 1] ?? '') + (text[at] ?? '') + text.slice(at + 2)
      expect(parseDeviceText(suite, swapped)).toBe(swapped === text ? id : undefined)
    }),
    { numRuns: 300 },
  )
})

test.each(['', 'A', 'A'.repeat(56), 'A'.repeat(57), '9'.repeat(56), 'Ä'.repeat(56)])(
  '"%s" is no device',
  (text) => {
    expect(parseDeviceText(suite, text)).toBeUndefined()
  },
)
