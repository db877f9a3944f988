import { join } from 'node:path'
import type { SqliteChunks } from '../chunks/sqlite-chunks.ts'
import type { ContentKeys } from '../content/content.ts'
import { samePrint } from '../disk/file-system.ts'
import type { ChunkerParameters } from '../format/membership.ts'
import type { Item, ItemStore } from '../items/item.ts'
import type { Replica } from '../replica/replica.ts'
import type { HashedFile, WorkPool } from '../work/job.ts'
import type { DiskLock } from './disk-lock.ts'

export interface FileDamageParts {
  readonly root: string
  readonly replica: Replica
  readonly items: ItemStore
  readonly chunks: SqliteChunks
  readonly pool: WorkPool
  readonly keys: ContentKeys
  readonly chunker: ChunkerParameters
  readonly lock: DiskLock
  /** Not 0: the folder stops here, and nothing more is read. */
  readonly halted: SharedArrayBuffer
}

export type FileVerdict =
  /** As the version says, or of no version. */
  | 'whole'
  /** Its stat is another one: a scan finds out. */
  | 'changed'
  /** Nobody wrote to it, as far as a stat tells, and its bytes are others. */
  | 'damaged'

/** What a whole read of an item's file says of it. */
export function judgeFile(
  replica: Replica,
  item: Item,
  found: HashedFile & { state: 'hashed' },
): FileVerdict {
  const operation = item.version === undefined ? undefined : replica.log.entry(item.version)?.operation
  if (operation?.type !== 'put' || operation.content.hash === found.hash) return 'whole'
  return samePrint(item.print, found.stat) ? 'damaged' : 'changed'
}

const rowsAtOnce = 64 * 1024 * 1024

/**
 * From now on the item has no version, so the plan puts it in place again: from the chunks of it that are whole, and
 * the rest from packs or other devices. Damage is no edit: what stands there is compared by its print, and goes. False:
 * it is not what it was any more. Not for who has the lock.
 */
export async function markDamaged(parts: FileDamageParts, id: number): Promise<boolean> {
  const { root, items, chunks, pool, keys, halted, lock } = parts
  const before = items.get(id)
  const path = items.path(id)
  if (before?.kind !== 'file' || before.version === undefined || path === undefined) return false
  const absolute = join(root, ...path)
  const lost: number[] = []
  for (let number = -1; ;) {
    const stretch = chunks.stretchAfter(id, number, rowsAtOnce)
    if (stretch?.holder !== id) break
    const { rows, offset } = stretch
    const part = { path: absolute, offset, keys: rows.keys, lengths: rows.lengths }
    const [file] = (await pool.run('check', { keys, files: [part], halted })).files
    // It is being written to after all, or nothing goes on here.
    if (file?.state !== 'read' || !samePrint(file.stat, before.print)) return false
    for (const row of file.damaged) lost.push(stretch.number + row)
    number = stretch.number + rows.lengths.length - 1
  }
  return lock.run(() => {
    const now = items.get(id)
    if (new Uint8Array(halted)[0] !== 0 || now?.version === undefined) return false
    if (now.version !== before.version || !samePrint(now.print, before.print)) return false
    for (const number of lost) chunks.losePlace(id, number)
    chunks.setFileDamaged(id, true)
    chunks.commit()
    items.update(id, { version: undefined })
    items.commit()
    return true
  })
}
