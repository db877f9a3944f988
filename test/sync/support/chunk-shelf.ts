import { hash } from 'node:crypto'
import type { ChunkStore } from '../../../src/sync/chunks/chunk-store.ts'
import type { DeviceId } from '../../../src/sync/ids.ts'
import { toHex } from '../../../src/sync/ids.ts'
import type { ChunkTaker } from '../../../src/sync/transfer/chunk-fetcher.ts'
import type {
  ChunkSource,
  JobName,
  JobTable,
  ServeJob,
  ServeResult,
  WorkPool,
} from '../../../src/sync/work/job.ts'

/** Stands for BLAKE3 here; of long chunks only length and both ends count, because tests move many of them. */
export function idOfChunk(sealed: Uint8Array): Uint8Array {
  const text = new Uint8Array(2 * looked + 4)
  new DataView(text.buffer).setUint32(0, sealed.length)
  text.set(sealed.subarray(0, looked), 4)
  text.set(sealed.subarray(-looked), 4 + looked)
  return new Uint8Array(hash('sha256', text, 'buffer'))
}

const looked = 64

export function listHash(list: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha3-256', list, 'buffer'))
}

/** Other bytes for each seed. */
export function chunkOf(seed: number, length: number): Uint8Array {
  const bytes = noise.slice(0, length)
  const start = new Uint8Array(8)
  new DataView(start.buffer).setFloat64(0, seed + 0.5)
  bytes.set(start.subarray(0, length))
  return bytes
}

const noise = new Uint8Array(4 * 1024 * 1024).map(
  (_, index) => (Math.imul(index, 2_654_435_761) >>> 13) & 255,
)

/** What one device has; the parts of a store and of a pool that serving needs. */
export class ChunkShelf {
  readonly #chunks = new Map<string, { sealed: Uint8Array; sources: ChunkSource[] }>()
  readonly #lists = new Map<string, Uint8Array>()
  readonly forgotten: ChunkSource[] = []
  jobs = 0
  running = 0
  mostRunning = 0
  /** Read and handed out. */
  servedBytes = 0
  listReads = 0
  /** Before a job is done. */
  delay: (() => Promise<void>) | undefined
  fails = false

  /** `wrongFirst`: so many places where something else is found. */
  add(sealed: Uint8Array, wrongFirst = 0, id = idOfChunk(sealed)): Uint8Array {
    const sources: ChunkSource[] = []
    for (let index = 0; index <= wrongFirst; index++) {
      const path = index === wrongFirst ? 'right' : `wrong-${index}`
      sources.push({ in: 'pack', path, offset: 0, sealedLength: sealed.length })
    }
    this.#chunks.set(toHex(id), { sealed, sources })
    return id
  }

  addList(list: Uint8Array): string {
    const key = toHex(listHash(list))
    this.#lists.set(key, list)
    return key
  }

  has(id: Uint8Array): boolean {
    return this.#chunks.has(toHex(id))
  }

  readonly store = {
    find: (id: Uint8Array) => this.#chunks.get(toHex(id))?.sources[0],
    forget: (id: Uint8Array, source: ChunkSource) => {
      this.forgotten.push(source)
      const found = this.#chunks.get(toHex(id))
      if (found !== undefined) found.sources = found.sources.filter((other) => other !== source)
    },
    list: (key: string) => {
      this.listReads++
      return this.#lists.get(key)
    },
  } as unknown as ChunkStore

  readonly pool: WorkPool = {
    run: async <N extends JobName>(_name: N, job: JobTable[N]['job']): Promise<JobTable[N]['result']> =>
      this.#serve(job as ServeJob),
    close: async () => undefined,
  }

  async #serve(job: ServeJob): Promise<ServeResult> {
    this.jobs++
    this.running++
    this.mostRunning = Math.max(this.mostRunning, this.running)
    try {
      await this.delay?.()
      if (this.fails) throw new Error('the thread broke')
      const sealed = job.chunks.map(({ id, source }) => {
        const bytes = this.#chunks.get(toHex(id))?.sealed
        if (bytes === undefined || source.path !== 'right') return undefined
        this.servedBytes += bytes.length
        return bytes
      })
      return { sealed }
    } finally {
      this.running--
    }
  }
}

/** Takes chunks, and checks them as those do that write them. */
export class CheckingTaker implements ChunkTaker {
  readonly got = new Map<string, Uint8Array>()
  readonly bad: DeviceId[] = []
  takes = 0
  heldBytes = 0
  mostHeldBytes = 0
  /** Before it says what it was. */
  delay: (() => Promise<void>) | undefined

  take(id: Uint8Array, sealed: Uint8Array, peer: DeviceId): Promise<'ok' | 'bad'> | 'ok' | 'bad' {
    this.takes++
    const verdict = toHex(idOfChunk(sealed)) === toHex(id) ? 'ok' : 'bad'
    if (this.delay === undefined) return this.#say(verdict, id, sealed, peer)
    this.heldBytes += sealed.length
    this.mostHeldBytes = Math.max(this.mostHeldBytes, this.heldBytes)
    return this.delay().then(() => {
      this.heldBytes -= sealed.length
      return this.#say(verdict, id, sealed, peer)
    })
  }

  #say(verdict: 'ok' | 'bad', id: Uint8Array, sealed: Uint8Array, peer: DeviceId): 'ok' | 'bad' {
    if (verdict === 'ok') this.got.set(toHex(id), sealed)
    else this.bad.push(peer)
    return verdict
  }
}
