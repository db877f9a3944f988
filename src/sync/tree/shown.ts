import type { Timestamp } from '../format/operation.ts'
import type { NodeId } from '../ids.ts'
import { none, type TreeNode } from './node.ts'
import type { Rows } from './rows.ts'
import { headsOf, lastVersion, versionsOf, type Version } from './versions.ts'

/** One thing in a listing. Good until the tree changes. */
export type Shown<E> = ShownDirectory | ShownFile<E>

/** Directories of one name in one place, as their union. */
export interface ShownDirectory {
  readonly kind: 'directory'
  readonly name: string
  /** Sorted. */
  readonly nodes: readonly NodeId[]
  /** If an attribute says so. */
  readonly mtime: Timestamp | undefined
}

/** Files and symlinks of one name in one place, as one file with all their versions. */
export interface ShownFile<E> {
  /** By the current version. */
  readonly kind: 'file' | 'symlink'
  /** As shown: beside a directory of that name it has a number. */
  readonly name: string
  /** Sorted. */
  readonly nodes: readonly NodeId[]
  readonly current: Version<E>
  /** The other heads, in order. */
  readonly concurrent: readonly Version<E>[]
  /** All, in order. */
  readonly versions: readonly Version<E>[]
  readonly mtime: Timestamp | undefined
  readonly exec: boolean
}

export function showDirectory<E>(rows: Rows<E>, name: string, nodes: readonly TreeNode[]): ShownDirectory {
  return {
    kind: 'directory',
    name,
    nodes: nodes.map((node) => node.id),
    mtime: mtimeAfter(rows, nodes, none),
  }
}

export function showFile<E>(rows: Rows<E>, name: string, nodes: readonly TreeNode[]): ShownFile<E> {
  const heads = headsOf(rows, nodes)
  // Versions of nodes shown elsewhere may replace all of these; then the last one stands.
  const current = heads.pop() ?? lastVersion(rows, nodes)
  if (current === undefined) throw new RangeError('content without a version')
  return new FileOfNodes(rows, name, nodes, { current, concurrent: heads })
}

interface Heads<E> {
  readonly current: Version<E>
  readonly concurrent: readonly Version<E>[]
}

/** A listing asks for few of the properties, and a long history is walked only for who wants it. */
class FileOfNodes<E> implements ShownFile<E> {
  readonly name: string
  readonly current: Version<E>
  readonly concurrent: readonly Version<E>[]
  readonly #rows: Rows<E>
  readonly #nodes: readonly TreeNode[]

  constructor(rows: Rows<E>, name: string, nodes: readonly TreeNode[], heads: Heads<E>) {
    this.name = name
    this.current = heads.current
    this.concurrent = heads.concurrent
    this.#rows = rows
    this.#nodes = nodes
  }

  get kind(): 'file' | 'symlink' {
    return this.current.operation.type === 'put' ? 'file' : 'symlink'
  }

  get nodes(): readonly NodeId[] {
    return this.#nodes.map((node) => node.id)
  }

  get versions(): readonly Version<E>[] {
    return versionsOf(this.#rows, this.#nodes)
  }

  get mtime(): Timestamp | undefined {
    const { operation, position } = this.current
    const own = operation.type === 'put' ? operation.content.mtime : undefined
    return mtimeAfter(this.#rows, this.#nodes, position) ?? own
  }

  get exec(): boolean {
    const { operation, position } = this.current
    const setting = this.#rows.operations[latest(this.#nodes, 'lastExec', position)]
    if (setting?.type === 'attr' && setting.exec !== undefined) return setting.exec
    return operation.type === 'put' && operation.content.exec
  }
}

/** What an attribute says that is later in order than `after`. */
function mtimeAfter<E>(rows: Rows<E>, nodes: readonly TreeNode[], after: number): Timestamp | undefined {
  const setting = rows.operations[latest(nodes, 'lastMtime', after)]
  return setting?.type === 'attr' ? setting.mtime : undefined
}

function latest(nodes: readonly TreeNode[], field: 'lastMtime' | 'lastExec', after: number): number {
  let last = none
  for (const node of nodes) if (node[field] > after && node[field] > last) last = node[field]
  return last
}
