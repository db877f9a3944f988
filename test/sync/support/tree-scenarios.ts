import type { Operation } from '../../../src/sync/format/operation.ts'
import { rootNode } from '../../../src/sync/ids.ts'
import type { TestEntry } from './ordered-tree.ts'
import { content } from './tree-devices.ts'

/** Small worlds, all of them: four nodes, and three operations by three devices. */

const id = (mark: string): string => mark.repeat(32)
const [d, s, f, e] = [id('d'), id('5'), id('f'), id('e')]
const hashOf = (mark: string): string => mark.repeat(64)

const put = (node: string, parent: string, name: string, bases: readonly string[] = []): Operation => ({
  type: 'put',
  node,
  parent,
  name,
  content: content(1),
  bases,
})

/** `d/`, `d/s/`, `d/f` and `e/`. */
const foundation: Operation[] = [
  { type: 'mkdir', node: d, parent: rootNode, name: 'd' },
  { type: 'mkdir', node: s, parent: d, name: 's' },
  put(f, d, 'f'),
  { type: 'mkdir', node: e, parent: rootNode, name: 'e' },
]

export const foundationEntries: TestEntry[] = []
for (const [index, operation] of foundation.entries()) {
  const past = new Set(foundationEntries.map(({ hash }) => hash))
  foundationEntries.push({ hash: hashOf(`${index}`), hlc: index, device: 0, past, operation })
}

/** What a device may do, given which of the three it is and the trashes it has seen. */
export type Choice = (index: number, trashes: readonly string[]) => Operation | undefined

export const choices: Record<string, Choice> = {
  'mkdir new in d': (index) => ({ type: 'mkdir', node: id(`${index + 1}`), parent: d, name: 'n' }),
  'mkdir d again': () => ({ type: 'mkdir', node: d, parent: rootNode, name: 'd' }),
  'put new in s': (index) => put(id(`${index + 1}`), s, 'n'),
  'edit f': () => put(f, d, 'f', [hashOf('2')]),
  'symlink e beside e': (index) => ({
    type: 'symlink',
    node: id(`${index + 1}`),
    parent: rootNode,
    name: 'e',
    target: 't',
    bases: [],
  }),
  'move d to e': () => ({ type: 'move', node: d, parent: e, name: 'd' }),
  'move e to s': () => ({ type: 'move', node: e, parent: s, name: 'e' }),
  'move s out, as e': () => ({ type: 'move', node: s, parent: rootNode, name: 'e' }),
  'move f to e': () => ({ type: 'move', node: f, parent: e, name: 'n' }),
  'attr f': (index) => ({ type: 'attr', node: f, exec: index !== 1, mtime: { seconds: index, nanos: 0 } }),
  'trash d': () => ({ type: 'trash', node: d }),
  'trash f': () => ({ type: 'trash', node: f }),
  'trash e': () => ({ type: 'trash', node: e }),
  'restore d': (_, trashes) => ({ type: 'restore', node: d, trashes }),
  'restore f': (_, trashes) => ({ type: 'restore', node: f, trashes }),
}

/** Who has seen whom, of three that are numbered in order: alone, chains, forks and joins. [0 by 1, 0 by 2, 1 by 2] */
export const causalities: readonly (readonly [boolean, boolean, boolean])[] = [
  [false, false, false],
  [true, false, false],
  [false, true, false],
  [false, false, true],
  [true, true, false],
  [false, true, true],
  [true, true, true],
]

/** Every way in which three may arrive: one by one, or some together. */
export const deliveries: readonly (readonly (readonly number[])[])[] = [
  [[0, 1, 2]],
  [[0], [1, 2]],
  [[1], [0, 2]],
  [[2], [0, 1]],
  [[0, 1], [2]],
  [[0, 2], [1]],
  [[1, 2], [0]],
  [[0], [1], [2]],
  [[0], [2], [1]],
  [[1], [0], [2]],
  [[1], [2], [0]],
  [[2], [0], [1]],
  [[2], [1], [0]],
]

export function scenario(
  three: readonly Choice[],
  [zeroOne, zeroTwo, oneTwo]: readonly boolean[],
): TestEntry[] {
  const sees = [[], zeroOne ? [0] : [], [...(zeroTwo ? [0] : []), ...(oneTwo ? [1] : [])]]
  const entries: TestEntry[] = []
  for (const [index, choice] of three.entries()) {
    const seen = [...foundationEntries, ...sees[index]!.map((earlier) => entries[earlier]!)]
    const trashes = seen.filter(({ operation }) => operation?.type === 'trash').map(({ hash }) => hash)
    const operation = choice(index, trashes.sort())
    const past = new Set(seen.map(({ hash }) => hash))
    // Hashes of concurrent entries say nothing of their order.
    entries.push({ hash: hashOf('b9a'[index]!), hlc: 10 + index, device: index, past, operation })
  }
  return entries
}
