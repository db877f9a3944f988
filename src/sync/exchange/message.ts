import type { ChainHead } from '../format/statement.ts'
import type { EntryHash, FolderId } from '../ids.ts'

/** What the two ends of a session say to each other about one folder; docs/spec/exchange.md tells when. */
export type Message = Hello | Frontier | Want | BatchMessage | StatementMessage | Done | Ask | Fault

/** The first message of both ends. */
export interface Hello {
  readonly type: 'hello'
  readonly folderId: FolderId
  /** If both ends say the same one, no frontier is sent. */
  readonly frontierHash: string
  /** Entries in the log, for showing progress. */
  readonly size: number
  readonly statements: KnownStatements
}

/** Which statements of the authority an end has: those from 0 to before `count`. */
export interface KnownStatements {
  readonly count: number
  /** The hash of the last of them; `noHash` if there is none. */
  readonly lastHash: string
  /** It knows that the authority signed two histories. */
  readonly split: boolean
}

/** A page of the chain heads of the sender, sorted over all pages. */
export interface Frontier {
  readonly type: 'frontier'
  readonly heads: readonly ChainHead[]
  readonly last: boolean
}

/** Which of those heads the sender lacks. `last` comes once, after the last page, also if nothing is wanted. */
export interface Want {
  readonly type: 'want'
  readonly items: readonly WantedHead[]
  readonly last: boolean
}

export interface WantedHead {
  readonly head: EntryHash
  /** Entries of that chain that the sender has. */
  readonly locator: readonly EntryHash[]
}

export interface BatchMessage {
  readonly type: 'batch'
  /** The last entry of the batch: who knows it need not read on. */
  readonly head: EntryHash
  readonly bytes: Uint8Array
}

export interface StatementMessage {
  readonly type: 'statement'
  readonly bytes: Uint8Array
}

/** Everything that was wanted has been sent. */
export interface Done {
  readonly type: 'done'
}

/** Begins another round: the answer is the frontier as it is now. Or asks only for the statements that are lacking. */
export interface Ask {
  readonly type: 'ask'
  readonly frontier: boolean
  readonly statements: KnownStatements
}

/** The sender ends the session. */
export interface Fault {
  readonly type: 'fault'
  readonly reason: FaultReason
}

/** Why a session ends, and for what a peer gets a strike. The index in the list is the number on the wire. */
export const faultReasons = [
  /** bytes that are no message */
  'malformed',
  /** more bytes or items than the limits allow */
  'too-large',
  /** another version of the exchange */
  'version',
  /** another folder */
  'foreign-folder',
  /** a message that has no place here now */
  'unexpected',
  /** a wanted head that was never offered */
  'unknown-head',
  /** a batch that the log refuses */
  'invalid-batch',
  /** a statement that is not the authority's, or contradicts itself */
  'invalid-statement',
] as const
export type FaultReason = (typeof faultReasons)[number]
