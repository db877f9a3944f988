import { rootNode, type EntryHash, type NodeId } from '../../src/sync/ids.ts'
import type { LogEntry } from '../../src/sync/log/log-entry.ts'
import type { Replica } from '../../src/sync/replica/replica.ts'
import type { Cluster } from './cluster.ts'
import type { FencedOrder } from './naive-order.ts'
import { demand } from './violation.ts'

/** I2, I4 and I4b: what the view shows, against what users did. */
export function checkView(cluster: Cluster, replica: Replica, { order, fenced }: FencedOrder): void {
  checkParents(replica)
  const shownNodes = checkListing(cluster, replica)
  const trashes = order.placed.filter(({ entry }) => {
    return entry.operation?.type === 'trash' && !fenced.has(entry.hash)
  })
  for (const { id, kind } of replica.tree.nodes()) {
    if (kind !== 'content' || shownNodes.has(id)) continue
    for (const { entry } of replica.tree.contentState(id)?.versions ?? []) {
      const isSeen = trashes.some((trash) => order.observes(trash.entry, entry))
      demand(isSeen, 'I4b', () => `version ${entry.hash.slice(0, 8)} is hidden, and no trash had seen it`)
    }
  }
}

/** I2: each node hangs below the root, and not below itself. */
function checkParents(replica: Replica): void {
  const depthBound = replica.tree.length + 1
  for (const node of replica.tree.nodes()) {
    let depth = 0
    let at: typeof node | undefined = node
    while (at !== undefined && at.id !== rootNode && depth <= depthBound) {
      at = at.parent
      depth++
    }
    demand(at?.id === rootNode, 'I2', () => `node ${node.id.slice(0, 8)} does not hang below the root`)
  }
}

function checkListing(cluster: Cluster, replica: Replica): Set<NodeId> {
  const nodes = new Set<NodeId>()
  const seen = new Set<EntryHash>()
  const names = new Set<string>()
  const { view } = replica
  for (const { path, shown } of view.walk()) {
    const text = path.join('/')
    demand(!names.has(text), 'I2', () => `two things are shown at ${text}`)
    names.add(text)
    for (const node of shown.nodes) {
      demand(!nodes.has(node), 'I2', () => `node ${node.slice(0, 8)} is shown twice, once at ${text}`)
      nodes.add(node)
    }
    const found = view.at(path)
    demand(found?.nodes.join() === shown.nodes.join(), 'I2', () => `${text} is listed and not found`)
    if (!cluster.givenNames.has(shown.name)) {
      const own = /^(.+)~\d+$/u.exec(shown.name)?.[1]
      const sibling = own === undefined ? undefined : view.at([...path.slice(0, -1), own])
      const isNumbered = shown.kind !== 'directory' && sibling?.kind === 'directory'
      demand(isNumbered, 'I4', () => `nobody gave the name ${text}`)
    }
    if (shown.kind === 'directory') continue
    const heads: readonly { readonly entry: LogEntry }[] = [shown.current, ...shown.concurrent]
    for (const { entry } of heads) {
      demand(!seen.has(entry.hash), 'I3', () => `version ${entry.hash.slice(0, 8)} is shown twice`)
      seen.add(entry.hash)
    }
    demand(
      heads.every(({ entry }) => shown.versions.some((version) => version.entry === entry)),
      'I3',
      () => `${text} shows a version that is not in its list`,
    )
  }
  return nodes
}
