import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeSuite } from '../../../test/sync/support/suite-compliance.ts'
import { nodeSuite } from './node-suite.ts'
import { portableSuite } from './portable-suite.ts'

describeSuite('portable', portableSuite)

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const some = fc.uint8Array({ maxLength: 300 })

describe('portable and node suites give the same', () => {
  test('hashes', () => {
    fc.assert(
      fc.property(fc.array(some, { maxLength: 4 }), (parts) => {
        expect(portableSuite.hash(...parts)).toEqual(nodeSuite.hash(...parts))
      }),
      { numRuns: 100 },
    )
  })

  test('keys, signatures and verdicts', () => {
    fc.assert(
      fc.property(bytes(32), some, fc.nat(64 * 8), (seed, message, bit) => {
        const key = nodeSuite.signingKey(seed)
        expect(portableSuite.signingKey(seed)).toEqual(key)
        const signature = nodeSuite.sign(seed, message)
        expect(portableSuite.sign(seed, message)).toEqual(signature)
        if (bit < 512) signature[bit >> 3]! ^= 1 << (bit & 7)
        const verdict = bit === 512
        expect(nodeSuite.verify(key, message, signature)).toBe(verdict)
        expect(portableSuite.verify(key, message, signature)).toBe(verdict)
      }),
      { numRuns: 15 },
    )
  })

  test('agreements, also with keys that nobody made', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), (secret, key) => {
        expect(portableSuite.agreementKey(secret)).toEqual(nodeSuite.agreementKey(secret))
        expect(portableSuite.agree(secret, key)).toEqual(nodeSuite.agree(secret, key))
      }),
      { numRuns: 15 },
    )
  })

  test('derived keys', () => {
    fc.assert(
      fc.property(some, some, some, (secret, salt, info) => {
        expect(portableSuite.derive(secret, salt, info)).toEqual(nodeSuite.derive(secret, salt, info))
      }),
      { numRuns: 100 },
    )
  })

  test('sealed bytes, which each opens of the other', () => {
    fc.assert(
      fc.property(bytes(32), bytes(12), some, some, (key, nonce, associated, content) => {
        const sealed = nodeSuite.seal(key, nonce, { associated, content })
        expect(portableSuite.seal(key, nonce, { associated, content })).toEqual(sealed)
        expect(portableSuite.open(key, nonce, { associated, content: sealed })).toEqual(content)
        expect(nodeSuite.open(key, nonce, { associated, content: sealed })).toEqual(content)
      }),
      { numRuns: 40 },
    )
  })
})
