/**
 * The contract of a crypto suite: synchronous, deterministic, no state. Implementations: `node-suite.ts` (node:crypto),
 * `portable-suite.ts` (audited pure JavaScript, for browsers); one compliance suite runs against each. Suite 1 is
 * Ed25519, X25519, HKDF-SHA-256, AES-256-GCM and SHA3-256; the number travels in a folder's genesis. Random bytes and
 * keys are arguments. Labels are in `labels.ts` and nowhere else. What must not be called with a wrong length throws
 * `RangeError`: lengths of input of others are checked by the codecs before.
 */
export interface CryptoSuite {
  /** The number in the genesis entry. */
  readonly id: number

  /** SHA3-256 of the concatenation of the parts. 32 bytes. */
  hash(...parts: readonly Uint8Array[]): Uint8Array

  /** The Ed25519 public key (32 bytes) of a 32-byte seed. */
  signingKey(seed: Uint8Array): Uint8Array
  /** An Ed25519 signature (64 bytes) with a 32-byte seed. */
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array
  /**
   * False for anything that is not a valid signature, malformed keys included. Never throws for lengths 32 and 64.
   * All replicas must judge alike, so one rule holds: RFC 8032 without cofactor (the encoding of `SB - kA` is the first
   * half of the signature, byte for byte), S below the group's order, key canonical and not of small order.
   */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean

  /** The X25519 public key (32 bytes) of a 32-byte secret. */
  agreementKey(secret: Uint8Array): Uint8Array
  /** The X25519 shared secret; undefined for a public key of low order (an all-zero result). */
  agree(secret: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined

  /** HKDF-SHA-256 (RFC 5869), 32 bytes. */
  derive(secret: Uint8Array, salt: Uint8Array, info: Uint8Array): Uint8Array

  /** AES-256-GCM: ciphertext followed by the 16-byte tag. The nonce has 12 bytes. */
  seal(key: Uint8Array, nonce: Uint8Array, data: SealedParts): Uint8Array
  /** The plaintext; undefined if key, nonce, associated data, ciphertext or tag do not belong together. */
  open(key: Uint8Array, nonce: Uint8Array, data: SealedParts): Uint8Array | undefined
}

export interface SealedParts {
  /** Authenticated and not encrypted. */
  readonly associated: Uint8Array
  /** The plaintext for `seal`; ciphertext and tag for `open`. */
  readonly content: Uint8Array
}

/** Where keys, nonces and identifiers come from. `crypto.getRandomValues` at the edge, a seeded one in tests. */
export type RandomBytes = (length: number) => Uint8Array
