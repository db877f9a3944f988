import type { FileStat } from '../disk/file-system.ts'
import type { SetAttributes } from '../format/operation.ts'
import type { Item } from '../items/item.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Change } from '../replica/author.ts'
import type { TreeView } from '../tree/tree-view.ts'
import { shownFile } from './content-plans.ts'
import { isSameTime, millisecondsOf, timestampOf } from './file-time.ts'

const nothing: readonly Change[] = []

/**
 * Of a file whose content is that of its version: what the user set besides since it was last seen, unless the log says
 * so already. A time belongs to a version, so it is not set where others have written a newer one.
 */
export function attributeChanges(view: TreeView<LogEntry>, item: Item, stat: FileStat): readonly Change[] {
  if (item.kind !== 'file') return nothing
  const isExecSet = stat.exec !== item.print.exec
  const isTimeSet = !isSameTime(stat.mtimeMs, item.print.mtimeMs)
  if (!isExecSet && !isTimeSet) return nothing
  const shown = shownFile(view, item)
  if (shown === undefined) return nothing
  const isSeen = shown.current.entry.hash === item.version
  const isOther = shown.mtime === undefined || !isSameTime(millisecondsOf(shown.mtime), stat.mtimeMs)
  const set: Pick<SetAttributes, 'exec' | 'mtime'> = {
    ...(isExecSet && shown.exec !== stat.exec && { exec: stat.exec }),
    ...(isTimeSet && isSeen && isOther && { mtime: timestampOf(stat.mtimeMs) }),
  }
  if (set.exec === undefined && set.mtime === undefined) return nothing
  return item.nodes.map((node) => ({ operation: { type: 'attr', node, ...set } }))
}
