import { nodeContentSuite } from '../content/content-suite.ts'
import { chunkIdLength } from '../content/content.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { decodeBatch } from '../format/batch-codec.ts'
import { orReason } from '../format/format-error.ts'
import { toHex } from '../ids.ts'
import type { LogStore, StoredRecord } from '../store/log-store.ts'
import type { CacheIndex } from './cache-index.ts'
import type { LongList, WantedLists } from './wanted-lists.ts'

export interface LogLearnerParts {
  readonly suite: CryptoSuite
  readonly store: LogStore
  readonly index: CacheIndex
  readonly lists: WantedLists
  readonly now: () => number
  /** In a pack. */
  readonly isHere: (id: Uint8Array) => boolean
  /** A long list that is here. */
  readonly list: (hash: string) => Uint8Array | undefined
}

interface NamedChunk {
  readonly id: Uint8Array
  readonly entryMs: number
}

const nothing = new Uint8Array(0)
const cursorFact = 'cursor'
/** Ids in one step: some milliseconds. */
const idsAtOnce = 256

/**
 * Reads the chunk lists of the log into the index: record by record in the order in which they came, so that what comes
 * late is found, and goes on after a restart where it was. Nothing of an entry is opened: lists are readable by all.
 */
export class LogLearner {
  readonly #parts: LogLearnerParts
  /** The record to be read next. */
  #next = 0
  #isBehind = true
  #list: { readonly hash: string; readonly ids: Uint8Array } | undefined
  /** A record that is being read: one may name very many. */
  #record: { readonly stored: StoredRecord; readonly ids: Iterator<NamedChunk> } | undefined

  constructor(parts: LogLearnerParts) {
    this.#parts = parts
    this.#next = this.#resume()
  }

  /** There may be something to read. */
  get isBehind(): boolean {
    return this.#isBehind
  }

  /** The log has grown, or a list has come. */
  wake(): void {
    this.#isBehind = true
  }

  /** A part; what the log holds must be durable by now, or its records could get other numbers. False: all is known. */
  step(): boolean {
    const { index, now, isHere } = this.#parts
    const nowMs = now()
    let last: StoredRecord | undefined
    for (let count = 0; count < idsAtOnce; count++) {
      const record = this.#record ?? this.#open()
      if (record === undefined) break
      const { value, done } = record.ids.next()
      if (done !== true) {
        index.learn(value.id, value.entryMs, nowMs, () => isHere(value.id))
        continue
      }
      last = record.stored
      this.#next = last.number + 1
      this.#record = undefined
    }
    if (last !== undefined) this.#note(last)
    if (this.#record !== undefined || this.#open() !== undefined) return true
    const list = this.#parts.lists.unread()
    if (list !== undefined) this.#readList(list)
    else this.#isBehind = false
    return this.#isBehind
  }

  #open(): { readonly stored: StoredRecord; readonly ids: Iterator<NamedChunk> } | undefined {
    for (const stored of this.#parts.store.records(this.#next)) {
      this.#record = { stored, ids: this.#idsOf(stored) }
      return this.#record
    }
    return undefined
  }

  *#idsOf({ type, bytes }: StoredRecord): Generator<NamedChunk, undefined> {
    if (type !== 'batch') return undefined
    const { suite, lists } = this.#parts
    const batch = orReason(() => decodeBatch(suite, bytes))
    if (typeof batch === 'string') return undefined
    for (const { meta, chunkList } of batch.entries) {
      if (meta.chunks === undefined) continue
      const entryMs = meta.hlc.ms
      if (chunkList === undefined) lists.learn(meta.chunks.hash, meta.chunks.count, entryMs)
      for (let at = 0; at < (chunkList?.length ?? 0); at += chunkIdLength) {
        yield { id: chunkList?.slice(at, at + chunkIdLength) ?? nothing, entryMs }
      }
    }
    return undefined
  }

  #readList(list: LongList): void {
    const { index, lists, now, isHere } = this.#parts
    if (this.#list?.hash !== list.hash) {
      const ids = this.#parts.list(list.hash)
      if (ids === undefined) {
        lists.lost(list)
        return
      }
      this.#list = { hash: list.hash, ids }
    }
    const { ids } = this.#list
    const from = list.learned ?? 0
    const to = Math.min(list.count, from + idsAtOnce)
    const nowMs = now()
    for (let place = from; place < to; place++) {
      const id = ids.slice(place * chunkIdLength, (place + 1) * chunkIdLength)
      if (id.length === chunkIdLength) index.learn(id, list.entryMs, nowMs, () => isHere(id))
    }
    lists.read(list, to)
    if (to === list.count) this.#list = undefined
  }

  /** With what stood there, so that a log that was put back to an earlier state is read again. */
  #note({ number, bytes }: StoredRecord): void {
    this.#parts.index.setFact(cursorFact, `${number} ${printOf(bytes)}`)
  }

  #resume(): number {
    const { index, store } = this.#parts
    const [text = '', print] = (index.fact(cursorFact) ?? '').split(' ')
    if (!/^\d{1,15}$/.test(text)) return 0
    for (const { number, bytes } of store.records(Number(text))) {
      return number === Number(text) && printOf(bytes) === print ? number + 1 : 0
    }
    return 0
  }
}

function printOf(bytes: Uint8Array): string {
  return toHex(nodeContentSuite.hash(bytes).subarray(0, 16))
}
