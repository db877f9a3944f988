import { describe, expect, it } from 'vitest'
import type { Operation } from '../format/operation.ts'
import { rootNode } from '../ids.ts'
import { Tree } from './tree.ts'

interface Entry {
  readonly hash: string
  readonly number: number
}

const id = (mark: string): string => mark.repeat(32)
const [d, f, g] = [id('d'), id('f'), id('a')]
const content = {
  manifest: new Uint8Array(),
  size: 0,
  mtime: { seconds: 0, nanos: 0 },
  exec: false,
  hash: '',
}
const mkdir = (node: string, name: string, parent = rootNode): Operation => ({
  type: 'mkdir',
  node,
  parent,
  name,
})
const put = (node: string, name: string, bases: string[] = [], parent = rootNode): Operation => ({
  type: 'put',
  node,
  parent,
  name,
  content,
  bases,
})

/** One author, who sees everything. */
function treeOf(...operations: (Operation | undefined)[]): {
  tree: Tree<Entry>
  apply: (...more: Operation[]) => void
} {
  const tree = new Tree<Entry>((later, earlier) => later.number >= earlier.number)
  const apply = (...more: (Operation | undefined)[]) => {
    for (const operation of more) tree.apply({ hash: `h${tree.length}`, number: tree.length }, operation)
  }
  apply(...operations)
  return { tree, apply }
}

describe('applying', () => {
  it('what cannot be applied keeps its place and changes nothing', () => {
    const { tree } = treeOf(undefined, { type: 'merge' }, put(f, 'f', [], d), { type: 'trash', node: d })
    expect(tree.length).toBe(4)
    expect(tree.digest()).toBe('')
  })

  it('the root cannot be named as a node', () => {
    const move: Operation = { type: 'move', node: rootNode, parent: d, name: 'r' }
    const { tree } = treeOf(mkdir(d, 'd'), move, put(rootNode, 'r'), { type: 'trash', node: rootNode })
    expect([...tree.nodes()].map((node) => node.id)).toEqual([d])
    expect(tree.node(rootNode)).toMatchObject({ parent: undefined, lastTouch: -1, lastTrash: -1 })
  })

  it('the first to make a node says of what kind it is; the other kind adds no version', () => {
    const { tree } = treeOf(mkdir(d, 'd'), put(d, 'x'), put(f, 'f'), mkdir(f, 'y'))
    expect(tree.node(d)).toMatchObject({ kind: 'directory', name: 'd', versionCount: 0, lastTouch: 1 })
    expect(tree.node(f)).toMatchObject({ kind: 'content', name: 'f', versionCount: 1, lastTouch: 3 })
    expect(tree.contentState(d)).toBeUndefined()
  })

  it('content is no place to put things in', () => {
    const { tree } = treeOf(put(f, 'f'), put(g, 'g', [], f), mkdir(d, 'd'), {
      type: 'move',
      node: d,
      parent: f,
      name: 'd',
    })
    expect(tree.node(g)).toBeUndefined()
    expect(tree.node(d)?.parent?.id).toBe(rootNode)
  })

  it('an edit does not undo a move', () => {
    const { tree } = treeOf(
      mkdir(d, 'd'),
      put(f, 'f'),
      { type: 'move', node: f, parent: d, name: 'g' },
      put(f, 'f', ['h1']),
    )
    expect(tree.node(f)).toMatchObject({ name: 'g', parent: { id: d }, versionCount: 2, headCount: 1 })
  })
})

