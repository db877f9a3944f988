import { deviceIdOf } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { headMessage } from '../format/batch-codec.ts'
import { encodeCbor, requireSame } from '../format/cbor.ts'
import { chainStart, decodeMeta, entryHash } from '../format/entry-codec.ts'
import type { Batch } from '../format/entry.ts'
import { asBytes, asList, asTuple, Fields } from '../format/fields.ts'
import { FormatError, orReason } from '../format/format-error.ts'
import { limits } from '../format/limits.ts'
import { compareIds, fromHex, hashLength, type DeviceId, type EntryHash, type FolderId } from '../ids.ts'
import type { RefusalReason } from './refusal.ts'

/** One of two histories: the metas from the fork up to the first head that the device signed. */
export interface SignedBranch {
  readonly metas: readonly Uint8Array[]
  readonly signature: Uint8Array
}

/** Two histories of one chain, each signed by its device. Proves itself: nothing else is needed to judge it. */
export interface EquivocationProof {
  readonly publicKey: Uint8Array
  /** The last entry that both have in common, or the start of the chain. */
  readonly prev: EntryHash
  /** Sorted by the hash of their first entries. */
  readonly branches: readonly [SignedBranch, SignedBranch]
}

/** What a proof shows. */
export interface Equivocation {
  readonly deviceId: DeviceId
  readonly incarnation: string
  /** The place that was given twice, and the two entries at it. */
  readonly seq: number
  readonly entries: readonly [EntryHash, EntryHash]
}

/** Each batch begins with one of two entries that have the same predecessor. */
export function makeEquivocation(one: Batch, other: Batch): EquivocationProof {
  const prev = one.entries[0]?.prev ?? ''
  const ordered = [one, other].sort((left, right) => compareIds(firstHash(left), firstHash(right)))
  const [lower, higher] = ordered.map(({ entries, signature }) => ({
    metas: entries.map((entry) => entry.metaBytes.slice()),
    signature: signature.slice(),
  }))
  if (lower === undefined || higher === undefined) throw new RangeError('an equivocation takes two batches')
  return { publicKey: one.publicKey.slice(), prev, branches: [lower, higher] }
}

export function encodeEquivocation(proof: EquivocationProof): Uint8Array {
  return encodeCbor(
    new Map<number, number | Uint8Array | [Uint8Array[], Uint8Array][]>([
      [1, 1],
      [2, proof.publicKey],
      [3, fromHex(proof.prev)],
      [4, proof.branches.map(({ metas, signature }) => [[...metas], signature])],
    ]),
  )
}

/** Throws FormatError. What it decodes is not verified yet. */
export function decodeEquivocation(bytes: Uint8Array): EquivocationProof {
  const most = 2 * limits.batchEntries * (limits.metaBytes + 3) + 1_024
  if (bytes.length > most) throw new FormatError('limit', `more than ${most} bytes`)
  const fields = Fields.of(bytes, 2 * limits.batchEntries + 32)
  fields.version(1)
  const publicKey = fields.bytes(2, hashLength)
  const prev = fields.id(3, hashLength)
  const [one, other] = asTuple(fields.list(4, 2), 2)
  fields.end()
  const proof: EquivocationProof = { publicKey, prev, branches: [readBranch(one), readBranch(other)] }
  requireSame(bytes, encodeEquivocation(proof))
  return proof
}

/**
 * What the proof shows of a device of this folder, or why it shows nothing. Stand-alone: an honest device signs one
 * entry at each place of its chain, so nobody but the device itself can make such a proof.
 */
export function verifyEquivocation(
  suite: CryptoSuite,
  bytes: Uint8Array,
  folderId: FolderId,
): Equivocation | RefusalReason {
  return orReason(() => {
    const proof = decodeEquivocation(bytes)
    const [one, other] = proof.branches
    const lower = readHead(suite, proof, one, folderId)
    const higher = readHead(suite, proof, other, folderId)
    if (lower.incarnation !== higher.incarnation || lower.seq !== higher.seq) {
      throw new FormatError('chain', 'not at one place')
    }
    if (lower.first >= higher.first) throw new FormatError('order', 'not two entries in order')
    if (!lower.signed || !higher.signed) return 'signature'
    const { deviceId, incarnation, seq } = lower
    return { deviceId, incarnation, seq, entries: [lower.first, higher.first] as const }
  })
}

interface VerifiedBranch {
  readonly deviceId: DeviceId
  readonly incarnation: string
  readonly seq: number
  readonly first: EntryHash
  readonly signed: boolean
}

function readHead(
  suite: CryptoSuite,
  { publicKey, prev }: EquivocationProof,
  { metas, signature }: SignedBranch,
  folderId: FolderId,
): VerifiedBranch {
  const deviceId = deviceIdOf(suite, publicKey)
  let hash = prev
  let first: { hash: EntryHash; incarnation: string; seq: number } | undefined
  let seq = 0
  for (const bytes of metas) {
    const meta = decodeMeta(bytes)
    if (meta.deviceId !== deviceId) throw new FormatError('key', 'not the key of the author')
    if (meta.folderId !== folderId) throw new FormatError('chain', 'of another folder')
    hash = entryHash(suite, bytes, hash)
    if (first === undefined) {
      const start = meta.seq === 0 ? chainStart(suite, folderId, deviceId, meta.incarnation) : prev
      if (start !== prev) throw new FormatError('chain', 'not at the start of its chain')
      first = { hash, incarnation: meta.incarnation, seq: meta.seq }
    } else if (meta.seq !== seq + 1 || meta.incarnation !== first.incarnation) {
      throw new FormatError('chain', 'not consecutive')
    }
    seq = meta.seq
  }
  if (first === undefined) throw new FormatError('shape', 'no entries')
  const { incarnation } = first
  const message = headMessage(folderId, { deviceId, incarnation, seq, hash })
  const signed = suite.verify(publicKey, message, signature)
  return { deviceId, incarnation, seq: first.seq, first: first.hash, signed }
}

function readBranch(value: unknown): SignedBranch {
  const [metas, signature] = asTuple(value, 2)
  return {
    metas: asList(metas, limits.batchEntries).map((meta) => asBytes(meta)),
    signature: asBytes(signature, 64),
  }
}

function firstHash(batch: Batch): EntryHash {
  return batch.entries[0]?.hash ?? ''
}

export function equivocatorOf(suite: CryptoSuite, proof: EquivocationProof): DeviceId {
  return deviceIdOf(suite, proof.publicKey)
}
