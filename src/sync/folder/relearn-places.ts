import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import { rootItem, type ItemStore } from '../items/item.ts'
import type { VersionSource } from './version-source.ts'

export interface RelearnParts {
  readonly items: ItemStore
  readonly chunks: SqliteChunks
  readonly versions: VersionSource
}

const filesAtOnce = 512

/** The index of chunks is new, or was lost: what the items say of the user's files is told to it again. */
export async function relearnPlaces({ items, chunks, versions }: RelearnParts): Promise<void> {
  let told = 0
  const waiting = [rootItem]
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const { id, kind, version } of items.children(directory)) {
      if (kind === 'directory') waiting.push(id)
      const rows = kind === 'file' && version !== undefined ? versions.rows(version) : undefined
      if (rows === undefined) continue
      chunks.addFile(id, rows)
      if (++told % filesAtOnce !== 0) continue
      chunks.commit()
      await new Promise(setImmediate)
    }
  }
  chunks.commit()
  chunks.setComplete()
  chunks.commit()
}
