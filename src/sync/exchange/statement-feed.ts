import type { CryptoSuite } from '../crypto/suite.ts'
import { encodeAuthorityStatement, statementHash } from '../format/statement-codec.ts'
import type { AuthorityStatement } from '../format/statement.ts'
import type { ExchangeStatements } from './exchange-replica.ts'
import type { KnownStatements, StatementMessage } from './message.ts'

/** Gives the peer the authority's statements that it lacks, in their order, and the proof if the authority signed two. */
export class StatementFeed {
  readonly #statements: ExchangeStatements
  readonly #suite: CryptoSuite
  /** The index of the first one that the peer lacks. */
  #position = 0
  /** From this index on nothing is final for the peer; Infinity if it knows of one history only. */
  #peerSplit = 0
  #evidence: AuthorityStatement[] = []
  /** Those to send, read when the last of them was `#listedUpTo`. */
  #list: AuthorityStatement[] = []
  #listedUpTo: string | undefined

  constructor(statements: ExchangeStatements, suite: CryptoSuite) {
    this.#statements = statements
    this.#suite = suite
  }

  get pending(): boolean {
    return (
      this.#position < this.#statements.count ||
      this.#evidence.length > 0 ||
      this.#splitIndex < this.#peerSplit
    )
  }

  peerHas(known: KnownStatements): void {
    this.#position = this.#firstLacking(known)
    this.#peerSplit = known.split ? known.count : Number.POSITIVE_INFINITY
    this.#listedUpTo = undefined
  }

  /** The peer sent one, after which there are `count` of them here. */
  peerSent(count: number): void {
    if (this.#position !== count - 1) return
    this.#position = count
    this.#listedUpTo = undefined
  }

  next(): StatementMessage | undefined {
    const statement = this.#take()
    return statement === undefined
      ? undefined
      : { type: 'statement', bytes: encodeAuthorityStatement(statement) }
  }

  #take(): AuthorityStatement | undefined {
    const { count, lastHash, splitEvidence } = this.#statements
    if (this.#listedUpTo !== lastHash) {
      this.#listedUpTo = lastHash
      this.#list =
        this.#position < count ? this.#statements.from(this.#position).slice(0, count - this.#position) : []
      this.#list.reverse()
    }
    const next = this.#list.pop()
    if (next !== undefined) {
      this.#position++
      return next
    }
    if (splitEvidence !== undefined && this.#splitIndex < this.#peerSplit) {
      this.#peerSplit = this.#splitIndex
      this.#evidence = [...splitEvidence].reverse()
    }
    return this.#evidence.pop()
  }

  /** Where the authority's histories part, as far as it is known here: a peer may know of a later place only. */
  get #splitIndex(): number {
    return this.#statements.splitEvidence?.[0]?.signed.statement.index ?? Number.POSITIVE_INFINITY
  }

  /**
   * If the peer's last one is not ours, the authority signed two histories, and all of ours goes to the peer: it finds the
   * first index at which they part.
   */
  #firstLacking({ count, lastHash }: KnownStatements): number {
    if (count === 0 || count > this.#statements.count) return count
    const [own] = this.#statements.from(count - 1)
    const same = own !== undefined && statementHash(this.#suite, own.signed.bytes) === lastHash
    return same ? count : 0
  }
}
