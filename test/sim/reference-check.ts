import type { LogEntry } from '../../src/sync/log/log-entry.ts'
import type { Replica } from '../../src/sync/replica/replica.ts'
import type { Shown } from '../../src/sync/tree/shown.ts'
import { ReferenceTree, type ViewItem } from '../sync/reference-tree.ts'
import type { FencedOrder } from './naive-order.ts'
import { demand } from './violation.ts'

/** I1, I16: tree and view are those that the naive fold of the naive order gives, with what the fence leaves out. */
export function checkReference(replica: Replica, tree: string, { order, fenced }: FencedOrder): void {
  const positions = new Map(order.placed.map(({ entry }, position) => [entry, position]))
  const reference = new ReferenceTree(
    order.placed.map(({ entry }) => ({
      entry,
      operation: entry.operation,
      isFenced: fenced.has(entry.hash),
    })),
    (left, right) => (positions.get(left) ?? 0) - (positions.get(right) ?? 0),
    (later, earlier) => order.observes(later, earlier),
  )
  const defined = reference.digest()
  demand(defined === tree, 'I1', () => {
    return `not the tree of the definition: ${difference(defined, tree)}`
  })
  const items = reference.view().sort(byPath).map(text)
  const shown = [...replica.view.walk()]
    .map(({ path, shown }) => viewItem(path.join('/'), shown))
    .sort(byPath)
    .map(text)
  demand(items.join('\n') === shown.join('\n'), 'I1', () => {
    return `not the view of the definition: ${difference(items.join('\n'), shown.join('\n'))}`
  })
}

function viewItem(path: string, shown: Shown<LogEntry>): ViewItem {
  const { kind, nodes, mtime = null } = shown
  if (kind === 'directory') return { path, kind, nodes, mtime }
  return {
    path,
    kind,
    nodes,
    current: shown.current.entry.hash,
    concurrent: shown.concurrent.map(({ entry }) => entry.hash),
    versions: shown.versions.map(({ entry }) => entry.hash),
    mtime,
    exec: shown.exec,
  }
}

function byPath(left: ViewItem, right: ViewItem): number {
  return left.path < right.path ? -1 : 1
}

function text(item: ViewItem): string {
  return JSON.stringify(item)
}

/** The first line that differs. */
function difference(defined: string, found: string): string {
  const [left, right] = [defined.split('\n'), found.split('\n')]
  const at = left.findIndex((line, index) => line !== right[index])
  return `${left[at] ?? '(nothing)'} became ${right[at] ?? '(nothing)'}`
}
