import { rootItem, type ItemStore } from '../items/item.ts'
import type { NodeId } from '../ids.ts'
import type { Replica } from '../replica/replica.ts'

/** Which paths a look was about, so that what was told of them before is forgotten. */
export type LookedPaths = 'everything' | ((path: string) => boolean)

/** Of a scan: directories, by their items, and what is directly in them. */
export function scannedPaths(items: ItemStore, scanned: 'everything' | ReadonlySet<number>): LookedPaths {
  if (scanned === 'everything') return scanned
  const directories = new Set<string>()
  for (const id of scanned) {
    const path = id === rootItem ? [] : items.path(id)
    if (path !== undefined) directories.add(path.join('/'))
  }
  return (path) => directories.has(path) || directories.has(path.slice(0, Math.max(0, path.lastIndexOf('/'))))
}

/** Of a plan: what it was made for, and what is not shown any more. */
export function plannedPaths(replica: Replica, planned: 'everything' | ReadonlySet<NodeId>): LookedPaths {
  if (planned === 'everything') return planned
  return (path) => {
    const shown = replica.view.at(path.split('/'))
    return shown === undefined || shown.nodes.some((node) => planned.has(node))
  }
}
