import type { ChainHead } from '../format/statement.ts'
import type { EntryHash } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { ExchangeLog } from './exchange-replica.ts'
import { exchangeLimits } from './exchange-limits.ts'

/** Of a chain that forked before that, all is sent again. */
const farthestBack = 1 << 18

/** Finds what to name of a chain, so that the other side sees from where on entries are lacking here. */
export class Locators {
  readonly #log: ExchangeLog
  readonly #branches: Map<string, LogEntry[]>

  /** Holds for the log as it is now; for a longer one its answers are right and cost a little more. */
  constructor(log: ExchangeLog) {
    this.#log = log
    this.#branches = Map.groupBy(log.branchHeads(), chainOf)
  }

  /**
   * Own heads of all branches of that chain, then entries further and further back from each in turn. Where a chain
   * did not fork the first is enough; where it did, the last common entry is missed by at most its own distance.
   */
  of(head: ChainHead): EntryHash[] {
    const heads = this.#branches.get(chainOf(head)) ?? []
    const hashes = heads.slice(0, exchangeLimits.locator).map((entry) => entry.hash)
    const chains = heads.map(({ branch, seq }) =>
      this.#log.chainEntries(branch, Math.max(0, seq - farthestBack)),
    )
    for (let step = 1; hashes.length < exchangeLimits.locator; step *= 2) {
      let found = false
      for (const entries of chains) {
        const entry = entries.at(-1 - step)
        if (entry === undefined || hashes.length === exchangeLimits.locator) continue
        found = true
        hashes.push(entry.hash)
      }
      if (!found) break
    }
    return hashes
  }
}

function chainOf(head: Pick<ChainHead, 'deviceId' | 'incarnation'>): string {
  return head.deviceId + head.incarnation
}
