import { chunkKeyOf } from '../content/chunk-seal.ts'
import { fingerprintOf, type FileStat } from '../disk/file-system.ts'
import { sameBytes } from '../format/cbor.ts'
import { hashLength } from '../ids.ts'
import type { ApplyIntent, Item } from '../items/item.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Replica } from '../replica/replica.ts'
import type { Version } from '../tree/versions.ts'
import { isContent, shownFile, versionOf } from './content-plans.ts'
import { isSameTime, millisecondsOf } from './file-time.ts'
import { settledMs, type Readable } from './outcome.ts'
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

/**
 * Whether it was emptied by a loss of power, though its time or its bits were changed, as by a user who did no more: it
 * holds nothing, or nothing but zeros, which is what that leaves most often, and was changed within a minute of being put
 * there. Who meant it to be empty gets back what was in it; nothing is lost.
 */
export function isEmptied({ parts }: ScanRun, { print }: Item, file: Readable): boolean {
  if (file.state !== 'hashed' || file.stat.ctimeMs > print.ctimeMs + settledMs) return false
  const { lengths, keys } = file.rows
  // Zeros are cut into chunks of one length, and a last one.
  const known = new Map<number, Uint8Array>()
  for (const [row, length] of lengths.entries()) {
    const key = known.get(length) ?? chunkKeyOf(parts.keys, new Uint8Array(length))
    known.set(length, key)
    if (!sameBytes(key, keys.subarray(row * hashLength, (row + 1) * hashLength))) return false
  }
  return true
}

/**
 * Of a file whose damage is known, that does not hold what the log shows: whether nobody has written to it since. Its last
 * change tells nothing: our own links and renames set it, as when its content was about to be put in its place.
 */
export function isStillDamaged({ version, print }: Item, file: Readable): boolean {
  if (version !== undefined || file.state !== 'hashed') return false
  const { ino, size, mtimeMs } = file.stat
  return print.ino === ino && print.size === size && isSameTime(print.mtimeMs, mtimeMs)
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
