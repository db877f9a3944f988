import { describe, expect, it } from 'vitest'
import { toHex } from '../../../src/sync/ids.ts'
import { fakeSuite } from './fake-suite.ts'

const bytes = (length: number, start = 1) => Uint8Array.from({ length }, (_, at) => (start + at * 7) & 255)

/** Each copy of `input` with one bit changed. */
function* flipped(input: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < input.length * 8; bit++) {
    const copy = input.slice()
    copy[bit >> 3]! ^= 1 << (bit & 7)
    yield copy
  }
}

describe('the fake suite', () => {
  it('hashes the concatenation, and no changed bit or length stays unnoticed', () => {
    expect(fakeSuite.hash(bytes(5), bytes(40, 9))).toEqual(
      fakeSuite.hash(Uint8Array.of(...bytes(5), ...bytes(40, 9))),
    )
    const seen = new Set<string>()
    let inputs = 0
    for (let length = 0; length < 70; length++) {
      inputs += 1 + length * 8
      seen.add(toHex(fakeSuite.hash(new Uint8Array(length))))
      for (const input of flipped(new Uint8Array(length))) seen.add(toHex(fakeSuite.hash(input)))
    }
    expect(seen.size).toBe(inputs)
  })

  it('verifies what it signed and nothing else', () => {
    const key = fakeSuite.signingKey(bytes(32))
    const signature = fakeSuite.sign(bytes(32), bytes(50))
    expect(fakeSuite.verify(key, bytes(50), signature)).toBe(true)
    for (const other of flipped(key)) expect(fakeSuite.verify(other, bytes(50), signature)).toBe(false)
    for (const other of flipped(bytes(50))) expect(fakeSuite.verify(key, other, signature)).toBe(false)
    for (const other of flipped(signature)) expect(fakeSuite.verify(key, bytes(50), other)).toBe(false)
  })

  it('opens what it sealed, and notices every changed bit', () => {
    const [key, nonce, associated, content] = [bytes(32), bytes(12), bytes(20), bytes(33)]
    const sealed = fakeSuite.seal(key, nonce, { associated, content })
    expect(fakeSuite.open(key, nonce, { associated, content: sealed })).toEqual(content)
    const opened = [
      ...[...flipped(key)].map((other) => fakeSuite.open(other, nonce, { associated, content: sealed })),
      ...[...flipped(nonce)].map((other) => fakeSuite.open(key, other, { associated, content: sealed })),
      ...[...flipped(associated)].map((other) =>
        fakeSuite.open(key, nonce, { associated: other, content: sealed }),
      ),
      ...[...flipped(sealed)].map((other) => fakeSuite.open(key, nonce, { associated, content: other })),
      fakeSuite.open(key, nonce, { associated, content: sealed.subarray(0, 15) }),
    ]
    expect(new Set(opened)).toEqual(new Set([undefined]))
  })

  it('agrees both ways, and not with a key of zeros', () => {
    const [mine, yours] = [bytes(32, 3), bytes(32, 4)]
    const shared = fakeSuite.agree(mine, fakeSuite.agreementKey(yours))
    expect(shared).toEqual(fakeSuite.agree(yours, fakeSuite.agreementKey(mine)))
    expect(shared).not.toEqual(fakeSuite.agree(mine, fakeSuite.agreementKey(mine)))
    expect(fakeSuite.agree(mine, new Uint8Array(32))).toBeUndefined()
  })

  it('derives from all three parts apart', () => {
    const a = toHex(fakeSuite.derive(bytes(32), bytes(4), bytes(5)))
    const b = toHex(fakeSuite.derive(bytes(32), bytes(5), bytes(4)))
    const c = toHex(fakeSuite.derive(bytes(33), bytes(3), bytes(5)))
    expect(new Set([a, b, c]).size).toBe(3)
  })

  it('throws for wrong lengths', () => {
    expect(() => fakeSuite.sign(bytes(31), bytes(1))).toThrow(RangeError)
    expect(() => fakeSuite.verify(bytes(33), bytes(1), bytes(64))).toThrow(RangeError)
    expect(() => fakeSuite.seal(bytes(32), bytes(11), { associated: bytes(1), content: bytes(1) })).toThrow(
      RangeError,
    )
  })
})
