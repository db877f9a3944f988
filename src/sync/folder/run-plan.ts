import type { DownSync } from '../plan/down-sync.ts'
import type { FolderWatcher } from '../up/watcher.ts'
import type { ContentSideParts } from './content-side-parts.ts'
import type { Downloads } from './downloads.ts'
import { plannedPaths } from './looked-paths.ts'
import type { PendingLooks } from './pending-looks.ts'
import type { Problems } from './problems.ts'

export interface PlanParts extends Pick<ContentSideParts, 'replica' | 'items' | 'chunks' | 'pool' | 'clock'> {
  readonly down: DownSync
  readonly downloads: Downloads
  readonly watcher: FolderWatcher
  readonly looks: PendingLooks
  readonly problems: Problems
  readonly signal: AbortSignal
}

/** Plans for what was touched and carries it out, as far as it needs no content; what does is offered to the downloads. */
export async function runPlan(parts: PlanParts): Promise<void> {
  const { replica, items, chunks, pool, clock, down, downloads, watcher, looks, problems } = parts
  // What the log shows may be what the folder was stopped for.
  if (parts.signal.aborted) return
  const what = looks.takeTouched()
  replica.commit()
  // What the plan drops because it is in packs must be there for good.
  chunks.commit()
  const report = down.reconcile(what)
  // Items that say a thing was moved must not outlive the move, or a scan after a loss of power would take it for undone.
  if (report.changedDirectories.size > 0) {
    await pool.run('settle', { files: [], directories: [...report.changedDirectories] })
  }
  items.commit()
  for (const wanted of report.wanted) downloads.offer(wanted)
  looks.planned(report, clock.monotonic())
  problems.replace('plan', report.problems, plannedPaths(replica, what))
  if (report.appeared.length > 0) watcher.sync(report.appeared)
}
