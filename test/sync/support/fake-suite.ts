import type { CryptoSuite, SealedParts } from '../../../src/sync/crypto/suite.ts'
import { fakeHash } from './fake-hash.ts'

/**
 * A crypto suite for tests that run the log a million times. NOT SECURE: whoever knows a public key can sign with it.
 * It still behaves like one: deterministic, every changed bit of key, nonce, message, ciphertext or signature is
 * noticed, and wrong lengths throw. Its number is none that a real folder has.
 */
export const fakeSuite: CryptoSuite = {
  id: 240,

  hash(...parts) {
    const only = parts[0]
    return parts.length === 1 && only !== undefined ? fakeHash(only) : hashOf(0, parts)
  },

  signingKey(seed) {
    check(seed, 32, 'seed')
    return hashOf(tags.signingKey, [seed])
  },

  sign(seed, message) {
    check(seed, 32, 'seed')
    return signatureOf(hashOf(tags.signingKey, [seed]), message)
  },

  verify(publicKey, message, signature) {
    check(publicKey, 32, 'public key')
    check(signature, 64, 'signature')
    return same(signatureOf(publicKey, message), signature)
  },

  agreementKey(secret) {
    check(secret, 32, 'secret')
    return hashOf(tags.agreementKey, [secret])
  },

  agree(secret, publicKey) {
    check(secret, 32, 'secret')
    check(publicKey, 32, 'public key')
    if (publicKey.every((byte) => byte === 0)) return undefined
    const own = hashOf(tags.agreementKey, [secret])
    return hashOf(tags.shared, isBefore(own, publicKey) ? [own, publicKey] : [publicKey, own])
  },

  derive(secret, salt, info) {
    return hashOf(tags.derive, [lengths(secret.length, salt.length), secret, salt, info])
  },

  seal(key, nonce, data) {
    const start = streamStart(key, nonce)
    const sealed = new Uint8Array(data.content.length + 16)
    mask(start, data.content, sealed, data.content.length)
    sealed.set(tagOf(start, data.associated, data.content, data.content.length), data.content.length)
    return sealed
  },

  open(key, nonce, data) {
    const start = streamStart(key, nonce)
    const length = data.content.length - 16
    if (length < 0) return undefined
    const plain = new Uint8Array(length)
    mask(start, data.content, plain, length)
    const tag = tagOf(start, data.associated, plain, length)
    return same(tag, data.content.subarray(length)) ? plain : undefined
  },
}

/** `hash` has none, because it must be the hash of the bare concatenation. */
const tags = { signingKey: 1, signature: 2, agreementKey: 3, shared: 4, derive: 5, stream: 6, seal: 7 }

let scratch = new Uint8Array(64 * 1024)

/** The hash of a tag (none if 0) and the parts, one after the other. */
function hashOf(tag: number, parts: readonly Uint8Array[]): Uint8Array {
  let length = tag === 0 ? 0 : 1
  for (const part of parts) length += part.length
  if (length > scratch.length) scratch = new Uint8Array(length * 2)
  scratch[0] = tag
  let at = tag === 0 ? 0 : 1
  for (const part of parts) {
    scratch.set(part, at)
    at += part.length
  }
  return fakeHash(scratch, length)
}

function signatureOf(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const half = hashOf(tags.signature, [publicKey, message])
  const signature = new Uint8Array(64)
  signature.set(half)
  signature.set(hashOf(tags.signature, [half, publicKey]), 32)
  return signature
}

function streamStart(key: Uint8Array, nonce: Uint8Array): Uint8Array {
  check(key, 32, 'key')
  check(nonce, 12, 'nonce')
  return hashOf(tags.stream, [key, nonce])
}

/** Xors with a xorshift stream; doing it twice gives back the input. */
function mask(start: Uint8Array, from: Uint8Array, into: Uint8Array, length: number): void {
  let state = start[0]! | (start[1]! << 8) | (start[2]! << 16) | (start[3]! << 24) | 1
  for (let at = 0; at < length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    into[at] = from[at]! ^ state
  }
}

function tagOf(
  start: Uint8Array,
  associated: SealedParts['associated'],
  plain: Uint8Array,
  length: number,
): Uint8Array {
  const parts = [lengths(associated.length, length), start, associated, plain]
  return hashOf(tags.seal, parts).subarray(0, 16)
}

/** So that a byte cannot slip from one part into the next. */
function lengths(first: number, second: number): Uint8Array {
  return Uint8Array.of(first, first >>> 8, first >>> 16, second, second >>> 8, second >>> 16)
}

function check(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new RangeError(`${what}: ${bytes.length} bytes instead of ${length}`)
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false
  return true
}

function isBefore(left: Uint8Array, right: Uint8Array): boolean {
  for (let at = 0; at < left.length; at++) {
    if (left[at] !== right[at]) return left[at]! < right[at]!
  }
  return true
}
