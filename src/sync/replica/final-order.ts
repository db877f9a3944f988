import type { Hlc } from '../format/entry.ts'
import { compareHeads, frontierHash, statementHash } from '../format/statement-codec.ts'
import type { AuthorityStatement, ChainHead, SignedStatement, Statement } from '../format/statement.ts'
import { noHash, type DeviceId, type EpochId } from '../ids.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { CausalClock } from '../log/causal-clock.ts'
import { compareHlc } from '../log/hlc.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Log } from '../log/log.ts'
import type { Timeline } from './timeline.ts'

/** The two roots that a statement names, for the first `size` entries. */
export type RootsAt = (size: number) => Roots

export interface Roots {
  readonly logRoot: string
  /** Undefined without the folder's first key. */
  readonly mapRoot: string | undefined
  /** Every operation that the tree does not leave out can be read here. */
  readonly isWhole: boolean
}

/** What a statement says of the entries that it covers. */
export interface Described {
  readonly size: number
  readonly logRoot: string
  readonly mapRoot: string | undefined
  readonly frontierHash: string
}

export interface FinalOrderParts {
  readonly suite: CryptoSuite
  readonly log: Log
  readonly timeline: Timeline
  /** Called when the order changed from `position` on. */
  readonly changed: (position: number) => void
  /** Called when a statement covered the positions from `from` to before `to`. */
  readonly covered: (from: number, to: number) => void
  /** Operations under these epochs shall do nothing from now on. */
  readonly leaveOut: (epochs: readonly EpochId[]) => void
  readonly rootsAt: RootsAt
  /** Whether the authority is a member who may read, after all that is in the log. */
  readonly isAuthorityMember: () => boolean
}

/**
 * `waiting`: it speaks of entries that are not here yet. `gap`: those before it are missing. `split`: the authority
 * signed two histories; from there on nothing is final.
 */
export type StatementOutcome = 'accepted' | 'known' | 'waiting' | 'gap' | 'split' | StatementRefusal
export type StatementRefusal =
  | 'refused-format'
  | 'refused-folder'
  | 'refused-signature'
  | 'refused-issuer'
  | 'refused-chain'
  | 'refused-frontier'
  | 'refused-unread'
  | 'refused-roots'

/**
 * What the authority has published: its chain of statements, each covering the whole past of its frontier. A statement
 * counts only if this log gives the same roots, so a wrong one is noticed by everybody who is asked to believe it.
 */
export class FinalOrder {
  readonly #parts: FinalOrderParts
  readonly #accepted: AuthorityStatement[] = []
  readonly #hashes: string[] = []
  /** All heads covered so far, by chain. */
  #heads = new Map<string, readonly ChainHead[]>()
  /** The first index at which the authority signed two statements, and one that does not count. */
  #split: { readonly index: number; readonly evidence: readonly AuthorityStatement[] } | undefined

  constructor(parts: FinalOrderParts) {
    this.#parts = parts
  }

  get count(): number {
    return this.#accepted.length
  }

  get last(): AuthorityStatement | undefined {
    return this.#accepted.at(-1)
  }

  get lastHash(): string {
    return this.#hashes.at(-1) ?? noHash
  }

  /** Epochs that the authority had no key of when it published last; who was revoked has no say any more. */
  get unread(): readonly EpochId[] {
    const unread = this.last?.signed.statement.unread
    return unread === undefined || !this.#parts.isAuthorityMember() ? [] : unread
  }

  /** Roles changed: what the authority cannot read may count again. */
  refresh(): void {
    this.#parts.leaveOut(this.unread)
  }

  /** Two statements of one index that the authority signed, if it did: a proof against it. */
  get splitEvidence(): readonly AuthorityStatement[] | undefined {
    return this.#split?.evidence
  }

  /** Those from `index` on, and the evidence of a split. */
  from(index: number): readonly AuthorityStatement[] {
    const list = this.#accepted.slice(index)
    return this.#split === undefined ? list : [...list, ...this.#split.evidence]
  }

