import type { DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import { signBatch } from '../format/batch-codec.ts'
import { chainStart } from '../format/entry-codec.ts'
import {
  makeEntry,
  type EntryCoordinates,
  type OperationDraft,
  type PlainDraft,
} from '../format/entry-maker.ts'
import type { Batch, EntryRecord, Hlc } from '../format/entry.ts'
import { limits } from '../format/limits.ts'
import { noFolder, shortIdLength, toHex, type EntryHash, type FolderId, type Incarnation } from '../ids.ts'
import { tickHlc } from '../log/hlc.ts'

/** An entry without its place in the chain. */
export type EntryContent =
  | Omit<OperationDraft, keyof EntryCoordinates>
  | Omit<PlainDraft, keyof EntryCoordinates>

/** The last entry of a chain, where the next one goes. */
export interface ChainEnd {
  readonly hash: EntryHash
  readonly seq: number
  readonly hlc: Hlc
}

/**
 * This device's own chain: makes the next entries and signs them. It knows nothing of rules; `Author` does. A new
 * incarnation starts a new chain, whenever this device may have lost the end of the one before.
 */
export class ChainWriter {
  readonly #suite: CryptoSuite
  readonly #keys: DeviceKeys
  #incarnation: Incarnation = ''
  #end: ChainEnd | undefined

  constructor(suite: CryptoSuite, keys: DeviceKeys) {
    this.#suite = suite
    this.#keys = keys
  }

  get incarnation(): Incarnation {
    return this.#incarnation
  }

  get end(): ChainEnd | undefined {
    return this.#end
  }

  /** Goes on behind an entry that is known to be the chain's last, after a restart. */
  resume(end: ChainEnd): void {
    this.#end = end
  }

  /** The chain of an earlier run. */
  use(incarnation: Incarnation): void {
    this.#incarnation = incarnation
    this.#end = undefined
  }

  newIncarnation(random: RandomBytes): void {
    this.use(toHex(random(shortIdLength)))
  }

  /** Signed entries behind the chain's end. The end moves only with `resume`, when they have been accepted. */
  make(contents: readonly EntryContent[], link: ChainLink): Batch {
    const { deviceId } = this.#keys
    const incarnation = this.#incarnation
    const entries: EntryRecord[] = []
    let latest = link.latest
    let prev = this.#end?.hash
    let seq = this.#end === undefined ? 0 : this.#end.seq + 1
    for (const content of contents) {
      latest = tickHlc(link.now, latest)
      const folderId = content.kind === 'genesis' ? noFolder : link.folderId
      prev ??= chainStart(this.#suite, folderId, deviceId, incarnation)
      const parents = entries.length === 0 ? link.parents : []
      const place = { folderId, deviceId, incarnation, seq, hlc: latest, parents, prev }
      const entry = makeEntry(this.#suite, { ...place, ...content })
      entries.push(entry)
      prev = entry.hash
      seq++
    }
    return signBatch(this.#suite, this.#keys, entries)
  }
}

export interface ChainLink {
  readonly folderId: FolderId
  /** Sorted heads besides the own chain's end, for the first entry. */
  readonly parents: readonly EntryHash[]
  /** The highest clock of all that the entries follow. */
  readonly latest: Hlc | undefined
  readonly now: number
}

/** Cuts what is to be written into batches within the limits, each with room for a rekey; sizes are estimates from above. */
export function cutIntoBatches<T>(items: readonly T[], sizeOf: (item: T) => number): T[][] {
  const batches: T[][] = []
  let current: T[] = []
  let bytes = 0
  for (const item of items) {
    const size = sizeOf(item)
    if (
      current.length >= limits.batchEntries - 1 ||
      (current.length > 0 && bytes + size > limits.batchBytes / 2)
    ) {
      batches.push(current)
      current = []
      bytes = 0
    }
    current.push(item)
    bytes += size
  }
  if (current.length > 0) batches.push(current)
  return batches
}
