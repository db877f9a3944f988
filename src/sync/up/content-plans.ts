import type { RandomBytes } from '../crypto/suite.ts'
import { limits } from '../format/limits.ts'
import type { Operation, PutFile, PutSymlink } from '../format/operation.ts'
import { compareIds, type EntryHash, type NodeId } from '../ids.ts'
import type { Item, ItemStore } from '../items/item.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Replica } from '../replica/replica.ts'
import type { TreeNode } from '../tree/node.ts'
import type { ShownFile } from '../tree/shown.ts'
import { chooseNode, parentIn, type NewPlace } from '../tree/spots.ts'
import type { TreeView } from '../tree/tree-view.ts'
import { versionsOf, type Version } from '../tree/versions.ts'

/** What the disk has at a place, as far as it tells contents apart. */
export type FoundContent =
  | { readonly type: 'put'; readonly hash: string }
  | { readonly type: 'symlink'; readonly target: string }

/** Either the log has it already, or where the new version goes. */
export type ContentPlan =
  | { readonly type: 'adopt'; readonly nodes: readonly NodeId[]; readonly version: EntryHash }
  | { readonly type: 'write'; readonly place: NewPlace }

export function isContent(operation: Operation | undefined, found: FoundContent): boolean {
  if (operation?.type === 'put') return found.type === 'put' && operation.content.hash === found.hash
  return operation?.type === 'symlink' && found.type === 'symlink' && operation.target === found.target
}

/**
 * Something that no item stands for. If others made a file of that name which has not come to this disk yet, theirs and
 * this one were made by people who did not know of each other: a node of its own, which the view shows as one file with
 * concurrent versions. What they have in any version is taken for theirs: so a folder joined with files in it, and what
 * a crash left in place without its item.
 */
export function planNew(
  replica: Replica,
  items: ItemStore,
  /** `directory`: the nodes of the one it is in. */
  at: { readonly directory: readonly NodeId[]; readonly logName: string; readonly found: FoundContent },
  random: RandomBytes,
): ContentPlan {
  const { view } = replica
  const { directory, logName, found } = at
  const shown = view.find(directory, logName)
  if (shown !== undefined && shown.kind !== 'directory') {
    const known = knownVersion(shown, found)
    if (known !== undefined) return { type: 'adopt', nodes: shown.nodes, version: known }
  }
  const spot = { parent: parentIn(view, directory), name: logName }
  const hidden = shown === undefined ? freeHidden(view, items, directory, logName) : []
  const { node, bases } = chooseNode(view, hidden, 'content', random)
  return { type: 'write', place: { ...spot, node: node.id, parent: node.parent ?? spot.parent, bases } }
}

/**
 * What stands where an item was synced. If the user saw what the log shows, the new version replaces all heads; else
 * only what was seen, and is concurrent with the rest. Undefined if the log does not know the item's nodes.
 */
export function planEdit(replica: Replica, item: Item, found: FoundContent): ContentPlan | undefined {
  const { view } = replica
  const shown = shownFile(view, item)
  if (shown !== undefined && isContent(shown.current.operation, found)) {
    return { type: 'adopt', nodes: item.nodes, version: shown.current.entry.hash }
  }
  if (shown !== undefined && shown.current.entry.hash === item.version) {
    const { current, concurrent } = shown
    const heads = [...concurrent, current].slice(-limits.bases).map(({ entry }) => entry.hash)
    return planAt(view.tree.node(current.node), heads.sort(compareIds))
  }
  const nodes = knownNodes(view, item)
  const versions = versionsOf(view.tree.rows, nodes)
  const seen = versions.find(({ entry }) => entry.hash === item.version)
  // The log knows it, and the item lags behind after a crash: written once more it would win over what came after it.
  const later =
    seen && versions.findLast((one) => one.position > seen.position && isContent(one.operation, found))
  if (later !== undefined) return { type: 'adopt', nodes: item.nodes, version: later.entry.hash }
  const node = seen === undefined ? nodes[0] : view.tree.node(seen.node)
  return planAt(node, seen === undefined ? [] : [seen.entry.hash])
}

function planAt(node: TreeNode | undefined, bases: readonly EntryHash[]): ContentPlan | undefined {
  if (node?.parent === undefined) return undefined
  return { type: 'write', place: { node: node.id, parent: node.parent.id, name: node.name, bases } }
}

/** As what the view shows a file's item; undefined if it does not. */
export function shownFile(
  view: TreeView<LogEntry>,
  item: Pick<Item, 'nodes'>,
): ShownFile<LogEntry> | undefined {
  for (const node of item.nodes) {
    const shown = view.of(node)
    if (shown !== undefined && shown.kind !== 'directory') return shown
  }
  return undefined
}

/** The content of the version that an item was synced with. */
export function versionOf(
  replica: Replica,
  version: EntryHash | undefined,
): PutFile | PutSymlink | undefined {
  const operation = version === undefined ? undefined : replica.log.entry(version)?.operation
  return operation?.type === 'put' || operation?.type === 'symlink' ? operation : undefined
}

/** Which of an item's versions it is, if it is one of them. */
export function versionWith(replica: Replica, item: Item, found: FoundContent): EntryHash | undefined {
  const { view } = replica
  const versions = versionsOf(view.tree.rows, knownNodes(view, item))
  return versions.findLast(({ operation }) => isContent(operation, found))?.entry.hash
}

/** Nodes of a directory's name that the view hides and no item stands for. */
export function freeHidden(
  view: TreeView<LogEntry>,
  items: ItemStore,
  directory: readonly NodeId[],
  name: string,
): TreeNode[] {
  return view.hiddenAt(directory, name).filter(({ id }) => isFree(items, id))
}

export function isFree(items: ItemStore, node: NodeId): boolean {
  return items.ofNode(node).length === 0
}

/** Of what an item stands for, those that are later in order than one of them. */
export function versionsAfter(
  { view }: Replica,
  item: Pick<Item, 'nodes'>,
  version: EntryHash | undefined,
): Version<LogEntry>[] {
  const versions = versionsOf(view.tree.rows, knownNodes(view, item))
  return versions.slice(versions.findIndex(({ entry }) => entry.hash === version) + 1)
}

function knownVersion(shown: ShownFile<LogEntry>, found: FoundContent): EntryHash | undefined {
  if (isContent(shown.current.operation, found)) return shown.current.entry.hash
  return shown.versions.findLast(({ operation }) => isContent(operation, found))?.entry.hash
}

function knownNodes(view: TreeView<LogEntry>, item: Pick<Item, 'nodes'>): TreeNode[] {
  return item.nodes.flatMap((id) => {
    const node = view.tree.node(id)
    return node?.kind === 'content' ? [node] : []
  })
}
