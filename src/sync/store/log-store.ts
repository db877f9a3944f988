/**
 * Where a replica keeps its log: one growing sequence of records, and a few local facts. Synchronous, because the core
 * is; a group commit is one call. After a crash exactly the records and facts of the last finished `commit` are there,
 * in their order. Implementations: `memory-store.ts`, `sqlite-store.ts`; one compliance suite runs against each.
 */
export interface LogStore {
  /**
   * Takes a record. It is read back at once, and durable when the next `commit` has returned. Returns its number: 0, 1,
   * 2, … May fail as `commit` does.
   */
  append(type: RecordType, bytes: Uint8Array): number
  /** A record, or `length` bytes of it from `offset`. Throws HarpError `SYNC_STORE_RANGE` for what was never appended. */
  read(record: number, offset?: number, length?: number): Uint8Array
  /**
   * All records in order, for opening; or those from a number on. Appending while iterating is allowed; whether new ones
   * are seen is not defined. The bytes are the caller's: nobody else has them.
   */
  records(from?: number): IterableIterator<StoredRecord>
  /** A local fact, such as the device's incarnation. Durable with the next `commit`. At most 64 KiB each. */
  setFact(name: string, value: Uint8Array): void
  fact(name: string): Uint8Array | undefined
  /**
   * Makes everything so far durable. Throws HarpError `SYNC_STORE_FULL` or `SYNC_STORE_IO`: then nothing since the last
   * commit counts, and every write throws the same error until the store is opened again, because numbers that were
   * given out are void and whoever holds them has to begin again from what is there.
   */
  commit(): void
  /** Commits nothing. Every call after it throws `SYNC_STORE_CLOSED`. Closing twice is fine. */
  close(): void
}

/** `batch`: an encoded Batch. `statement`: an encoded AuthorityStatement. */
export const recordTypes = ['batch', 'statement'] as const
export type RecordType = (typeof recordTypes)[number]

export interface StoredRecord {
  readonly number: number
  readonly type: RecordType
  readonly bytes: Uint8Array
}
