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
  #owesEvidence = false
  #evidence: AuthorityStatement[] = []
  /** Those to send, read when the last of them was `#listedUpTo`. */
  #list: AuthorityStatement[] = []
  #listedUpTo: string | undefined

  constructor(statements: ExchangeStatements, suite: CryptoSuite) {
    this.#statements = statements
    this.#suite = suite
  }

  get pending(): boolean {
    const { count, splitEvidence } = this.#statements
    if (this.#position < count || this.#evidence.length > 0) return true
    return this.#owesEvidence && splitEvidence !== undefined
  }

  peerHas(known: KnownStatements): void {
    this.#position = this.#firstLacking(known)
    this.#owesEvidence = !known.split
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
    if (this.#owesEvidence && splitEvidence !== undefined) {
      this.#owesEvidence = false
      this.#evidence = [...splitEvidence].reverse()
    }
    return this.#evidence.pop()
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
