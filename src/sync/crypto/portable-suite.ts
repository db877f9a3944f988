import { gcm } from '@noble/ciphers/aes.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { sha3_256 } from '@noble/hashes/sha3.js'
import { isUsableSigningKey } from './signing-key.ts'
import type { CryptoSuite } from './suite.ts'

/** Suite 1 in JavaScript alone: for browsers, and beside `node-suite.ts` as a second opinion in tests. */

const keyLength = 32
const nonceLength = 12
const signatureLength = 64
const tagLength = 16

const { Point } = ed25519
const order = Point.Fn.ORDER

export const portableSuite: CryptoSuite = {
  id: 1,

  hash(...parts) {
    const state = sha3_256.create()
    for (const part of parts) state.update(part)
    return state.digest()
  },

  signingKey(seed) {
    return ed25519.getPublicKey(sized(seed, keyLength))
  },

  sign(seed, message) {
    return ed25519.sign(message, sized(seed, keyLength))
  },

  verify(publicKey, message, signature) {
    sized(publicKey, keyLength)
    sized(signature, signatureLength)
    if (!isUsableSigningKey(publicKey)) return false
    const first = signature.subarray(0, keyLength)
    const scalar = bytesToNumberLE(signature.subarray(keyLength))
    if (scalar >= order) return false
    const challenge = sha512.create().update(first).update(publicKey).update(message).digest()
    try {
      // The library's own check multiplies by the cofactor, and so accepts what node:crypto does not.
      const key = Point.fromBytes(publicKey)
      const product = key.multiplyUnsafe(bytesToNumberLE(challenge) % order)
      return same(Point.BASE.multiplyUnsafe(scalar).subtract(product).toBytes(), first)
    } catch {
      return false
    }
  },

  agreementKey(secret) {
    return x25519.getPublicKey(sized(secret, keyLength))
  },

  agree(secret, publicKey) {
    sized(secret, keyLength)
    sized(publicKey, keyLength)
    try {
      return x25519.getSharedSecret(secret, publicKey)
    } catch {
      // The one thing that goes wrong with keys of the right length: a point of low order.
      return undefined
    }
  },

  derive(secret, salt, info) {
    return hkdf(sha256, secret, salt, info, keyLength)
  },

  seal(key, nonce, { associated, content }) {
    return gcm(sized(key, keyLength), sized(nonce, nonceLength), associated).encrypt(content)
  },

  open(key, nonce, { associated, content }) {
    const cipher = gcm(sized(key, keyLength), sized(nonce, nonceLength), associated)
    if (content.length < tagLength) return undefined
    try {
      return cipher.decrypt(content)
    } catch {
      return undefined
    }
  },
}

function sized(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`${bytes.length} bytes instead of ${length}`)
  return bytes
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}
