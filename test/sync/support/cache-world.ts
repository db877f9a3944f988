/** A cache on stores in memory, whose neighbours are one table: what they have comes when a test lets it come. */
import { DatabaseSync } from 'node:sqlite'
import { silentLogger } from '../../../src/base/logger.ts'
import { AskedChunks, textOf } from '../../../src/sync/cache/asked-chunks.ts'
import { CacheIndex } from '../../../src/sync/cache/cache-index.ts'
import { packBytesOf } from '../../../src/sync/cache/cache-limits.ts'
import { CacheSide } from '../../../src/sync/cache/cache-side.ts'
import { MemoryDisk } from '../../../src/sync/chunks/memory-disk.ts'
import { SqliteChunks } from '../../../src/sync/chunks/sqlite-chunks.ts'
import { nodeContentSuite } from '../../../src/sync/content/content-suite.ts'
import { toHex, type DeviceId } from '../../../src/sync/ids.ts'
import type { ChunkFetcher, ChunkTaker, FetchStats } from '../../../src/sync/transfer/chunk-fetcher.ts'
import type { Timers } from '../../../src/sync/transfer/timers.ts'
import { putFile } from '../../../src/sync/tree/intents.ts'
import { seededContent } from './content-samples.ts'
import { ModelFileSystem } from './model-file-system.ts'
import { ReplicaDevice } from './replica-device.ts'
import { content } from './tree-devices.ts'

const mib = 1024 * 1024
export const dayMs = 86_400_000

/** What others have, asked for by the cache and handed out by a test. */
export class Neighbours implements Pick<ChunkFetcher, 'want' | 'cancel' | 'lacks' | 'wantList' | 'stats'> {
  readonly chunks = new Map<string, Uint8Array>()
  readonly lists = new Map<string, Uint8Array>()
  readonly #wanted: { readonly id: Uint8Array; readonly taker: ChunkTaker }[] = []
  /** In the order in which they were asked for. */
  readonly asked: string[] = []
  readonly verdicts: string[] = []
  readonly sharing = { onClaimed: () => undefined }
  isLying = false
  waitingLists = 0

  want(id: Uint8Array, _length: number, taker: ChunkTaker): void {
    this.asked.push(textOf(id))
    this.#wanted.push({ id: id.slice(), taker })
  }

  get underWay(): number {
    return this.#wanted.length
  }

  cancel(taker: ChunkTaker): void {
    for (let at = this.#wanted.length - 1; at >= 0; at--) {
      if (this.#wanted[at]?.taker === taker) this.#wanted.splice(at, 1)
    }
  }

  lacks(taker: ChunkTaker): boolean {
    return this.#wanted.every((want) => want.taker !== taker || !this.chunks.has(textOf(want.id)))
  }

  async wantList(hash: string, _count: number, signal?: AbortSignal): Promise<Uint8Array> {
    const list = this.lists.get(hash)
    if (list !== undefined) return list
    this.waitingLists++
    return new Promise((_, reject) => {
      signal?.addEventListener('abort', () => {
        this.waitingLists--
        reject(new Error('cancelled'))
      })
    })
  }

  stats(): FetchStats {
    const none = { bytesPerSecond: 0, receivedBytes: 0, outstandingBytes: 0, settlingBytes: 0, wantedIds: 0 }
    const more = { nearBytes: 0, wantedBytes: 0, missingIds: 0, missingBytes: 0, lists: this.waitingLists }
    return { ...none, ...more, missingLists: this.waitingLists }
  }

  /** Hands out what was asked for and is there, up to a number. */
  async deliver(most = Number.POSITIVE_INFINITY): Promise<void> {
    for (let count = 0; count < most; count++) {
      const at = this.#wanted.findIndex(({ id }) => this.chunks.has(textOf(id)))
      const want = this.#wanted[at]
      if (want === undefined) return
      const { id, taker } = want
      const sealed = this.chunks.get(textOf(id)) ?? new Uint8Array(0)
      if (this.isLying) {
        this.verdicts.push(await taker.take(id, new Uint8Array(sealed.length), 'liar'))
        return
      }
      this.#wanted.splice(at, 1)
      this.verdicts.push(await taker.take(id, sealed.slice(), 'honest'))
    }
  }
}

class CountingDisk extends MemoryDisk {
  writtenBytes = 0