  /** The signature has been checked. `trusted`: read back from the own store, where it had been checked. */
  accept(added: AuthorityStatement, authority: DeviceId, options: { trusted: boolean }): StatementOutcome {
    const { statement } = added.signed
    const hash = statementHash(this.#parts.suite, added.signed.bytes)
    if (statement.issuer !== authority) return 'refused-issuer'
    if (this.#split !== undefined && statement.index >= this.#split.index) return 'split'
    const known = this.#accepted[statement.index]
    if (known !== undefined) {
      if (this.#hashes[statement.index] === hash) return 'known'
      this.#splitAt(statement.index, [known, added])
      return 'split'
    }
    if (statement.index > this.#accepted.length) return 'gap'
    if (statement.previous !== this.lastHash) return 'refused-chain'
    const before = this.last?.signed.statement
    if (before !== undefined && compareHlc(statement.hlc, before.hlc) <= 0) return 'refused-chain'
    return this.#extend(added, hash, options.trusted)
  }

  covers(entry: LogEntry): boolean {
    const heads = this.#heads.get(chainOf(entry)) ?? []
    return heads.some((head) => {
      const last = this.#parts.log.entry(head.hash)
      return last !== undefined && this.#parts.log.observes(last, entry)
    })
  }

  /** The heads of all chains that are not as the last statement left them. */
  changedHeads(frontier: readonly ChainHead[]): readonly ChainHead[] {
    const byChain = chainsOf(frontier)
    return [...byChain].flatMap(([chain, heads]) => (sameHeads(this.#heads.get(chain), heads) ? [] : heads))
  }

  /** What the next statement says if it lists these heads and no others. Nothing is covered by asking. */
  draft(changedHeads: readonly ChainHead[], unread: readonly EpochId[]): Described {
    const { suite, log, timeline, changed, leaveOut, rootsAt } = this.#parts
    const frontier = this.#frontierWith(changedHeads)
    const clock = log.closure(frontier.map((head) => head.hash))
    if (clock === undefined) throw new RangeError('a head that is not in the log')
    changed(timeline.cover(isCoveredBy(log, clock), latestClock(log, frontier)))
    leaveOut(unread)
    const size = timeline.finalLength
    const { logRoot, mapRoot } = rootsAt(size)
    changed(timeline.uncover(this.count))
    leaveOut(this.unread)
    return { size, logRoot, mapRoot, frontierHash: frontierHash(suite, frontier) }
  }

  #frontierWith(changedHeads: readonly ChainHead[]): ChainHead[] {
    const heads = new Map([...this.#heads, ...chainsOf(changedHeads)])
    return [...heads.values()].flat().sort(compareHeads)
  }

  #extend(added: AuthorityStatement, hash: string, trusted: boolean): StatementOutcome {
    const { suite, log, timeline, changed, covered, leaveOut, rootsAt } = this.#parts
    const { statement } = added.signed
    const frontier = this.#frontierWith(added.changedHeads)
    if (frontierHash(suite, frontier) !== statement.frontierHash) return 'refused-frontier'
    const clock = log.closure(frontier.map((head) => head.hash))
    if (clock === undefined) return 'waiting'
    const refusal = this.#judgePast(statement, frontier)
    if (refusal !== undefined) return refusal
    const from = timeline.finalLength
    changed(timeline.cover(isCoveredBy(log, clock), latestClock(log, frontier)))
    leaveOut(statement.unread ?? [])
    const wrong = timeline.finalLength !== statement.size || (!trusted && !sameRoots(rootsAt, added.signed))
    if (wrong) {
      changed(timeline.uncover(statement.index))
      leaveOut(this.unread)
      return 'refused-roots'
    }
    covered(from, timeline.finalLength)
    this.#accepted.push(added)
    this.#hashes.push(hash)
    for (const [chain, heads] of chainsOf(added.changedHeads)) this.#heads.set(chain, heads)
    this.refresh()
    return 'accepted'
  }

  /** An authority that was revoked publishes no more; and it can lack the keys only of epochs that it has heard of. */
  #judgePast(
    { issuer, unread = [] }: Statement,
    frontier: readonly ChainHead[],
  ): StatementRefusal | undefined {
    const { log } = this.#parts
    const past = frontier.map(({ hash }) => log.entry(hash)).filter((entry) => entry !== undefined)
    const role = log.membership.grantedOf(issuer, past)
    if (role === undefined || role === 'cache') return 'refused-issuer'
    if (unread.length === 0) return undefined
    const known = new Set(log.membership.epochs(past))
    return unread.every((epoch) => known.has(epoch)) ? undefined : 'refused-unread'
  }

  /**
   * All can be read now. What had to be believed before, because keys were missing, is looked at again; so this replica
   * agrees with those that had the keys all along. False if one does not count after all.
   */
  recheck(): boolean {
    const { leaveOut, rootsAt } = this.#parts
    const wrong = this.#accepted.findIndex(({ signed }) => {
      leaveOut(signed.statement.unread ?? [])
      return !sameRoots(rootsAt, signed)
    })
    if (wrong >= 0) this.#cutAt(wrong)
    leaveOut(this.unread)
    return wrong < 0
  }

  #splitAt(index: number, evidence: readonly AuthorityStatement[]): void {
    this.#split = { index, evidence }
    this.#cutAt(index)
  }

  #cutAt(index: number): void {
    this.#accepted.length = index
    this.#hashes.length = index
    this.#heads = new Map()
    for (const { changedHeads } of this.#accepted) {
      for (const [chain, heads] of chainsOf(changedHeads)) this.#heads.set(chain, heads)
    }
    this.#parts.changed(this.#parts.timeline.uncover(index))
    this.#parts.leaveOut(this.unread)
  }
}

function isCoveredBy(log: Log, clock: CausalClock): (entry: LogEntry) => boolean {
  return (entry) => log.covered(clock, entry)
}

/** No entry of a past has a clock above those of its heads. */
function latestClock(log: Log, heads: readonly ChainHead[]): Hlc | undefined {
  let latest: Hlc | undefined
  for (const { hash } of heads) {
    const hlc = log.entry(hash)?.hlc
    if (hlc !== undefined && (latest === undefined || compareHlc(hlc, latest) > 0)) latest = hlc
  }
  return latest
}

function sameRoots(rootsAt: RootsAt, { statement }: SignedStatement): boolean {
  const { logRoot, mapRoot, isWhole } = rootsAt(statement.size)
  return logRoot === statement.logRoot && (!isWhole || mapRoot === statement.mapRoot)
}

function chainsOf(heads: readonly ChainHead[]): Map<string, readonly ChainHead[]> {
  return Map.groupBy(heads, chainOf)
}

function chainOf(place: { readonly deviceId: DeviceId; readonly incarnation: string }): string {
  return place.deviceId + place.incarnation
}

function sameHeads(left: readonly ChainHead[] | undefined, right: readonly ChainHead[]): boolean {
  return (
    left !== undefined &&
    left.length === right.length &&
    left.every((head, index) => head.hash === right[index]?.hash)
  )
}
