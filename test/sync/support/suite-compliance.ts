import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { describe, expect, test } from 'vitest'
import type { CryptoSuite } from '../../../src/sync/crypto/suite.ts'
import { concatBytes } from '../../../src/sync/format/cbor.ts'
import { fromHex, toHex } from '../../../src/sync/ids.ts'

/** What every implementation of suite 1 must do: published vectors, and the places where libraries like to differ. */
export function describeSuite(name: string, suite: CryptoSuite): void {
  describe(`crypto suite: ${name}`, () => {
    test('is suite 1', () => expect(suite.id).toBe(1))
    hashing(suite)
    signing(suite)
    agreement(suite)
    derivation(suite)
    sealing(suite)
  })
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** FIPS 202 examples. */
const hashes: [string, string][] = [
  ['', 'a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a'],
  ['abc', '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376',
  ],
  [
    'abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu',
    '916f6061fe879741ca6469b43971dfdb28b1a32dc36cb3254e812be27aad1d18',
  ],
]

function hashing(suite: CryptoSuite): void {
  test.each(hashes)('SHA3-256 of "%s"', (message, digest) => {
    expect(toHex(suite.hash(text(message)))).toBe(digest)
  })

  test('hashes the concatenation of its parts', () => {
    const whole = toHex(suite.hash(text('abc')))
    expect(toHex(suite.hash(text('a'), text(''), text('bc')))).toBe(whole)
    expect(toHex(suite.hash())).toBe(hashes[0]?.[1])
  })

  test('results share memory with nothing', () => {
    const digest = suite.hash(text('abc'))
    expect(digest.constructor).toBe(Uint8Array)
    expect(digest.buffer.byteLength).toBe(32)
  })
}

/** RFC 8032, 7.1, tests 1 to 3. */
const signatures = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    key: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
]

const { Point } = ed25519
const order = Point.Fn.ORDER
/** A point of order 8. */
const torsion = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
const zeros = new Uint8Array(32)

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn))
}

function signing(suite: CryptoSuite): void {
  test.each(signatures)('Ed25519 of RFC 8032: $message', ({ seed, key, message, signature }) => {
    expect(toHex(suite.signingKey(fromHex(seed)))).toBe(key)
    expect(toHex(suite.sign(fromHex(seed), fromHex(message)))).toBe(signature)
    expect(suite.verify(fromHex(key), fromHex(message), fromHex(signature))).toBe(true)
  })

  test('a changed bit anywhere is no signature', () => {
    const seed = fromHex(signatures[0]!.seed)
    const key = suite.signingKey(seed)
    const message = text('a message')
    const signature = suite.sign(seed, message)
    for (const part of [key, message, signature]) {
      for (let bit = 0; bit < part.length * 8; bit += 29) {
        part[bit >> 3]! ^= 1 << (bit & 7)
        expect(suite.verify(key, message, signature)).toBe(false)
        part[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
    expect(suite.verify(key, message, signature)).toBe(true)
  })

  test('a second signature by adding the order to S is none', () => {
    const { key, message, signature } = signatures[1]!
    const bytes = fromHex(signature)
    bytes.set(littleEndian(bytesToNumberLE(bytes.subarray(32)) + order), 32)
    expect(suite.verify(fromHex(key), fromHex(message), bytes)).toBe(false)
  })

  test('keys of small order and unreduced keys sign nothing', () => {
    // With the neutral element as key, R = B and S = 1 satisfies the equation for every message.
    const signature = concatBytes(Point.BASE.toBytes(), littleEndian(1n))
    const modulus = 2n ** 255n - 19n
    for (const y of [0n, 1n, modulus - 1n, modulus, modulus + 1n, bytesToNumberLE(torsion.toBytes())]) {
      for (const sign of [0n, 1n << 255n]) {
        expect(suite.verify(littleEndian(y | sign), text('x'), signature)).toBe(false)
      }
    }
    expect(suite.verify(new Uint8Array(32).fill(0xff), text('x'), signature)).toBe(false)
  })

  test('the equation holds without the cofactor', () => {
    const secret = 1234567891011n
    const nonce = 987654321n
    let accepted = 0
    for (let round = 0; round < 32; round++) {
      const message = text(`message ${round}`)
      // The key has a part of order 8: the equation holds exactly if that part vanishes.
      const key = Point.BASE.multiply(secret).add(torsion).toBytes()
      const first = Point.BASE.multiply(nonce).toBytes()
      const challenge = bytesToNumberLE(sha512(concatBytes(first, key, message))) % order
      const scalar = littleEndian((nonce + challenge * secret) % order)
      const valid = suite.verify(key, message, concatBytes(first, scalar))
      expect(valid).toBe(challenge % 8n === 0n)
      if (valid) accepted++
    }
    expect(accepted).toBeGreaterThan(0)

    const seed = fromHex(signatures[0]!.seed)
    const honest = suite.sign(seed, text('x'))
    const shifted = Point.fromBytes(honest.subarray(0, 32)).add(torsion).toBytes()
    expect(suite.verify(suite.signingKey(seed), text('x'), concatBytes(shifted, honest.subarray(32)))).toBe(
      false,
    )
  })

  test('anything of the right lengths is answered', () => {
    let state = suite.hash(text('bytes'))
    for (let round = 0; round < 40; round++) {
      const next = suite.hash(state)
      expect(suite.verify(state, text('x'), concatBytes(next, suite.hash(next)))).toBe(false)
      state = next
    }
  })

  test('wrong lengths are a mistake of the caller', () => {
    expect(() => suite.signingKey(new Uint8Array(31))).toThrow(RangeError)
    expect(() => suite.sign(new Uint8Array(33), zeros)).toThrow(RangeError)
    expect(() => suite.verify(new Uint8Array(31), zeros, new Uint8Array(64))).toThrow(RangeError)
    expect(() => suite.verify(zeros, zeros, new Uint8Array(63))).toThrow(RangeError)
  })
}

/** RFC 7748, 6.1. */
const alice = {
  secret: '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
  key: '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
}
const bob = {
  secret: '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
  key: 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
}
const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'

/** u of the points of low order, and two of them unreduced. */
const lowOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]

function agreement(suite: CryptoSuite): void {
  test('X25519 of RFC 7748', () => {
    expect(toHex(suite.agreementKey(fromHex(alice.secret)))).toBe(alice.key)
    expect(toHex(suite.agreementKey(fromHex(bob.secret)))).toBe(bob.key)
    expect(toHex(suite.agree(fromHex(alice.secret), fromHex(bob.key))!)).toBe(shared)
    expect(toHex(suite.agree(fromHex(bob.secret), fromHex(alice.key))!)).toBe(shared)
  })

  test('ignores the highest bit of a public key', () => {
    const key = fromHex(bob.key)
    key[31]! |= 0x80
    expect(toHex(suite.agree(fromHex(alice.secret), key)!)).toBe(shared)
  })

  test.each(lowOrder)('nothing is agreed with %s', (key) => {
    expect(suite.agree(fromHex(alice.secret), fromHex(key))).toBeUndefined()
  })

  test('wrong lengths are a mistake of the caller', () => {
    expect(() => suite.agreementKey(new Uint8Array(31))).toThrow(RangeError)
    expect(() => suite.agree(zeros, new Uint8Array(33))).toThrow(RangeError)
    expect(() => suite.agree(new Uint8Array(33), zeros)).toThrow(RangeError)
  })
}

const range = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from + 1 }, (_, index) => from + index)

