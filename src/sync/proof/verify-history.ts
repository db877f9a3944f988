import type { CryptoSuite } from '../crypto/suite.ts'
import { sameBytes } from '../format/cbor.ts'
import { orReason } from '../format/format-error.ts'
import type { SignedStatement, Statement } from '../format/statement.ts'
import {
  decodeSignedStatement,
  decodeStatement,
  statementHash,
  verifyStatement,
} from '../format/statement-codec.ts'
import type { DeviceId, EntryHash, FolderId } from '../ids.ts'
import { decodeHistoryProof, type HistoryProof, proofLimits } from './history-proof.ts'
import { type VerifiedNode, verifyNode } from './verify-node.ts'
import { verifyConsistency } from './verify-consistency.ts'

/** What the verifier knows already, from its own state or given by hand: never from the proof. */
export interface HistoryTrust {
  readonly folderId: FolderId
  /** Whose statements count. */
  readonly devices: readonly DeviceId[]
  /** The folder's authority, if it has one: its statements count, and they are final. */
  readonly authority?: DeviceId
  /** An older statement of one of these devices: the proof must show that the log only grew since. */
  readonly older?: SignedStatement | Uint8Array
  /** BLAKE3 of a file at hand: which of the revealed versions is it? */
  readonly contentHash?: string
}

export const proofRefusals = [
  /** more bytes than a proof may have */
  'too-large',
  /** not a proof in its one encoding */
  'malformed',
  /** signed by nobody the verifier trusts */
  'untrusted-issuer',
  /** a statement, or a version, of another folder */
  'other-folder',
  /** the statement is not signed by the key given with it, or that key is not the issuer's */
  'signature',
  /** versions, their order, the heads or the path are not those that the statement commits to */
  'not-in-map',
  /** an entry that cannot be a version */
  'not-a-version',
  /** a revealed body that is not the version's, or does not open */
  'not-the-body',
  /** revealed versions of one node that name different nodes */
  'other-node',
  /** the verifier's older statement is not itself signed by a device it trusts, for this folder */
  'older-refused',
  /** nothing shows that the log of the verifier's older statement is a beginning of this one */
  'not-grown',
  /** growth is claimed from a statement that the verifier does not have, so it cannot be judged */
  'older-unknown',
] as const
export type ProofRefusal = (typeof proofRefusals)[number]

export type VerifiedHistory = ProvedHistory | { readonly refused: ProofRefusal }

export interface ProvedHistory {
  readonly refused?: undefined
  readonly statement: Statement
  /** The issuer is the authority: this order will not change. */
  readonly final: boolean
  readonly nodes: readonly VerifiedNode[]
  /** Entries in the log of the verifier's older statement, if it brought one. */
  readonly grewFrom: number | undefined
  /** Where the content of the verifier's file is found among the revealed versions, if it brought one. */
  readonly matches: readonly VersionPlace[] | undefined
}

export interface VersionPlace {
  /** Indices in `nodes`, and in the `versions` of that node. */
  readonly node: number
  readonly version: number
}

/** Judges a proof against the verifier's own trust, with no other state. Never throws for any bytes. */
export function verifyHistory(suite: CryptoSuite, bytes: Uint8Array, trust: HistoryTrust): VerifiedHistory {
  if (bytes.length > proofLimits.bytes) return { refused: 'too-large' }
  const proof = orReason(() => decodeHistoryProof(bytes))
  if (typeof proof === 'string') return { refused: 'malformed' }
  const statement = orReason(() => decodeStatement(proof.statement))
  if (typeof statement === 'string') return { refused: 'malformed' }
  const signed = { statement, bytes: proof.statement, publicKey: proof.publicKey, signature: proof.signature }
  const doubt = judgeStatement(suite, signed, trust) ?? judgeGrowth(suite, { proof, signed, trust })
  if (doubt !== undefined) return { refused: doubt }

  const nodes: VerifiedNode[] = []
  for (const node of proof.nodes) {
    const verified = verifyNode(suite, node, statement)
    if (typeof verified === 'string') return { refused: verified }
    nodes.push(verified)
  }
  const { authority, contentHash } = trust
  return {
    statement,
    final: statement.issuer === authority,
    nodes,
    grewFrom: proof.growth?.olderSize,
    matches: contentHash === undefined ? undefined : placesOf(nodes, contentHash),
  }
}

function judgeStatement(
  suite: CryptoSuite,
  signed: SignedStatement,
  trust: HistoryTrust,
): ProofRefusal | undefined {
  const { statement } = signed
  const { issuer } = statement
  if (issuer !== trust.authority && !trust.devices.includes(issuer)) return 'untrusted-issuer'
  if (statement.folderId !== trust.folderId) return 'other-folder'
  return verifyStatement(suite, signed) ? undefined : 'signature'
}

interface GrowthCase {
  readonly proof: HistoryProof
  readonly signed: SignedStatement
  readonly trust: HistoryTrust
}

function judgeGrowth(suite: CryptoSuite, { proof, signed, trust }: GrowthCase): ProofRefusal | undefined {
  const { growth } = proof
  const { older } = trust
  if (older === undefined) return growth === undefined ? undefined : 'older-unknown'
  const known = signedOlder(suite, older, trust)
  if (known === undefined) return 'older-refused'
  const { statement } = signed
  const { size, logRoot } = known.statement
  if (growth?.olderSize !== size || !mayFollow(suite, known, signed)) return 'not-grown'
  const claim = {
    olderSize: size,
    olderRoot: logRoot,
    newerSize: statement.size,
    newerRoot: statement.logRoot,
    hashes: growth.hashes,
  }
  return verifyConsistency(suite, claim) ? undefined : 'not-grown'
}

/**
 * One log may stand under several statements that say different things of its files: when entries became final, an
 * operation among them may have been fenced off. So an earlier statement of an issuer does not follow a later one, and
 * nor does one beside it.
 */
function mayFollow(suite: CryptoSuite, older: SignedStatement, newer: SignedStatement): boolean {
  const [before, after] = [older.statement, newer.statement]
  if (before.issuer !== after.issuer) return true
  if (after.index === before.index) return sameBytes(older.bytes, newer.bytes)
  if (after.index === before.index + 1) return after.previous === statementHash(suite, older.bytes)
  return after.index > before.index
}

/** The statement in what the verifier brought: from its bytes alone, so that what is read is what was signed. */
function signedOlder(
  suite: CryptoSuite,
  older: SignedStatement | Uint8Array,
  trust: HistoryTrust,
): SignedStatement | undefined {
  const signed = orReason(() =>
    older instanceof Uint8Array
      ? decodeSignedStatement(older)
      : { ...older, statement: decodeStatement(older.bytes) },
  )
  if (typeof signed === 'string') return undefined
  return judgeStatement(suite, signed, trust) === undefined ? signed : undefined
}

function placesOf(nodes: readonly VerifiedNode[], contentHash: EntryHash): VersionPlace[] {
  const places: VersionPlace[] = []
  for (const [node, { versions }] of nodes.entries()) {
    for (const [version, { opened }] of versions.entries()) {
      if (opened?.type === 'put' && opened.content.hash === contentHash) places.push({ node, version })
    }
  }
  return places
}
