import { compareHlc } from '../log/hlc.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { BatchMessage } from './message.ts'
import type { ExchangeLog } from './exchange-replica.ts'
import type { PeerKnowledge } from './peer-knowledge.ts'

/** The entries of a branch that are still to be sent. */
interface Cursor {
  readonly branch: number
  readonly entries: readonly LogEntry[]
  position: number
}

/**
 * Batches to send, read from the log one by one as the link takes them: merged over all branches by the clock of their
 * first entry, so that causes come before what they caused. Holds no bytes.
 */
export class BatchQueue {
  readonly #log: ExchangeLog
  readonly #knowledge: PeerKnowledge
  /** By clock, the earliest last. */
  #cursors: Cursor[] = []

  constructor(log: ExchangeLog, knowledge: PeerKnowledge) {
    this.#log = log
    this.#knowledge = knowledge
  }

  get empty(): boolean {
    return this.#cursors.length === 0
  }

  /** Adds the branch's own entries from this place up to its present head. Answers the first, if there is any. */
  add(branch: number, fromSeq: number): LogEntry | undefined {
    const place = this.#cursors.findIndex((cursor) => cursor.branch === branch)
    const [present] = place < 0 ? [] : this.#cursors.splice(place, 1)
    const next = present?.entries[present.position]
    const line = this.#log.chainEntries(branch, Math.min(fromSeq, next?.seq ?? fromSeq))
    const entries = line[0]?.branch === branch ? line : line.filter((entry) => entry.branch === branch)
    const last = entries.at(-1)
    if (last === undefined) return undefined
    this.#knowledge.sent(last)
    this.#insert({ branch, entries, position: 0 })
    return entries[0]
  }

  next(): BatchMessage | undefined {
    for (;;) {
      const cursor = this.#cursors.pop()
      if (cursor === undefined) return undefined
      const { position } = cursor
      const first = this.#skipKnown(cursor)
      if (first === undefined) continue
      if (cursor.position !== position) {
        // What is left begins later, so another branch may come first now.
        this.#insert(cursor)
        continue
      }
      const last = passRecord(cursor, first)
      this.#insert(cursor)
      const bytes = firstBatch(this.#log, first)
      if (bytes !== undefined) return { type: 'batch', head: last.hash, bytes }
    }
  }

  /** Moves on to the first entry that the peer may not have. */
  #skipKnown(cursor: Cursor): LogEntry | undefined {
    const first = cursor.entries[cursor.position]
    if (first === undefined) return undefined
    const known = this.#knowledge.needsFrom(cursor.branch) - first.seq
    if (known > 0) cursor.position += known
    return cursor.entries[cursor.position]
  }

  #insert(cursor: Cursor): void {
    const first = this.#skipKnown(cursor)
    if (first === undefined) return
    let low = 0
    let high = this.#cursors.length
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#cursors[middle]
      const place = other?.entries[other.position]
      if (place !== undefined && isBefore(first, place)) low = middle + 1
      else high = middle
    }
    this.#cursors.splice(low, 0, cursor)
  }
}

function isBefore(left: LogEntry, right: LogEntry): boolean {
  return (compareHlc(left.hlc, right.hlc) || (left.hash < right.hash ? -1 : 1)) < 0
}

/** Moves past the entries that are kept in one record, which are one batch, and answers the last of them. */
function passRecord(cursor: Cursor, first: LogEntry): LogEntry {
  let last = first
  for (;;) {
    cursor.position++
    const entry = cursor.entries[cursor.position]
    if (entry === undefined || entry.record !== first.record) return last
    last = entry
  }
}

function firstBatch(log: ExchangeLog, first: LogEntry): Uint8Array | undefined {
  for (const { bytes } of log.batchesFrom(first.branch, first.seq)) return bytes
  return undefined
}
