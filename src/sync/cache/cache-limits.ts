const kib = 1024
const mib = 1024 * kib
const gib = 1024 * mib

export const cacheLimits = {
  leastQuota: 8 * mib,
  /** Of the free disk, if no quota is named. */
  usualShare: 0.1,
  usualLeast: gib,
  /** A pack of a cache: the quota divided by this, within bounds. So much stays free for copying. */
  packsOfQuota: 32,
  leastPack: mib,
  mostPack: 64 * mib,
  /** Of the disk, left to others. */
  reserveShare: 0.05,
  mostReserve: gib,
  /** Of the quota, for long lists of chunks. */
  listShare: 0.25,
  /** A pack with more holes than this is written anew when room is needed. */
  holes: 0.25,
  leastHoles: 0.05,
  /** Bytes copied, and chunks dropped, in one step. */
  copyBytes: 4 * mib,
  dropAtOnce: 256,
  /** Chunks that are wanted at a time; those that one taker stands for. */
  idsAtOnce: 1_024,
  idsOfBatch: 64,
  /** Of chunks that have come and wait for room, in memory. */
  waitingBytes: 4 * mib,
  /** Stored and not committed. */
  dirtyBytes: 32 * mib,
  /** Of a chunk, until some have come. */
  usualChunk: 290 * kib,
  largestChunk: mib,
  /** Chunks that others asked for, until it is written down. */
  askedIds: 1_024,
  scrubBytes: 4 * mib,
} as const

export const cacheTimes = {
  /** Until what was asked for in vain is fetched, together with what is asked for in this time. */
  demandMs: 20,
  commitMs: 2_000,
  /** After the start, for the log to come: newest first is only known then. */
  patienceMs: 60_000,
  /** Between two rounds in which what nobody had is asked for again; longer by as much for each chunk. */
  roundMs: 30_000,
  roundOfChunkMs: 1,
  /** Without a new device. */
  longRoundMs: 3_600_000,
  /** Until a list that nobody has makes way for the next. */
  listMs: 5_000,
  diskMs: 5_000,
  scrubMs: 16_000,
  /** All packs, at most. */
  scrubAllMs: 30 * 86_400_000,
  damageShownMs: 3_600_000,
} as const

/** Packs are small enough that room can be made in small steps. */
export function packBytesOf(quota: number): number {
  const { packsOfQuota, leastPack, mostPack } = cacheLimits
  return Math.round(Math.min(mostPack, Math.max(leastPack, quota / packsOfQuota)))
}

/** What is left to other programs, of a disk on which so many bytes are free or the cache's own. */
export function reserveOf(bytes: number): number {
  return Math.min(cacheLimits.mostReserve, Math.round(bytes * cacheLimits.reserveShare))
}
