import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { fromHex, hashLength, toHex } from '../ids.ts'
import type { EntryHash } from '../ids.ts'
import { concatBytes, sameBytes, uint64Bytes } from './cbor.ts'
import { encodePartialMeta } from './entry-codec.ts'
import type { PartialMeta } from './entry-codec.ts'
import { FormatError, orReason } from './format-error.ts'
import type { FormatReason } from './format-error.ts'
import { limits } from './limits.ts'
import { decodeOperation, encodeOperation } from './operation-codec.ts'
import type { Operation } from './operation.ts'

/** A plaintext's length is a multiple of this, so that bodies tell less of their names. */
const paddingBlock = 32
const saltLength = 16
const noSalt = new Uint8Array(0)

export interface SealedBody {
  readonly body: Uint8Array
  readonly bodyHash: string
}

/**
 * Opens one body and nothing else; giving it away reveals that one operation. `meta` may be a full one; of the body it
 * takes the salt.
 */
export function entrySecret(
  suite: CryptoSuite,
  epochKey: Uint8Array,
  meta: PartialMeta,
  prev: EntryHash,
  body: Uint8Array,
): Uint8Array {
  return secretIn(suite, epochKey, { meta, prev, body }, encodePartialMeta(meta))
}

/** An entry as far as its body is opened by it; `meta` as above. */
export interface SealedEntry {
  readonly meta: PartialMeta
  readonly prev: EntryHash
  readonly body: Uint8Array
}

/** `openOperation` with the secret that follows from the key; what both need is encoded once. */
export function openEntry(
  suite: CryptoSuite,
  epochKey: Uint8Array,
  entry: SealedEntry,
): Operation | FormatReason {
  const associated = encodePartialMeta(entry.meta)
  return openWith(suite, secretIn(suite, epochKey, entry, associated), entry, associated)
}

function secretIn(
  suite: CryptoSuite,
  epochKey: Uint8Array,
  { meta, prev, body }: SealedEntry,
  associated: Uint8Array,
): Uint8Array {
  const coordinates = suite.hash(associated, fromHex(prev))
  return secretOf(suite, epochKey, meta, concatBytes(coordinates, body.subarray(0, saltLength)))
}

/**
 * Throws FormatError for an operation that cannot be encoded. The salt follows from the text: a device that was rolled
 * back without knowing, or copied, and so writes two things at one place, never seals them under one key and nonce.
 */
export function sealOperation(
  suite: CryptoSuite,
  epochKey: Uint8Array,
  meta: PartialMeta,
  prev: EntryHash,
  operation: Operation,
): SealedBody {
  const associated = encodePartialMeta(meta)
  const content = pad(encodeOperation(operation))
  const coordinates = suite.hash(associated, fromHex(prev))
  const salt = suite.hash(labels.bodySalt, epochKey, coordinates, content).slice(0, saltLength)
  const secret = secretOf(suite, epochKey, meta, concatBytes(coordinates, salt))
  const key = suite.derive(secret, noSalt, labels.bodyKey)
  const sealed = suite.seal(key, nonceOf(meta.seq), { associated, content })
  const body = concatBytes(salt, suite.hash(labels.bodyCommitment, salt, secret), sealed)
  if (body.length > limits.bodyBytes) throw new FormatError('limit', 'body too long')
  return { body, bodyHash: toHex(suite.hash(body)) }
}

/**
 * The operation in the body of an entry, whose hash has been checked; or why there is none. `sealed`: the secret is
 * not this entry's, or its author sealed it wrongly.
 */
export function openOperation(
  suite: CryptoSuite,
  secret: Uint8Array,
  meta: PartialMeta,
  body: Uint8Array,
): Operation | FormatReason {
  return openWith(suite, secret, { meta, body }, encodePartialMeta(meta))
}

function openWith(
  suite: CryptoSuite,
  secret: Uint8Array,
  { meta, body }: Pick<SealedEntry, 'meta' | 'body'>,
  associated: Uint8Array,
): Operation | FormatReason {
  if (body.length < saltLength + hashLength) return 'sealed'
  const commitment = suite.hash(labels.bodyCommitment, body.subarray(0, saltLength), secret)
  if (!sameBytes(commitment, body.subarray(saltLength, saltLength + hashLength))) return 'sealed'
  const key = suite.derive(secret, noSalt, labels.bodyKey)
  const content = suite.open(key, nonceOf(meta.seq), {
    associated,
    content: body.subarray(saltLength + hashLength),
  })
  if (content === undefined) return 'sealed'
  return orReason(() => decodeOperation(unpad(content)))
}

/** `coordinates`: hash of the partial meta and of the entry before. */
function secretOf(
  suite: CryptoSuite,
  epochKey: Uint8Array,
  meta: PartialMeta,
  salted: Uint8Array,
): Uint8Array {
  return suite.derive(epochKey, fromHex(meta.folderId), concatBytes(labels.body, salted))
}

function nonceOf(seq: number): Uint8Array {
  const nonce = new Uint8Array(12)
  nonce.set(uint64Bytes(seq), 4)
  return nonce
}

function pad(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(bytes.length + paddingBlock - (bytes.length % paddingBlock))
  padded.set(bytes)
  padded[bytes.length] = 0x80
  return padded
}

/** Only what `pad` makes: one plaintext has one padding. */
function unpad(padded: Uint8Array): Uint8Array {
  let end = padded.length - 1
  while (end >= 0 && padded[end] === 0) end--
  if (padded.length % paddingBlock !== 0 || padded[end] !== 0x80 || padded.length - end > paddingBlock) {
    throw new FormatError('non-canonical', 'padding')
  }
  return padded.subarray(0, end)
}