describe('versions', () => {
  it('a version is a head until one that had seen it lists it as base, also of another node', () => {
    const { tree, apply } = treeOf(put(f, 'f'), put(g, 'f'))
    apply(put(f, 'f', ['h0', 'h1', 'h9']))
    expect(tree.contentState(f)?.heads).toEqual(['h2'])
    expect(tree.contentState(g)).toMatchObject({ heads: [], versions: [{ position: 1 }] })
  })

  it('a base that was not seen, and a base that is itself, replace nothing', () => {
    const tree = new Tree<Entry>((later, earlier) => later === earlier)
    tree.apply({ hash: 'x', number: 0 }, put(f, 'f'))
    tree.apply({ hash: 'y', number: 1 }, put(f, 'f', ['x', 'y']))
    expect(tree.contentState(f)?.heads).toEqual(['x', 'y'])
  })

  it('content whose versions or heads changed is told once, also when it changed by a rewind', () => {
    const { tree, apply } = treeOf(put(f, 'f'), put(g, 'f'), mkdir(d, 'd'))
    expect(tree.takeChangedContent().sort()).toEqual([g, f].sort())
    expect(tree.takeChangedContent()).toEqual([])
    apply({ type: 'move', node: f, parent: d, name: 'f' }, { type: 'trash', node: g })
    expect(tree.takeChangedContent()).toEqual([])
    apply(put(f, 'f', ['h0', 'h1']), put(f, 'f', ['h0']))
    expect(tree.takeChangedContent().sort()).toEqual([g, f].sort())
    tree.rewind(6)
    expect(tree.takeChangedContent()).toEqual([f])
    tree.rewind(1)
    apply(put(f, 'f'))
    expect(tree.takeChangedContent().sort()).toEqual([g, f].sort())
    expect(tree.contentState(g)).toBeUndefined()
    expect(tree.contentState(f)?.heads).toEqual(['h0', 'h1'])
  })

  it('a version that a rewind made something else is a base no more', () => {
    const { tree, apply } = treeOf(mkdir(d, 'd'), put(f, 'f', [], d))
    tree.rewind(0)
    apply(mkdir(f, 'f'), put(f, 'f'), put(g, 'g', ['h1']))
    expect(tree.contentState(g)?.heads).toEqual(['h2'])
    expect(tree.takeChangedContent().sort()).toEqual([g, f].sort())
    tree.rewind(0)
    for (const [number, hash] of ['a', 'b', 'c'].entries()) tree.apply({ hash, number }, put(f, 'f'))
    apply(put(f, 'f', ['h2', 'h3']))
    expect(tree.contentState(f)?.heads).toEqual(['a', 'b', 'c', 'h3'])
    tree.rewind(3)
    apply(put(f, 'f', ['h2', 'h3']))
    expect(tree.contentState(f)?.heads).toEqual(['a', 'b', 'c', 'h3'])
  })
})

describe('a version that does nothing after a rewind', () => {
  it('and stands at its old place is a base no more', () => {
    const rest = [mkdir(d, 'd'), put(f, 'f', [], d), put(f, 'f'), put(f, 'f', ['h2'])]
    const { tree, apply } = treeOf(undefined, ...rest)
    expect(tree.contentState(f)?.heads).toEqual(['h3', 'h4'])
    tree.rewind(0)
    apply(put(d, 'd'), ...rest)
    expect(tree.contentState(f)?.heads).toEqual(['h3', 'h4'])
    expect(tree.digest()).toBe(treeOf(put(d, 'd'), ...rest).tree.digest())
    tree.rewind(0)
    apply(mkdir(d, 'd'), ...rest)
    expect(tree.contentState(f)?.heads).toEqual(['h3', 'h4'])
  })
})

describe('rewind', () => {
  it('goes back to what was, place by place', () => {
    const operations = [
      mkdir(d, 'd'),
      put(f, 'f'),
      put(g, 'f'),
      { type: 'move', node: f, parent: d, name: 'x' },
      { type: 'attr', node: f, exec: true },
      { type: 'attr', node: f, mtime: { seconds: 1, nanos: 0 } },
      { type: 'trash', node: d },
      { type: 'restore', node: f, trashes: ['h6'] },
      { type: 'move', node: d, parent: d, name: 'no' },
      put(f, 'f', ['h1', 'h2']),
    ] as const satisfies Operation[]
    const digests = operations.map((_, length) => treeOf(...operations.slice(0, length)).tree.digest())
    const { tree } = treeOf(...operations)
    for (let length = operations.length - 1; length >= 0; length--) {
      tree.rewind(length)
      expect(tree.digest()).toBe(digests[length])
    }
  })

  it('is refused where there is nothing', () => {
    const { tree } = treeOf(mkdir(d, 'd'), put(f, 'f'))
    expect(() => tree.rewind(-1)).toThrow(RangeError)
    expect(() => tree.rewind(3)).toThrow(RangeError)
    tree.rewind(1)
    expect(tree.length).toBe(1)
  })

  it('grows beyond its first columns and back', () => {
    const many = Array.from({ length: 3000 }, (_, index) => put(f, 'f', index === 0 ? [] : [`h${index - 1}`]))
    const { tree } = treeOf(...many)
    expect(tree.contentState(f)).toMatchObject({ heads: ['h2999'], versions: { length: 3000 } })
    tree.rewind(1025)
    expect(tree.contentState(f)).toMatchObject({ heads: ['h1024'], versions: { length: 1025 } })
  })
})
