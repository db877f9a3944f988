import { samePrint } from '../disk/file-system.ts'
import type { Item } from '../items/item.ts'
import type { DiskEntry } from '../work/job.ts'
import { isSameDirectory } from './same-inode.ts'

/** What one directory shows, against what its items say. */
export interface Comparison {
  /** Directories that are what they were. */
  readonly directories: Item[]
  /** Files and symlinks that no stat tells from before. */
  readonly unchanged: Item[]
  readonly changed: { readonly item: Item; readonly entry: DiskEntry }[]
  /** Without an item. */
  readonly appeared: DiskEntry[]
  /** A directory of another inode, or something of another kind than the item of that name. */
  readonly displaced: { readonly item: Item; readonly entry: DiskEntry }[]
  readonly vanished: Item[]
  /** Items of what is ignored now. */
  readonly forgotten: Item[]
  /** Pipes, sockets, devices. */
  readonly special: DiskEntry[]
  /** Directories of another file system. */
  readonly foreign: DiskEntry[]
}

export interface ComparisonRules {
  readonly dev: number
  isIgnored(name: string, isDirectory: boolean): boolean
}

export function compareDirectory(
  entries: readonly DiskEntry[],
  items: readonly Item[],
  rules: ComparisonRules,
): Comparison {
  const found: Comparison = {
    directories: [],
    unchanged: [],
    changed: [],
    appeared: [],
    displaced: [],
    vanished: [],
    forgotten: [],
    special: [],
    foreign: [],
  }
  const left = new Map<string, Item>()
  for (const item of items) left.set(item.name, item)
  for (const entry of entries) {
    const item = left.get(entry.name)
    if (item !== undefined) left.delete(entry.name)
    place(found, entry, item, rules)
  }
  for (const item of left.values()) {
    if (rules.isIgnored(item.name, item.kind === 'directory')) found.forgotten.push(item)
    else found.vanished.push(item)
  }
  return found
}

function place(found: Comparison, entry: DiskEntry, item: Item | undefined, rules: ComparisonRules): void {
  const { name, stat } = entry
  const isDirectory = stat.kind === 'directory'
  if (rules.isIgnored(name, isDirectory)) {
    if (item !== undefined) found.forgotten.push(item)
  } else if (stat.kind === 'other') found.special.push(entry)
  else if (isDirectory && stat.dev !== rules.dev) found.foreign.push(entry)
  else if (item === undefined) found.appeared.push(entry)
  else if (isDirectory !== (item.kind === 'directory')) found.displaced.push({ item, entry })
  else if (isDirectory) {
    if (isSameDirectory(item.print, stat)) found.directories.push(item)
    else found.displaced.push({ item, entry })
  } else if (item.kind === stat.kind && samePrint(item.print, stat)) found.unchanged.push(item)
  else found.changed.push({ item, entry })
}
