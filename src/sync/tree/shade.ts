import type { TreeNode } from './node.ts'

/** Whether something below a directory is visible, as far as it was computed. */
export const below = { unknown: 0, nothing: 1, something: 2 } as const
export type Below = (typeof below)[keyof typeof below]

/**
 * What was computed of a directory's visibility. Each answer has the stamp of when it was computed and holds as long as
 * no directory from here to the root was reset later; so a change of a whole subtree costs one number.
 */
export class Shade {
  /** When the trashes that reach this subtree last changed. */
  reset = 0
  /** Positions of the trashes that cover this directory, latest first. */
  cover: readonly number[] | undefined = undefined
  coverStamp = 0
  below: Below = below.unknown
  belowStamp = 0
  /** The child to look at first. */
  hint: TreeNode | undefined = undefined
}
