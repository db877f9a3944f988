import { limits } from '../format/limits.ts'
import type { FileContent, Operation, Timestamp } from '../format/operation.ts'
import type { RandomBytes } from '../crypto/suite.ts'
import { compareIds, type EntryHash, type NodeId } from '../ids.ts'
import type { ShownFile } from './shown.ts'
import { nodeFor, place, spotAt, type IntentRefusal, type NewVersion, type Path } from './spots.ts'
import type { TreeView } from './tree-view.ts'

/** From what a user did, given what the user saw, to the operations that say it. Nothing is changed here. */

/** A refusal is a text, so `typeof planned === 'string'` tells them apart. */
export type Planned = Operation[] | IntentRefusal

/** A new file, or a new version of what is shown there. */
export function putFile<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  path: Path,
  content: FileContent,
  random: RandomBytes,
): Planned {
  return putVersion(view, path, { type: 'put', content }, random)
}

export function putSymlink<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  path: Path,
  target: string,
  random: RandomBytes,
): Planned {
  return putVersion(view, path, { type: 'symlink', target }, random)
}

/** An old version once more, as the newest one: history only grows. */
export function restoreVersion<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  path: Path,
  version: EntryHash,
): Planned {
  const shown = view.at(path)
  if (shown === undefined) return 'not-found'
  if (shown.kind === 'directory') return 'is-directory'
  const old = shown.versions.find(({ entry }) => entry.hash === version)?.operation
  if (old === undefined) return 'no-such-version'
  return replace(view, shown, old)
}

export function makeDirectory<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  path: Path,
  random: RandomBytes,
): Planned {
  const shown = view.at(path)
  if (shown !== undefined) return shown.kind === 'directory' ? 'exists' : 'name-taken'
  const spot = spotAt(view, path)
  if (typeof spot === 'string') return spot
  const { node } = nodeFor(view, path, 'directory', random)
  return [{ type: 'mkdir', node: node.id, parent: node.parent ?? spot.parent, name: spot.name }]
}

/** Another parent, another name, or both. A union moves as a whole. */
export function move<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  from: Path,
  to: Path,
): Planned {
  if (from.length === 0 || to.length === 0) return 'is-root'
  const shown = view.at(from)
  if (shown === undefined) return 'not-found'
  if (startsWith(to, from)) return to.length === from.length ? [] : 'into-itself'
  const spot = spotAt(view, to)
  if (typeof spot === 'string') return spot
  if (view.at(to) !== undefined) return 'name-taken'
  return shown.nodes.map((node) => ({ type: 'move', node, ...spot }))
}

/** Hides it, with all below that is shown now. */
export function trash<E extends { readonly hash: EntryHash }>(view: TreeView<E>, path: Path): Planned {
  if (path.length === 0) return 'is-root'
  return view.at(path)?.nodes.map((node) => ({ type: 'trash', node })) ?? 'not-found'
}

/**
 * Takes a hidden node out of the trash, with all below that was trashed with it. The directories above it are shown again
 * as far as they lead to it.
 */
export function restore<E extends { readonly hash: EntryHash }>(view: TreeView<E>, id: NodeId): Planned {
  const { tree } = view
  const node = tree.node(id)
  if (node === undefined) return 'not-found'
  if (node.parent === undefined) return 'is-root'
  if (!tree.visibility.hidden(tree.visibility.reach(node.parent), node)) return 'not-hidden'
  const trashes = tree.visibility.covering(node).map((position) => tree.rows.entry(position).hash)
  trashes.sort(compareIds)
  const operations: Operation[] = []
  for (let from = 0; from < trashes.length; from += limits.trashes) {
    operations.push({ type: 'restore', node: id, trashes: trashes.slice(from, from + limits.trashes) })
  }
  return operations
}

export interface Attributes {
  readonly mtime?: Timestamp
  readonly exec?: boolean
}

export function setAttributes<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  path: Path,
  attributes: Attributes,
): Planned {
  if (path.length === 0) return 'is-root'
  return view.at(path)?.nodes.map((node) => ({ type: 'attr', node, ...attributes })) ?? 'not-found'
}

function putVersion<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  path: Path,
  version: NewVersion,
  random: RandomBytes,
): Planned {
  const shown = view.at(path)
  if (shown?.kind === 'directory') return path.length === 0 ? 'is-root' : 'is-directory'
  if (shown !== undefined) return replace(view, shown, version)
  const spot = spotAt(view, path)
  if (typeof spot === 'string') return spot
  const { node, bases } = nodeFor(view, path, 'content', random)
  return [place(version, { node: node.id, parent: node.parent ?? spot.parent, name: spot.name, bases })]
}

/** The node of the current version takes the new one, for all nodes of the shown file. */
function replace<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  shown: ShownFile<E>,
  version: NewVersion,
): Planned {
  const { current, concurrent } = shown
  const node = view.tree.node(current.node)
  if (node?.parent === undefined) return 'not-found'
  // What does not fit stays concurrent, and the next save takes it.
  const heads = [...concurrent, current].slice(-limits.bases).map(({ entry }) => entry.hash)
  return [
    place(version, { node: node.id, parent: node.parent.id, name: node.name, bases: heads.sort(compareIds) }),
  ]
}

function startsWith(path: Path, start: Path): boolean {
  return path.length >= start.length && start.every((name, index) => path[index] === name)
}
