import type { Role } from '../../src/sync/format/membership.ts'
import type { AuthorityStatement } from '../../src/sync/format/statement.ts'
import type { EntryHash, DeviceId } from '../../src/sync/ids.ts'
import type { LogEntry } from '../../src/sync/log/log-entry.ts'
import { Violation } from './violation.ts'

const revocationGraceMs = 300_000

export interface Placed {
  readonly entry: LogEntry
  /** Of the first statement that covers it; Infinity if none does. */
  readonly statement: number
}

/** The role that a device was granted in a past. */
export type GrantedIn = (device: DeviceId, isPast: (entry: LogEntry) => boolean) => Role | undefined

export interface FencedOrder {
  readonly order: NaiveOrder
  readonly fenced: ReadonlySet<EntryHash>
}

/** The linear order by its definition, with sets and graph searches: shares nothing with the replica's. */
export class NaiveOrder {
  readonly placed: readonly Placed[]
  readonly #index = new Map<EntryHash, number>()
  /** Bit sets: what each entry has in its past, itself included. */
  readonly #pasts: Uint32Array[] = []

  constructor(entries: readonly LogEntry[], statements: readonly AuthorityStatement[]) {
    const byClock = [...entries].sort((left, right) => compare(sortKey(left, 0), sortKey(right, 0)))
    for (const entry of byClock) this.#index.set(entry.hash, this.#index.size)
    for (const entry of byClock) this.#pasts.push(this.#pastOf(entry))
    const covering = this.#coverings(byClock, statements)
    const keyed = byClock.map((entry) => {
      const statement = covering.get(entry.hash) ?? Number.POSITIVE_INFINITY
      return { entry, statement, key: sortKey(entry, statement) }
    })
    keyed.sort((left, right) => compare(left.key, right.key))
    this.placed = keyed.map(({ entry, statement }) => ({ entry, statement }))
  }

  /**
   * The operations that do nothing, because of a revocation that stands before them, that they have not seen, and that
   * leaves their author no right to write: late by its clock, or published before them.
   */
  fenced(grantedIn: GrantedIn): ReadonlySet<EntryHash> {
    const fenced = new Set<EntryHash>()
    const revokes: Placed[] = []
    for (const placed of this.placed) {
      const { entry, statement } = placed
      const isFenced = revokes.some((revoke) => {
        const isLate = entry.hlc.ms > revoke.entry.hlc.ms + revocationGraceMs || revoke.statement < statement
        if (!isLate || this.observes(entry, revoke.entry)) return false
        const isPast = (other: LogEntry) => this.observes(entry, other) || this.observes(revoke.entry, other)
        const role = grantedIn(entry.deviceId, isPast)
        return role !== 'write' && role !== 'admin'
      })
      if (isFenced && entry.kind === 'operation') fenced.add(entry.hash)
      if (entry.kind === 'revoke') revokes.push(placed)
    }
    return fenced
  }

  observes(later: { readonly hash: EntryHash }, earlier: { readonly hash: EntryHash }): boolean {
    const past = this.#pasts[this.#index.get(later.hash) ?? -1]
    const bit = this.#index.get(earlier.hash)
    if (past === undefined || bit === undefined) return false
    return ((past[bit >> 5] ?? 0) & (1 << (bit & 31))) !== 0
  }

  #pastOf(entry: LogEntry): Uint32Array {
    const past = new Uint32Array((this.#index.size + 31) >> 5)
    const own = this.#index.get(entry.hash) ?? 0
    past[own >> 5]! |= 1 << (own & 31)
    const before = entry.seq === 0 ? entry.parents : [entry.prev, ...entry.parents]
    for (const hash of before) {
      const index = this.#index.get(hash)
      const theirs = index === undefined ? undefined : this.#pasts[index]
      if (theirs === undefined) throw new Violation('I5', `without its cause: ${entry.hash.slice(0, 8)}`)
      for (let word = 0; word < past.length; word++) past[word]! |= theirs[word]!
    }
    return past
  }

  /** Per entry the index of the first statement whose frontier has it in its past. */
  #coverings(
    entries: readonly LogEntry[],
    statements: readonly AuthorityStatement[],
  ): Map<EntryHash, number> {
    const covering = new Map<EntryHash, number>()
    statements.forEach((statement, index) => {
      for (const head of statement.changedHeads) {
        for (const entry of entries) {
          if (!covering.has(entry.hash) && this.observes(head, entry)) covering.set(entry.hash, index)
        }
      }
    })
    return covering
  }
}

type Key = readonly (number | string)[]

function sortKey(entry: LogEntry, statement: number): Key {
  const { hlc, deviceId, incarnation, seq, hash } = entry
  return [statement, hlc.ms, hlc.counter, deviceId, incarnation, seq, hash]
}

function compare(left: Key, right: Key): number {
  for (let at = 0; at < left.length; at++) {
    const [l, r] = [left[at]!, right[at]!]
    if (l !== r) return l < r ? -1 : 1
  }
  return 0
}
