import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { HarpError } from '../../base/errors.ts'
import type { ServedChunks } from '../chunks/chunk-store.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { privateName, privatePaths } from '../disk/private-directory.ts'
import type { Role } from '../format/membership.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { Replica } from '../replica/replica.ts'
import { AskedChunks } from './asked-chunks.ts'
import { cacheErrors } from './cache-errors.ts'
import { CacheIndex } from './cache-index.ts'
import { requireQuota, requireRoomForLists } from './cache-quota.ts'
import { CacheSide, type CacheSideParts } from './cache-side.ts'
import { freePacks } from './free-packs.ts'
import { WantedLists } from './wanted-lists.ts'

export type CacheParts = Omit<
  CacheSideParts,
  'directory' | 'quota' | 'hasFreed' | 'index' | 'asked' | 'connected' | 'isLogIdle' | 'commitLog' | 'isCache'
> & {
  readonly replica: Pick<Replica, 'commit' | 'log'>
  readonly peers: { readonly connected: number; readonly isIdle: boolean }
}

/** Relative to the root: packs and indexes of a cache. */
const cachePath = `${privateName}/cache`

/** Where a cache keeps what it holds, and what it needs from the first moment: before it is known what the log says. */
export class CachePlace {
  readonly directory: string
  #quota: number
  readonly #onProblem: (message: string) => void
  readonly #database: DatabaseSync | undefined
  /** Packs went before anything was opened: the loss of their chunks is no damage. */
  readonly hasFreed: boolean
  #index: CacheIndex | undefined
  #asked: AskedChunks | undefined
  #side: CacheSide | undefined

  /**
   * Nothing is open yet. `database`: instead of a file. Throws HarpError `FOLDER_DISK_MISSING` if the disk is not there;
   * on one that is full to the brim, the oldest packs go.
   */
  constructor(
    root: string,
    quota: number,
    parts: { readonly fs: FileSystem; readonly onProblem: (message: string) => void },
    database?: DatabaseSync,
  ) {
    this.directory = join(root, cachePath)
    this.#quota = quota
    this.#onProblem = parts.onProblem
    this.#database = database
    this.hasFreed = false
    if (database !== undefined) return
    if (parts.fs.stat(join(root, privatePaths.marker)) === undefined) {
      throw new HarpError(
        'FOLDER_DISK_MISSING',
        `${root} is not the place of this cache: its mark is missing`,
        {
          fix: 'mount the disk; if it is gone for good, remove the folder and join again',
          retryable: true,
        },
      )
    }
    const gone = freePacks(parts.fs, this.directory)
    this.hasFreed = gone > 0
    if (gone > 0) parts.onProblem(`the disk is full: ${gone} packs of the cache went`)
  }

  /** Where others are answered from: what they ask for is counted. */
  before(chunks: ServedChunks): AskedChunks {
    this.#asked ??= new AskedChunks(chunks)
    return this.#asked
  }

  get asked(): AskedChunks {
    if (this.#asked === undefined) throw new Error('nobody is served yet')
    return this.#asked
  }

  get index(): CacheIndex {
    const place = this.#database ?? join(this.directory, 'cache.sqlite')
    this.#index ??= new CacheIndex(place, this.#onProblem)
    return this.#index
  }

  /** The cache itself, once this device knows its role. */
  begin(parts: CacheParts): CacheSide {
    const { replica, peers } = parts
    this.#side = new CacheSide({
      ...parts,
      directory: this.directory,
      quota: this.#quota,
      hasFreed: this.hasFreed,
      index: this.index,
      asked: this.asked,
      connected: () => peers.connected,
      isLogIdle: () => peers.isIdle,
      commitLog: () => replica.commit(),
      isCache: (device) => replica.log.membership.roleOf(device, replica.log.heads()) === 'cache',
    })
    return this.#side
  }

  get quota(): number {
    return this.#quota
  }

  /** Also of one that does not run. Throws HarpError `CACHE_QUOTA`. */
  setQuota(bytes: number): void {
    requireQuota(bytes, true)
    requireRoomForLists(bytes, new WantedLists(this.index.file).bytes)
    this.#quota = bytes
    this.#side?.setQuota(bytes)
  }

  close(): void {
    this.#index?.close()
    this.#index = undefined
  }
}

/** What the log says this device is, and what it was set up as. */
export function cacheProblems(role: Role | undefined, place: CachePlace | undefined): FolderProblem[] {
  if (role === undefined || (role === 'cache') === (place !== undefined)) return []
  const code = role === 'cache' ? 'CACHE_NO_QUOTA' : 'CACHE_ROLE_CHANGED'
  const message =
    role === 'cache'
      ? 'this device is a cache without a quota'
      : `this device is a cache, and has the role ${role}`
  return [{ code, path: '', message, fix: cacheErrors[code].fix }]
}

/** Throws for what needs keys. */
export function requireKeys(isCache: boolean, name: string): void {
  if (!isCache) return
  throw new HarpError('CACHE_NO_KEYS', `this device is a cache of ${name}, and cannot read it`, {
    fix: cacheErrors.CACHE_NO_KEYS.fix,
  })
}
