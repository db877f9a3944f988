import { join } from 'node:path'
import { chunkIdLength, type ChunkRows } from '../content/content.ts'
import type { FileSystem } from '../disk/file-system.ts'
import { privatePaths } from '../disk/private-directory.ts'
import type { Item } from '../items/item.ts'
import type { DownParts } from './down-parts.ts'
import { isShownHead } from './in-view.ts'

const noRows: ChunkRows = { ids: new Uint8Array(), keys: new Uint8Array(), lengths: new Uint32Array() }

/** Of something that was taken out of its place and stands aside: its content stays if the policy says so. */
export function keepOrDrop(parts: DownParts, item: Item, aside: string): void {
  const { fs, chunks, versions, root } = parts
  const { version, print } = item
  if (version === undefined || !mustKeep(parts, item)) {
    fs.unlink(aside)
    return
  }
  fs.rename(aside, join(root, privatePaths.kept, version))
  chunks.addKept(version, versions.rows(version) ?? noRows, print.size)
}

/** Back where it was, or beside what has its name by now. */
export function giveBack(fs: FileSystem, aside: string, path: string): void {
  let free = path
  for (let number = 1; fs.stat(free) !== undefined; number++) free = `${path}~saved${number}`
  fs.rename(aside, free)
}

/** What is in packs is kept already. */
function mustKeep({ keep, chunks, versions, view }: DownParts, item: Item): boolean {
  const { kind, version } = item
  if (kind !== 'file' || version === undefined || chunks.isKept(version)) return false
  // Of an edit that nobody has joined yet this may be the only copy.
  if (keep === 'current' && !isShownHead(view(), item)) return false
  const rows = versions.rows(version)
  if (rows === undefined) return true
  for (let at = 0; at < rows.ids.length; at += chunkIdLength) {
    if (chunks.find(rows.ids.subarray(at, at + chunkIdLength))?.in !== 'pack') return true
  }
  return false
}
