import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  hash,
  sign,
  verify,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { concatBytes } from '../format/cbor.ts'
import { toHex } from '../ids.ts'
import { isUsableSigningKey } from './signing-key.ts'
import type { CryptoSuite, SealedParts } from './suite.ts'

/**
 * Suite 1 on node:crypto. Results are plain arrays that share memory with nothing. Secret keys are given as key objects:
 * for raw bytes Node throws and catches inside its own check of the argument, which costs more than the cryptography.
 */

/** What stands before a raw key of 32 bytes in its DER form (RFC 8410). */
const derPrefix = {
  ed25519Private: Buffer.from('302e020100300506032b657004220420', 'hex'),
  ed25519Public: Buffer.from('302a300506032b6570032100', 'hex'),
  x25519Private: Buffer.from('302e020100300506032b656e04220420', 'hex'),
  x25519Public: Buffer.from('302a300506032b656e032100', 'hex'),
} as const

const keyLength = 32
const nonceLength = 12
const signatureLength = 64
const tagLength = 16

/** Key objects of authors whose signatures are checked again and again: making one costs as much as a check. */
const publicKeys = new Map<string, KeyObject>()
const maximumPublicKeys = 1_024

export const nodeSuite: CryptoSuite = {
  id: 1,

  hash(...parts) {
    return digest('sha3-256', joined(parts))
  },

  signingKey(seed) {
    return rawPublicKey(privateKey(derPrefix.ed25519Private, seed))
  },

  sign(seed, message) {
    return plain(sign(null, message, privateKey(derPrefix.ed25519Private, seed)))
  },

  verify(publicKey, message, signature) {
    requireLength(publicKey, keyLength)
    requireLength(signature, signatureLength)
    try {
      const key = authorKey(publicKey)
      return key !== undefined && verify(null, message, key, signature)
    } catch {
      return false
    }
  },

  agreementKey(secret) {
    return rawPublicKey(privateKey(derPrefix.x25519Private, secret))
  },

  agree(secret, publicKey) {
    const ours = privateKey(derPrefix.x25519Private, secret)
    const theirs = publicKeyObject(derPrefix.x25519Public, publicKey)
    try {
      return plain(diffieHellman({ privateKey: ours, publicKey: theirs }))
    } catch {
      // The one thing that goes wrong with keys of the right length: a point of low order.
      return undefined
    }
  },

  derive(secret, salt, info) {
    return hmac(hmac(salt, secret), concatBytes(info, firstBlock))
  },

  seal(key, nonce, { associated, content }) {
    requireLength(key, keyLength)
    requireLength(nonce, nonceLength)
    const cipher = createCipheriv('aes-256-gcm', createSecretKey(key), nonce)
    cipher.setAAD(associated)
    const sealed = new Uint8Array(content.length + tagLength)
    sealed.set(cipher.update(content))
    cipher.final()
    sealed.set(cipher.getAuthTag(), content.length)
    return sealed
  },

  open(key, nonce, { associated, content }: SealedParts) {
    requireLength(key, keyLength)
    requireLength(nonce, nonceLength)
    if (content.length < tagLength) return undefined
    const length = content.length - tagLength
    const decipher = createDecipheriv('aes-256-gcm', createSecretKey(key), nonce, {
      authTagLength: tagLength,
    })
    decipher.setAAD(associated)
    decipher.setAuthTag(content.subarray(length))
    const opened = decipher.update(content.subarray(0, length))
    try {
      decipher.final()
    } catch {
      return undefined
    }
    return plain(opened)
  },
}

/** HKDF makes its output in blocks with numbers from 1; a key is one block. */
const firstBlock = Uint8Array.of(1)
const hashBlock = 64

/** As text, of a character for each byte: a buffer of its own memory costs three times the hash itself. */
function digest(algorithm: 'sha3-256' | 'sha256', data: Uint8Array): Uint8Array {
  const text = hash(algorithm, data, 'binary')
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < bytes.length; index++) bytes[index] = text.charCodeAt(index)
  return bytes
}

/** HMAC-SHA-256 (RFC 2104): for messages as short as ours a fifth of what Node's own costs. */
function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  const short = key.length > hashBlock ? digest('sha256', key) : key
  const inner = new Uint8Array(hashBlock + message.length)
  const outer = new Uint8Array(hashBlock + keyLength)
  for (let index = 0; index < hashBlock; index++) {
    const byte = short[index] ?? 0
    inner[index] = byte ^ 0x36
    outer[index] = byte ^ 0x5c
  }
  inner.set(message, hashBlock)
  outer.set(digest('sha256', inner), hashBlock)
  return digest('sha256', outer)
}

/** One part is hashed as it is. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : concatBytes(...parts)
}

/** A copy, because results of node:crypto may be parts of memory that other buffers share. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function privateKey(prefix: Buffer, secret: Uint8Array): KeyObject {
  requireLength(secret, keyLength)
  return createPrivateKey({ key: Buffer.concat([prefix, secret]), format: 'der', type: 'pkcs8' })
}

function publicKeyObject(prefix: Buffer, key: Uint8Array): KeyObject {
  requireLength(key, keyLength)
  return createPublicKey({ key: Buffer.concat([prefix, key]), format: 'der', type: 'spki' })
}

function rawPublicKey(secret: KeyObject): Uint8Array {
  return plain(createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-keyLength))
}

function authorKey(key: Uint8Array): KeyObject | undefined {
  const name = toHex(key)
  const known = publicKeys.get(name)
  if (known !== undefined) return known
  if (!isUsableSigningKey(key)) return undefined
  const made = publicKeyObject(derPrefix.ed25519Public, key)
  if (publicKeys.size >= maximumPublicKeys) publicKeys.clear()
  publicKeys.set(name, made)
  return made
}

function requireLength(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`${bytes.length} bytes instead of ${length}`)
}
