import type { NodeId } from '../ids.ts'
import { none, type TreeNode } from '../tree/node.ts'
import type { Rows } from '../tree/rows.ts'

interface Place {
  /** Nodes of the directory. */
  readonly directory: readonly NodeId[]
  readonly name: string
}

/** Whether the log had a node at `to` after it was at `from`, and has moved it on since. */
export function wasMovedOn<E>(rows: Rows<E>, node: TreeNode, from: Place, to: Place): boolean {
  for (let at = node.placement; at !== none; at = rows.placed[at] ?? none) {
    const operation = rows.operations[at]
    if (operation === undefined || !('name' in operation)) continue
    const isAt = ({ directory, name }: Place): boolean =>
      operation.name === name && directory.includes(operation.parent)
    if (isAt(from)) return false
    if (isAt(to)) return true
  }
  return false
}
