import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto'
import type { CipherGCM, DecipherGCM } from 'node:crypto'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { freeMemory } from '../../base/free-memory.ts'
import { fromHex } from '../ids.ts'
import { sealedOverhead } from './content.ts'

/**
 * The cryptography of content: BLAKE3, and AES-256-GCM under a zero nonce, where a key seals one plaintext only. Apart
 * from the suite of the log because content is hashed by the gigabyte, and never signed. Keys have 32 bytes.
 */
export interface ContentSuite {
  /** BLAKE3, 32 bytes. */
  hash(bytes: Uint8Array): Uint8Array
  keyedHash(key: Uint8Array, bytes: Uint8Array): Uint8Array
  /** BLAKE3's own key derivation: `context` is a constant of the program. */
  derive(context: string, secret: Uint8Array): Uint8Array
  /** Of what comes in parts. */
  hasher(): ContentHasher
  /** Ciphertext and tag, written to `into`, which is `sealedOverhead` longer than `content`. */
  seal(key: Uint8Array, associated: Uint8Array, content: Uint8Array, into: Uint8Array): void
  /** The hash of what `seal` would write. */
  hashSealed(key: Uint8Array, associated: Uint8Array, content: Uint8Array): Uint8Array
  /**
   * The plaintext, written to the beginning of `into`, which may be `sealed`; undefined if key, associated data,
   * ciphertext and tag do not belong together, and `into` is then to be thrown away.
   */
  open(key: Uint8Array, associated: Uint8Array, sealed: Uint8Array, into: Uint8Array): Uint8Array | undefined
}

/** One content after the other: `reset` begins anew. */
export interface ContentHasher {
  reset(): void
  update(bytes: Uint8Array): void
  /** 64 hex digits. */
  digest(): string
}

const keyLength = 32
const algorithm = 'aes-256-gcm'
const zeroNonce = new Uint8Array(12)
const pieceBytes = 122_880

/** Making a hasher with a key costs more than hashing a small file with it, and a device has few folders. */
const keyed = new Map<string, Blake3Hasher>()
const deriving = new Map<string, Blake3Hasher>()
const maximumHashers = 64
const plain = new Blake3Hasher()

/**
 * Digests are taken as text, although they are wanted as bytes: the native module gives bytes in memory of its own, which
 * the engine has to look after one by one.
 */
export const nodeContentSuite: ContentSuite = {
  hash(bytes) {
    return digestOf(plain, bytes)
  },

  keyedHash(key, bytes) {
    return digestOf(keyedHasher(key), bytes)
  },

  derive(context, secret) {
    const hasher = deriving.get(context) ?? remember(deriving, context, Blake3Hasher.newDeriveKey(context))
    return digestOf(hasher, secret)
  },

  hasher() {
    const hasher = new Blake3Hasher()
    return {
      reset() {
        hasher.reset()
      },
      update(bytes) {
        hasher.update(asBuffer(bytes))
      },
      digest() {
        return hasher.digest('hex')
      },
    }
  },

  seal(key, associated, content, into) {
    const cipher = cipherFor(key, associated)
    inPieces(cipher, content, (piece, at) => into.set(piece, at))
    cipher.final()
    into.set(cipher.getAuthTag(), content.length)
  },

  hashSealed(key, associated, content) {
    const cipher = cipherFor(key, associated)
    plain.reset()
    inPieces(cipher, content, (piece) => plain.update(piece))
    cipher.final()
    return fromHex(plain.update(cipher.getAuthTag()).digest('hex'))
  },

  open(key, associated, sealed, into) {
    const length = sealed.length - sealedOverhead
    if (length < 0) return undefined
    const decipher = createDecipheriv(algorithm, createSecretKey(key), zeroNonce, {
      authTagLength: sealedOverhead,
    })
    decipher.setAAD(associated)
    decipher.setAuthTag(sealed.subarray(length))
    inPieces(decipher, sealed.subarray(0, length), (piece, at) => into.set(piece, at))
    try {
      decipher.final()
    } catch {
      return undefined
    }
    return into.subarray(0, length)
  },
}

/**
 * Ciphers give each result in memory of its own. Of pieces that fit the processor's cache and are given back at once it
 * is the same memory again and again, which is several times as fast as fresh pages for each chunk.
 */
function inPieces(
  cipher: CipherGCM | DecipherGCM,
  bytes: Uint8Array,
  take: (piece: Buffer, at: number) => void,
): void {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = cipher.update(bytes.subarray(at, at + pieceBytes))
    take(piece, at)
    freeMemory(piece)
  }
}

/** With a key object: for raw bytes Node throws and catches inside its own check of the argument. */
function cipherFor(key: Uint8Array, associated: Uint8Array): CipherGCM {
  const cipher = createCipheriv(algorithm, createSecretKey(key), zeroNonce)
  cipher.setAAD(associated)
  return cipher
}

function digestOf(hasher: Blake3Hasher, bytes: Uint8Array): Uint8Array {
  hasher.reset()
  return fromHex(hasher.update(asBuffer(bytes)).digest('hex'))
}

function keyedHasher(key: Uint8Array): Blake3Hasher {
  if (key.length !== keyLength) throw new RangeError(`a key of ${key.length} bytes`)
  const bytes = asBuffer(key)
  const name = bytes.toString('latin1')
  return keyed.get(name) ?? remember(keyed, name, Blake3Hasher.newKeyed(bytes))
}

/** A view of the same memory, which is what the native module's types ask for. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function remember(hashers: Map<string, Blake3Hasher>, name: string, hasher: Blake3Hasher): Blake3Hasher {
  if (hashers.size >= maximumHashers) hashers.clear()
  hashers.set(name, hasher)
  return hasher
}
