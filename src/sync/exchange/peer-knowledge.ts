import type { EntryHash } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { ExchangeLog } from './exchange-replica.ts'
import { exchangeLimits } from './exchange-limits.ts'

/**
 * What the peer is known to have, by what it said of its own log: an entry that it names is there with all before it.
 * Branch numbers are those of the log here and never travel.
 */
export class PeerKnowledge {
  readonly #log: ExchangeLog
  /** Per branch, the highest seq the peer has plus one. */
  readonly #has = new Map<number, number>()
  /** Per branch, the highest seq that was sent or offered plus one. */
  readonly #sent = new Map<number, number>()
  readonly #unknown = new Set<EntryHash>()

  constructor(log: ExchangeLog) {
    this.#log = log
  }

  /** The peer has this entry, which may not be known here yet. */
  learn(hash: EntryHash): void {
    const entry = this.#log.entry(hash)
    if (entry !== undefined) raise(this.#has, entry)
    else if (this.#unknown.size < exchangeLimits.unknownHeads) this.#unknown.add(hash)
  }

  /** The peer has this entry, or can ask for it. */
  sent(entry: LogEntry): void {
    raise(this.#sent, entry)
  }

  /** Entries that have become known here may be ones that the peer named before. */
  refresh(): void {
    for (const hash of this.#unknown) {
      const entry = this.#log.entry(hash)
      if (entry === undefined) continue
      raise(this.#has, entry)
      this.#unknown.delete(hash)
    }
  }

  /** The first seq of the branch that the peer may not have. */
  needsFrom(branch: number): number {
    return this.#has.get(branch) ?? 0
  }

  /** The first seq of the branch that the peer neither has nor was offered. */
  newFrom(branch: number): number {
    return Math.max(this.needsFrom(branch), this.#sent.get(branch) ?? 0)
  }
}

function raise(map: Map<number, number>, entry: LogEntry): void {
  if ((map.get(entry.branch) ?? 0) <= entry.seq) map.set(entry.branch, entry.seq + 1)
}
