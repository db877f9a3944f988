import { compareIds } from '../ids.ts'
import { TreeNode } from './node.ts'

/** What a shown directory holds under each name, before files give way to directories. */
export type NameTable = ReadonlyMap<string, TreeNode | readonly TreeNode[]>

/** Nodes of one name, sorted by id. */
export interface Namesakes {
  readonly directories: readonly TreeNode[]
  readonly contents: readonly TreeNode[]
}

export function splitKinds(slot: TreeNode | readonly TreeNode[]): Namesakes {
  if (slot instanceof TreeNode) {
    return slot.kind === 'directory'
      ? { directories: [slot], contents: [] }
      : { directories: [], contents: [slot] }
  }
  const sorted = slot.toSorted((left, right) => compareIds(left.id, right.id))
  return {
    directories: sorted.filter((node) => node.kind === 'directory'),
    contents: sorted.filter((node) => node.kind === 'content'),
  }
}

/**
 * The name of a file beside a directory of its name: with the smallest number from 2 that no shown node has as its own.
 * Two files never meet here: from different names come different ones.
 */
export function numberedName(name: string, taken: (name: string) => boolean): string {
  for (let number = 2; ; number++) {
    const numbered = `${name}~${number}`
    if (!taken(numbered)) return numbered
  }
}

/** The name that `numberedName` would have made this from, if it could have. */
export function unnumberedName(name: string): string | undefined {
  const match = /^(.+)~([1-9]\d*)$/su.exec(name)
  return match === null || match[2] === '1' ? undefined : match[1]
}
