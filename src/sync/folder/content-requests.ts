import type { LogStore } from '../store/log-store.ts'
import { auditFolder, type AuditReport } from './audit.ts'
import type { ContentSide } from './content-side.ts'
import { Restoring } from './restoring.ts'

/** What commands ask of the side that reads and writes the user's files. */

export function restoringOf(content: ContentSide): Restoring {
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

/** After what is marked has been scanned, so that local edits are not taken for damage. */
export async function auditOf(content: ContentSide, store: LogStore, repair: boolean): Promise<AuditReport> {
  await content.scanNow('everything')
  const { root, replica, items, chunks, pool, chunker } = content.parts
  const parts = {
    root,
    replica,
    items,
    chunks,
    pool,
    chunker,
    store,
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
