import { join } from 'node:path'
import { packBytesOf } from '../cache/cache-limits.ts'
import { CachePlace } from '../cache/cache-place.ts'
import type { FilePlaces } from '../chunks/chunk-store.ts'
import { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import { privatePaths } from '../disk/private-directory.ts'
import type { EntryHash } from '../ids.ts'
import type { SqliteItems } from '../items/sqlite-items.ts'
import type { FolderOptions } from './folder-options.ts'
import { checkItems, type StoreRepairs } from './store-repairs.ts'

/** What a folder keeps besides its log. */
export interface OpenStores {
  readonly items: SqliteItems
  readonly chunks: SqliteChunks
  /** Of a cache. */
  readonly cache: CachePlace | undefined
}

/**
 * Opens them; those that can be made anew from the log and the disk are, if they are damaged. If one cannot be opened, none
 * stays open: they are tried again.
 */
export function openStores(options: FolderOptions, repairs: StoreRepairs): OpenStores {
  const opened: { close(): void }[] = []
  try {
    return openEach(options, repairs, opened)
  } catch (error) {
    for (const store of opened) store.close()
    throw error
  }
}

function openEach(options: FolderOptions, repairs: StoreRepairs, opened: { close(): void }[]): OpenStores {
  const { directory, root, log, clock, stores, quota, fs } = options
  const itemsPath = join(directory, 'items.sqlite')
  if (options.isSuspect === true && checkItems(itemsPath)) repairs.note(`${itemsPath} was damaged`)
  const items = stores?.items() ?? repairs.openItems(itemsPath)
  opened.push(items)
  const places: FilePlaces = {
    itemPath: (item: number): string | undefined => {
      const path = items.path(item)
      return path === undefined ? undefined : join(root, ...path)
    },
    keptPath: (version: EntryHash): string => join(root, privatePaths.kept, version),
  }
  const onProblem = (message: string): void => log.warn({ message }, 'chunk store')
  const cache =
    quota === undefined ? undefined : new CachePlace(root, quota, { fs, onProblem }, stores?.cache)
  if (cache !== undefined) opened.push(cache)
  const chunkOptions = {
    directory: cache?.directory ?? directory,
    places,
    onProblem,
    onRebuilt: (message: string) => repairs.note(message),
    now: () => clock.monotonic(),
    ...(quota !== undefined && { packBytes: packBytesOf(quota) }),
  }
  const chunks = stores?.chunks(places) ?? repairs.openChunks(() => new SqliteChunks(chunkOptions))
  opened.push(chunks)
  // Set aside, or dropped before the folder was joined again: their numbers are going to be those of other files.
  if (items.totals().files === 0) {
    chunks.forgetItems()
    chunks.commit()
  }
  return { items, chunks, cache }
}
