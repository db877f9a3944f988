import { HarpError } from '../../base/errors.ts'
import { auditCache } from '../cache/audit-cache.ts'
import { auditFolder, type AuditReport } from './audit.ts'
import type { ContentSide } from './content-side.ts'
import { folderErrors } from './folder-errors.ts'
import type { Folder } from './folder.ts'
import { Restoring } from './restoring.ts'

/** What commands ask of a folder's content. */

export function restoringOf(folder: Folder): Restoring {
  const content = readable(folder)
  const { root, replica, pool, chunks, fs, fetcher, clock, announce } = content.parts
  return new Restoring({
    root,
    replica,
    pool,
    chunks,
    fs,
    fetcher,
    keys: content.keys,
    versions: content.versions,
    signal: content.signal,
    now: () => clock.wall(),
    settled: () => content.lock.run(() => undefined),
    announce: () => {
      announce()
      content.logChanged()
    },
  })
}

/** Looks whether log, tree, disk and store agree. */
export async function auditOf(folder: Folder, repair: boolean): Promise<AuditReport> {
  const { cache } = folder
  if (cache !== undefined) return auditCache(folder, () => cache.takeLost())
  const content = readable(folder)
  // So that local edits are not taken for damage.
  await content.scanNow('everything')
  const { root, replica, items, chunks, pool, chunker } = content.parts
  const parts = {
    root,
    replica,
    items,
    chunks,
    pool,
    chunker,
    store: folder.store,
    keys: content.keys,
    lock: content.lock,
    halted: content.halted,
  }
  const actions = {
    repairFile: (item: number) => content.repair(item),
    damageFound: () => content.damageFound(),
    repairs: () => repairsOf(content),
    rescan: (directory: number) => content.scanSoon([directory]),
  }
  return auditFolder({ ...parts, ...actions }, repair)
}

/** Throws HarpError if the folder cannot be read on this device, or not now. */
function readable(folder: Folder): ContentSide {
  const { content } = folder
  if (content !== undefined) return content
  folder.requireKeys()
  if (folder.isOut) {
    const { fix } = folderErrors.FOLDER_REVOKED
    throw new HarpError('SYNC_FOLDER_NOT_READY', 'this device was revoked: all stays as it is', { fix })
  }
  throw new HarpError('SYNC_FOLDER_NOT_READY', 'the folder is paused, or its keys are not here yet', {
    fix: 'see harp status: resume it, or wait until a device that has it is connected',
    retryable: true,
  })
}

const mostRepairMs = 10 * 60_000
const patienceMs = 8_000
const checkMs = 200

/** Until nothing is damaged any more, or nothing has come for a while. */
async function repairsOf(content: ContentSide): Promise<void> {
  const { clock, fetcher } = content.parts
  const began = clock.monotonic()
  let progressAt = began
  let last = ''
  while (content.upkeep.damagedNow > 0 && !content.signal.aborted) {
    const now = clock.monotonic()
    const state = `${content.upkeep.damagedNow} ${fetcher.stats().receivedBytes} ${content.state}`
    if (state !== last) progressAt = now
    last = state
    if (now - progressAt > patienceMs || now - began > mostRepairMs) return
    content.damageFound()
    await new Promise((resolve) => setTimeout(resolve, checkMs))
  }
}
