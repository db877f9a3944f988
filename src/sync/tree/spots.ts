import { limits } from '../format/limits.ts'
import type { FileContent, Operation } from '../format/operation.ts'
import { isNormalised, requireName } from '../format/rules.ts'
import type { RandomBytes } from '../crypto/suite.ts'
import { compareIds, rootNode, shortIdLength, toHex, type EntryHash, type NodeId } from '../ids.ts'
import type { TreeNode } from './node.ts'
import type { Shown } from './shown.ts'
import type { TreeView } from './tree-view.ts'
import { headsOf, lastVersion } from './versions.ts'

export const intentRefusals = [
  /** Nothing is shown there. */
  'not-found',
  /** The directory it would be in is not shown. */
  'parent-missing',
  /** What it would be in is a file or symlink. */
  'parent-not-directory',
  /** Something else is shown under that name. */
  'name-taken',
  /** Such a directory is there already. */
  'exists',
  /** Not a name: empty, `.`, `..`, with `/` or NUL, not NFC, or too long. */
  'bad-name',
  /** A directory, where a file or symlink is meant. */
  'is-directory',
  /** A directory cannot go into itself. */
  'into-itself',
  /** The folder itself cannot be moved, trashed or replaced. */
  'is-root',
  /** The node is not hidden. */
  'not-hidden',
  /** The file has no such version. */
  'no-such-version',
] as const
export type IntentRefusal = (typeof intentRefusals)[number]
export type Path = readonly string[]

export interface Spot {
  readonly parent: NodeId
  readonly name: string
}

/** What a new version is: without the place, which follows from the path. */
export type NewVersion =
  | { readonly type: 'put'; content: FileContent }
  | { readonly type: 'symlink'; target: string }

export interface NewPlace extends Spot {
  readonly node: NodeId
  readonly bases: readonly EntryHash[]
}

export function place(version: NewVersion, { node, parent, name, bases }: NewPlace): Operation {
  if (version.type === 'put') return { type: 'put', node, parent, name, content: version.content, bases }
  return { type: 'symlink', node, parent, name, target: version.target, bases }
}

/** Where something new of that path goes. */
export function spotAt<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  path: Path,
): Spot | IntentRefusal {
  const name = path.at(-1)
  if (name === undefined) return 'is-root'
  if (!isName(name)) return 'bad-name'
  const directory = view.at(path.slice(0, -1))
  if (directory === undefined) return 'parent-missing'
  if (directory.kind !== 'directory') return 'parent-not-directory'
  return { parent: parentIn(view, directory.nodes), name }
}

/** Of a union the first node that is no bare path, which a rename or trash by others would leave behind. */
export function parentIn<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  directory: readonly NodeId[],
): NodeId {
  const { visibility } = view.tree
  for (const id of directory) {
    const parent = view.tree.node(id)?.parent
    const node = view.tree.node(id)
    const bare =
      parent !== undefined && node !== undefined && visibility.hidden(visibility.reach(parent), node)
    if (!bare) return id
  }
  return directory[0] ?? rootNode
}

export interface Chosen {
  /** `parent` is given for a node that exists. */
  readonly node: { readonly id: NodeId; readonly parent: NodeId | undefined }
  readonly bases: readonly EntryHash[]
}

/** The hidden node of that name and kind, so that its history continues; of several the last touched. Else a new one. */
export function nodeFor<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  path: Path,
  kind: TreeNode['kind'],
  random: RandomBytes,
): Chosen {
  const directory: Shown<E> | undefined = view.at(path.slice(0, -1))
  const hidden = view.hiddenAt(directory?.nodes ?? [], path.at(-1) ?? '')
  return chooseNode(view, hidden, kind, random)
}

/** The same, of nodes that are hidden there. */
export function chooseNode<E extends { readonly hash: EntryHash }>(
  view: TreeView<E>,
  hidden: readonly TreeNode[],
  kind: TreeNode['kind'],
  random: RandomBytes,
): Chosen {
  let last: TreeNode | undefined
  for (const node of hidden) {
    if (node.kind === kind && (last === undefined || node.lastTouch > last.lastTouch)) last = node
  }
  if (last === undefined) return { node: { id: toHex(random(shortIdLength)), parent: undefined }, bases: [] }
  const { rows } = view.tree
  const heads = kind === 'content' ? headsOf(rows, [last]) : []
  const final = kind === 'content' && heads.length === 0 ? lastVersion(rows, [last]) : undefined
  if (final !== undefined) heads.push(final)
  const bases = heads.slice(-limits.bases).map(({ entry }) => entry.hash)
  return { node: { id: last.id, parent: last.parent?.id }, bases: bases.sort(compareIds) }
}

/** Whether the log may hold it: not empty, `.` or `..`, no `/` or NUL, NFC, not too long. */
export function isName(name: string): boolean {
  try {
    return isNormalised(requireName(name, limits.nameBytes))
  } catch {
    return false
  }
}
