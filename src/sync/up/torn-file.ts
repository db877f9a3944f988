import { fingerprintOf, type FileStat } from '../disk/file-system.ts'
import type { ApplyIntent, Item } from '../items/item.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Replica } from '../replica/replica.ts'
import type { Version } from '../tree/versions.ts'
import { isContent, shownFile, versionOf } from './content-plans.ts'
import { isSameTime, millisecondsOf } from './file-time.ts'
import type { Readable } from './outcome.ts'
import type { ScanRun } from './scan-run.ts'

/**
 * Whether a loss of power left something else than the version that this device was putting there. It has the time that
 * was set before it got its name; whoever writes to it sets another.
 */
export function isTorn(replica: Replica, intent: ApplyIntent, file: Readable): boolean {
  const operation = versionOf(replica, intent.version)
  if (operation?.type !== 'put' || file.state !== 'hashed') return false
  if (isContent(operation, { type: 'put', hash: file.hash })) return false
  const shown = shownFile(replica.view, intent)
  const times = [operation.content.mtime, shown?.mtime ?? operation.content.mtime]
  return times.some((time) => isSameTime(millisecondsOf(time), file.stat.mtimeMs))
}

/**
 * The same of what its user saved, or of what was put there and the items lost: the file has the time of a version of
 * its place, and at most as many bytes. Asked only after the system went down.
 */
export function isTornVersion(versions: readonly Version<LogEntry>[], file: Readable): boolean {
  if (file.state !== 'hashed') return false
  const found = { type: 'put', hash: file.hash } as const
  if (versions.some(({ operation }) => isContent(operation, found))) return false
  const { mtimeMs, size } = file.stat
  return versions.some(({ operation }) => {
    if (operation.type !== 'put') return false
    return size <= operation.content.size && isSameTime(millisecondsOf(operation.content.mtime), mtimeMs)
  })
}

/** It is an item with no version: to be put there again. The caller commits. */
export function recordTorn(
  { parts, findings }: ScanRun,
  item: Item | undefined,
  intent: Omit<ApplyIntent, 'version' | 'temporaryName'>,
  stat: FileStat,
): void {
  const { items, chunks } = parts
  const { parent, name, logName, nodes, kind } = intent
  const print = fingerprintOf(stat)
  const torn = { parent, name, logName, nodes, kind, print, version: undefined, state: 'unsettled' as const }
  const id = item?.id ?? items.add(torn).id
  if (item !== undefined) items.update(id, torn)
  chunks.removeFile(id)
  findings.damaged.push(id)
  findings.stale(nodes)
}