function derivation(suite: CryptoSuite): void {
  test('HKDF-SHA-256 of RFC 5869, tests 1 to 3', () => {
    const none = new Uint8Array(0)
    const ones = new Uint8Array(22).fill(0x0b)
    expect(toHex(suite.derive(ones, range(0, 12), range(0xf0, 0xf9)))).toBe(
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf',
    )
    expect(toHex(suite.derive(range(0, 0x4f), range(0x60, 0xaf), range(0xb0, 0xff)))).toBe(
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c',
    )
    expect(toHex(suite.derive(ones, none, none))).toBe(
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d',
    )
  })
}

/** Test cases 13, 14 and 16 of the GCM specification that NIST took over. */
const gcmCases = [
  {
    key: '00'.repeat(32),
    nonce: '00'.repeat(12),
    associated: '',
    plain: '',
    sealed: '530f8afbc74536b9a963b4f1c4cb738b',
  },
  {
    key: '00'.repeat(32),
    nonce: '00'.repeat(12),
    associated: '',
    plain: '00'.repeat(16),
    sealed: 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919',
  },
  {
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
    nonce: 'cafebabefacedbaddecaf888',
    associated: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    plain:
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    sealed:
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b',
  },
]

function sealing(suite: CryptoSuite): void {
  test.each(gcmCases)('AES-256-GCM: $sealed', ({ key, nonce, associated, plain, sealed }) => {
    const place = [fromHex(key), fromHex(nonce)] as const
    const extra = { associated: fromHex(associated) }
    expect(toHex(suite.seal(...place, { ...extra, content: fromHex(plain) }))).toBe(sealed)
    expect(toHex(suite.open(...place, { ...extra, content: fromHex(sealed) })!)).toBe(plain)
  })

  test('opens nothing of which a bit was changed or cut', () => {
    const { key, nonce, associated, sealed } = gcmCases[2]!
    const parts = [key, nonce, associated, sealed].map(fromHex)
    const open = () => suite.open(parts[0]!, parts[1]!, { associated: parts[2]!, content: parts[3]! })
    for (const part of parts) {
      for (let bit = 0; bit < part.length * 8; bit += 5) {
        part[bit >> 3]! ^= 1 << (bit & 7)
        expect(open()).toBeUndefined()
        part[bit >> 3]! ^= 1 << (bit & 7)
      }
    }
    expect(open()).toBeDefined()
    const content = parts[3]!
    for (const length of [0, 1, 15, 16, content.length - 1]) {
      const cut = { associated: parts[2]!, content: content.subarray(0, length) }
      expect(suite.open(parts[0]!, parts[1]!, cut)).toBeUndefined()
    }
  })

  test('wrong lengths are a mistake of the caller', () => {
    const data = { associated: zeros, content: zeros }
    expect(() => suite.seal(new Uint8Array(16), new Uint8Array(12), data)).toThrow(RangeError)
    expect(() => suite.seal(zeros, new Uint8Array(16), data)).toThrow(RangeError)
    expect(() => suite.open(new Uint8Array(16), new Uint8Array(12), data)).toThrow(RangeError)
    expect(() => suite.open(zeros, new Uint8Array(13), data)).toThrow(RangeError)
  })

  test('does not change what it is given', () => {
    const content = range(0, 63)
    const sealed = suite.seal(zeros, new Uint8Array(12), { associated: zeros, content })
    expect(content).toEqual(range(0, 63))
    const kept = sealed.slice()
    suite.open(zeros, new Uint8Array(12), { associated: zeros, content: sealed })
    expect(sealed).toEqual(kept)
  })
}
