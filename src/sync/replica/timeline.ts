import type { Hlc } from '../format/entry.ts'
import { compareIds } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import { compareHlc } from '../log/hlc.ts'

/**
 * The linear order: sorted by (index of the first authority statement that covers an entry, hlc, device, incarnation,
 * seq, hash). It extends happens-before, because a clock is above those of all it has seen and a statement covers whole
 * pasts. What statements cover is final and comes first; the rest, the tip, may still take in late entries.
 */
export class Timeline {
  #entries: LogEntry[] = []
  /** Late ones that are not in their places yet: however many batches bring them one by one, they cost one merge. */
  #late: LogEntry[] = []
  /** `#ends[k]`: how many entries statements 0…k cover. */
  readonly #ends: number[] = []

  get entries(): readonly LogEntry[] {
    this.#mergeLate()
    return this.#entries
  }

  get finalLength(): number {
    return this.#ends.at(-1) ?? 0
  }

  get statements(): number {
    return this.#ends.length
  }

  /** The statement that covers the entry at `position`; Infinity in the tip. */
  statementAt(position: number): number {
    if (position >= this.finalLength) return Number.POSITIVE_INFINITY
    let low = 0
    let high = this.#ends.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#ends[middle] ?? 0) > position) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Takes in new entries, none of them covered. Returns the first position that is not what it was. */
  insert(added: readonly LogEntry[]): number {
    const sorted = [...added].sort(compareEntries)
    const first = sorted[0]
    if (first === undefined) return this.#entries.length
    const from = this.#tipPosition(first)
    const list = from === this.#entries.length ? this.#entries : this.#late
    for (const entry of sorted) list.push(entry)
    return from
  }

  /**
   * The next statement covers these entries of the tip: they come first, in their order. None of them has a clock above
   * `latest`, so a long tip, of which many statements each cover a little, need not be looked through each time. Returns
   * the first position that is not what it was.
   */
  cover(isCovered: (entry: LogEntry) => boolean, latest?: Hlc): number {
    this.#mergeLate()
    const from = this.finalLength
    let end = from
    const rest: LogEntry[] = []
    let changed = this.#entries.length
    let position = from
    for (; position < this.#entries.length; position++) {
      const entry = this.#entries[position] as LogEntry
      if (latest !== undefined && compareHlc(entry.hlc, latest) > 0) break
      if (!isCovered(entry)) {
        rest.push(entry)
        continue
      }
      if (rest.length > 0) changed = Math.min(changed, end)
      this.#entries[end++] = entry
    }
    for (let index = 0; index < rest.length; index++) this.#entries[end + index] = rest[index] as LogEntry
    this.#ends.push(end)
    return changed
  }

  /** Statements from `index` on count no more. Returns the first position that may not be what it was. */
  uncover(index: number): number {
    this.#mergeLate()
    if (index >= this.#ends.length) return this.#entries.length
    this.#ends.length = index
    const from = this.finalLength
    const tail = this.#entries.splice(from).sort(compareEntries)
    for (const entry of tail) this.#entries.push(entry)
    return from
  }

  #mergeLate(): void {
    const sorted = this.#late.sort(compareEntries)
    const first = sorted[0]
    if (first === undefined) return
    this.#late = []
    const tail = this.#entries.splice(this.#tipPosition(first))
    let next = 0
    for (const entry of tail) {
      for (
        let late = sorted[next];
        late !== undefined && compareEntries(late, entry) < 0;
        late = sorted[++next]
      ) {
        this.#entries.push(late)
      }
      this.#entries.push(entry)
    }
    for (; next < sorted.length; next++) this.#entries.push(sorted[next] as LogEntry)
  }

  #tipPosition(entry: LogEntry): number {
    const last = this.#entries.at(-1)
    if (last === undefined || this.finalLength === this.#entries.length || compareEntries(last, entry) < 0) {
      return this.#entries.length
    }
    let low = this.finalLength
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareEntries(this.#entries[middle] as LogEntry, entry) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The order within one statement, and within the tip. */
export function compareEntries(left: LogEntry, right: LogEntry): number {
  return (
    compareHlc(left.hlc, right.hlc) ||
    compareIds(left.deviceId, right.deviceId) ||
    compareIds(left.incarnation, right.incarnation) ||
    left.seq - right.seq ||
    compareIds(left.hash, right.hash)
  )
}