  override write(file: number, bytes: Uint8Array, position: number): void {
    this.writtenBytes += bytes.length
    super.write(file, bytes, position)
  }
}

export class CacheWorld {
  readonly author = new ReplicaDevice()
  readonly neighbours = new Neighbours()
  readonly #databases = { chunks: new DatabaseSync(':memory:'), cache: new DatabaseSync(':memory:') }
  readonly faults: unknown[] = []
  readonly quota: number
  wall: number
  monotonic = 0
  /** Left by others: for the cache, and to be left free by it. */
  free = 1_000 * mib
  connected = 1
  isLogIdle = true
  chunks: SqliteChunks
  index: CacheIndex
  asked: AskedChunks
  side: CacheSide
  readonly #packs = new CountingDisk()
  /** Of the directory: what is left of it, and whether it takes a file. */
  readonly #disk = Object.assign(new ModelFileSystem(), {
    free: () => this.free - this.chunks.stats().packBytes,
  })
  #files = 0
  #seed = 0

  readonly #office:
    | { readonly fetcher: ChunkFetcher; readonly timers: Timers; readonly caches: readonly DeviceId[] }
    | undefined

  /** `office`: of a device in a world of several, instead of the table. */
  constructor(
    quota = 16 * mib,
    office?: {
      readonly fetcher: ChunkFetcher
      readonly timers: Timers
      readonly caches: readonly DeviceId[]
    },
  ) {
    this.quota = quota
    this.#office = office
    this.author.found('peer')
    this.#disk.makeDirectory('/cache')
    this.wall = this.author.now
    this.chunks = this.#openChunks()
    this.index = new CacheIndex(this.#databases.cache)
    this.asked = new AskedChunks(this.chunks)
    this.side = this.#newSide()
  }

  /** An entry with so many new chunks, which the neighbours have; returns their ids. */
  write(count: number, bytes = 100_000): Uint8Array[] {
    const ids = Array.from({ length: count }, () => this.#newChunk(bytes))
    this.writeIds(ids)
    return ids
  }

  writeIds(ids: readonly Uint8Array[]): void {
    const chunkList = new Uint8Array(Buffer.concat(ids))
    const { replica } = this.author
    this.author.now = Math.max(this.author.now, this.wall)
    const planned = putFile(
      replica.view,
      [`${++this.#files}`],
      content(this.#files),
      seededRandom(this.#files),
    )
    if (typeof planned === 'string') throw new Error(planned)
    replica.write(
      planned.map((operation) => ({ operation, ...(operation.type === 'put' && { chunkList }) })),
      this.author.tick(),
    )
    if (ids.length > 2_048) this.neighbours.lists.set(toHex(this.author.suite.hash(chunkList)), chunkList)
    this.side.logChanged()
  }

  /** Some seconds, in which all comes that may. */
  async pass(seconds = 3, comes = true): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.monotonic += 1_000
      this.wall += 1_000
      this.side.tick()
      for (let turn = 0; turn < 40; turn++) {
        await new Promise(setImmediate)
        if (comes) await this.neighbours.deliver()
      }
    }
  }

  /** Somebody asks the cache; true if it had it. */
  ask(id: Uint8Array): boolean {
    return this.asked.find(id) !== undefined
  }

  holds(ids: readonly Uint8Array[]): number {
    return ids.filter((id) => this.chunks.has(id)).length
  }

  /** Into packs, since the beginning. */
  get writtenBytes(): number {
    return this.#packs.writtenBytes
  }

  /** Stops and begins anew with the same stores; or with what was committed last. */
  async restart(isCrash = false): Promise<void> {
    if (!isCrash) await this.side.stop()
    this.chunks = this.#openChunks()
    this.index = new CacheIndex(this.#databases.cache)
    this.asked = new AskedChunks(this.chunks)
    this.side = this.#newSide()
    this.side.start()
  }

  #newChunk(bytes: number): Uint8Array {
    const sealed = seededContent(++this.#seed, bytes)
    const id = nodeContentSuite.hash(sealed)
    this.neighbours.chunks.set(textOf(id), sealed)
    return id
  }

  #openChunks(): SqliteChunks {
    return new SqliteChunks({
      directory: '/cache',
      packs: this.#packs,
      database: this.#databases.chunks,
      packBytes: packBytesOf(this.quota),
      places: { itemPath: () => undefined, keptPath: () => '/nowhere' },
    })
  }

  #newSide(): CacheSide {
    const { chunks, index, asked, neighbours, quota, author } = this
    return new CacheSide({
      directory: '/cache',
      quota,
      hasFreed: false,
      chunks,
      index,
      asked,
      // NOTE: what a cache uses of a fetcher.
      fetcher: this.#office?.fetcher ?? (neighbours as unknown as ChunkFetcher),
      ...(this.#office && { timers: this.#office.timers }),
      isCache: (device) => this.#office?.caches.includes(device) ?? false,
      store: author.store,
      suite: author.suite,
      clock: { monotonic: () => this.monotonic, wall: () => this.wall },
      fs: this.#disk,
      log: silentLogger,
      connected: () => this.connected,
      isLogIdle: () => this.isLogIdle,
      commitLog: () => author.replica.commit(),
      onFault: (error) => this.faults.push(error),
    })
  }
}

function seededRandom(seed: number): (length: number) => Uint8Array {
  let calls = 0
  return (length) => seededContent(seed * 1_000 + calls++, length)
}
