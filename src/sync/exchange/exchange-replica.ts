import type { AuthorityStatement, ChainHead } from '../format/statement.ts'
import type { EntryHash } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'

/** What a session needs of a replica. A relay without keys has all of it. */
export interface ExchangeReplica<V extends BatchVerdict = BatchVerdict> {
  readonly log: ExchangeLog
  readonly statements: ExchangeStatements
  receive(bytes: Uint8Array, source: string, now: number): V
  receiveStatement(bytes: Uint8Array, source: string, now: number): StatementVerdict
}

/** Questions to the log; `Log` answers them. */
export interface ExchangeLog {
  readonly size: number
  entry(hash: EntryHash): LogEntry | undefined
  observes(later: LogEntry, earlier: LogEntry): boolean
  /** One head per branch, sorted. */
  frontier(): readonly ChainHead[]
  branchHeads(): readonly LogEntry[]
  /** The line that leads to the end of the branch; a part of it may lie on branches that it forked from. */
  chainEntries(branch: number, fromSeq: number): readonly LogEntry[]
  /** The encoded batches of that line, the first of them cut so that it begins with `fromSeq`. */
  batchesFrom(
    branch: number,
    fromSeq: number,
  ): Iterable<{ readonly bytes: Uint8Array; readonly first: LogEntry }>
}

/** The authority's statements that count here; in peer mode there are none. */
export interface ExchangeStatements {
  readonly count: number
  /** `noHash` if there is none. */
  readonly lastHash: string
  /** Two statements of one index, if the authority signed such. */
  readonly splitEvidence: readonly AuthorityStatement[] | undefined
  /** Those from `index` on. More may follow them, such as the evidence of a split. */
  from(index: number): readonly AuthorityStatement[]
}

/** What became of a batch. */
export interface BatchVerdict {
  readonly accepted: readonly unknown[]
  /** Entries that must come first. */
  readonly missing: readonly EntryHash[]
  readonly refused: BatchRefusal | undefined
  /** Batches that had waited for this one and are not valid. */
  readonly refusedLater?: readonly (BatchRefusal & { readonly source: string })[]
}

export interface BatchRefusal {
  readonly reason: string
  readonly detail: string
}

/**
 * What became of a statement. `waiting`: its entries are not all here; `gap`: statements before it are not. Such a one
 * need not be kept, it is asked for again. `split`: the authority signed two histories, which is not the sender's doing.
 */
export interface StatementVerdict {
  readonly outcome: 'accepted' | 'known' | 'waiting' | 'gap' | 'split' | `refused-${string}`
}
