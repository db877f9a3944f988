import { rootNode } from '../ids.ts'
import type { NodeId } from '../ids.ts'
import type { Snapshot, SnapshotRow } from './snapshot.ts'

/** The folder as a snapshot shows it: to look at and to fetch from, until the history is here. Listed as by `TreeView`. */
export class SnapshotView {
  readonly #children = new Map<number, SnapshotRow[]>()
  readonly #numbers = new Map<SnapshotRow, number>()
  /** Directories by their nodes. */
  readonly #directories = new Map<string, number>([[rootNode, 0]])

  constructor({ rows }: Pick<Snapshot, 'rows'>) {
    for (const [index, row] of rows.entries()) {
      this.#numbers.set(row, index + 1)
      if (row.kind === 'directory') this.#directories.set(row.nodes.join(), index + 1)
      const siblings = this.#children.get(row.parent)
      if (siblings === undefined) this.#children.set(row.parent, [row])
      else siblings.push(row)
    }
  }

  root(): NodeId[] {
    return [rootNode]
  }

  /** What a directory shows, sorted by name; it is named by all of its nodes. */
  list(directory: readonly NodeId[]): readonly SnapshotRow[] {
    const number = this.#directories.get(directory.join())
    return number === undefined ? [] : (this.#children.get(number) ?? [])
  }

  /** What stands at a path; undefined for the root, which is no row. */
  at(path: readonly string[]): SnapshotRow | undefined {
    let number = 0
    let found: SnapshotRow | undefined
    for (const name of path) {
      if (found !== undefined && found.kind !== 'directory') return undefined
      found = this.#children.get(number)?.find((row) => row.name === name)
      if (found === undefined) return undefined
      number = this.#numbers.get(found) ?? 0
    }
    return found
  }

  /** Everything below the root, parents first. */
  *walk(): IterableIterator<{ path: string[]; shown: SnapshotRow }> {
    const paths = new Map<number, string[]>([[0, []]])
    for (const [row, number] of this.#numbers) {
      const path = [...(paths.get(row.parent) ?? []), row.name]
      if (row.kind === 'directory') paths.set(number, path)
      yield { path, shown: row }
    }
  }
}
