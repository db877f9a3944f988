import { describe, expect, it } from 'vitest'
import type { Operation } from '../format/operation.ts'
import { rootNode } from '../ids.ts'
import { TreeView } from './tree-view.ts'
import { Tree } from './tree.ts'

interface Entry {
  readonly hash: string
  readonly number: number
  /** Has seen what was written before this number. */
  readonly saw: number
}

const content = {
  manifest: new Uint8Array(),
  size: 0,
  mtime: { seconds: 7, nanos: 0 },
  exec: false,
  hash: '',
}

/** Counts how often causality is asked for, as a measure of work that is the same on every machine. */
class World {
  asked = 0
  readonly tree = new Tree<Entry>((later, earlier) => {
    this.asked++
    return later === earlier || earlier.number < later.saw
  })
  readonly view = new TreeView(this.tree)
  #ids = 0

  write(operation: Operation, saw = this.tree.length): string {
    const number = this.tree.length
    this.tree.apply({ hash: `h${number}`, number, saw }, operation)
    return `h${number}`
  }

  mkdir(name: string, parent = rootNode): string {
    const node = `d${this.#ids++}`
    this.write({ type: 'mkdir', node, parent, name })
    return node
  }

  put(name: string, parent = rootNode, saw = this.tree.length): string {
    const node = `f${this.#ids++}`
    this.write({ type: 'put', node, parent, name, content, bases: [] }, saw)
    return node
  }

  work(look: () => void): number {
    this.asked = 0
    look()
    return this.asked
  }

  names(directory: readonly string[] = [rootNode]): string[] {
    return this.view.list(directory).map((shown) => shown.name)
  }
}

describe('a listing', () => {
  it('is sorted, and says what things are', () => {
    const world = new World()
    const d = world.mkdir('d')
    const f = world.put('a')
    world.write({ type: 'symlink', node: 'l', parent: rootNode, name: 'c', target: 'x', bases: [] })
    world.write({ type: 'attr', node: d, mtime: { seconds: 3, nanos: 0 } })
    expect(world.view.list(world.view.root())).toMatchObject([
      { kind: 'file', name: 'a', nodes: [f], mtime: { seconds: 7 }, exec: false, concurrent: [] },
      { kind: 'symlink', name: 'c', nodes: ['l'], mtime: undefined, exec: false },
      { kind: 'directory', name: 'd', nodes: [d], mtime: { seconds: 3 } },
    ])
  })

  it('of what is no directory, or is not there, is empty', () => {
    const world = new World()
    expect(world.view.list([world.put('f'), 'nobody'])).toEqual([])
    expect(world.view.at(['f', 'x'])).toBeUndefined()
    expect(world.view.at([])).toMatchObject({ kind: 'directory', nodes: [rootNode] })
  })

  it('a file that changed to a symlink is one, and back', () => {
    const world = new World()
    const f = world.put('f')
    world.write({ type: 'symlink', node: f, parent: rootNode, name: 'f', target: 't', bases: ['h0'] })
    expect(world.view.at(['f'])).toMatchObject({ kind: 'symlink', versions: { length: 2 }, concurrent: [] })
  })

  it('without a trash above, nothing is asked; below one, each child once', () => {
    const world = new World()
    const [d, kept] = [world.mkdir('d'), world.mkdir('kept')]
    for (let index = 0; index < 100; index++) world.put(`f${index}`, d)
    for (let index = 0; index < 100; index++) world.put(`f${index}`, kept)
    world.write({ type: 'trash', node: d })
    expect(world.work(() => expect(world.names([kept])).toHaveLength(100))).toBe(0)
    expect(world.work(() => expect(world.names([d])).toEqual([]))).toBeLessThan(300)
  })

  it('one change in a large trashed subtree is found without looking through the rest again', () => {
    const world = new World()
    const top = world.mkdir('top')
    const inner = Array.from({ length: 100 }, (_, index) => world.mkdir(`d${index}`, top))
    for (const directory of inner) for (let index = 0; index < 50; index++) world.put(`f${index}`, directory)
    const before = world.tree.length
    world.write({ type: 'trash', node: top }, before)
    const whole = world.work(() => expect(world.names()).toEqual([]))
    expect(whole).toBeGreaterThan(5000)
    expect(world.work(() => expect(world.names()).toEqual([]))).toBeLessThan(10)
    world.put('new', inner[70], before)
    expect(world.work(() => expect(world.names()).toEqual(['top']))).toBeLessThan(20)
    expect(world.work(() => expect(world.names([top])).toEqual(['d70']))).toBeLessThan(500)
    world.put('new', inner[71], before)
    expect(world.work(() => expect(world.names([top])).toEqual(['d70', 'd71']))).toBeLessThan(500)
    world.tree.rewind(world.tree.length - 2)
    expect(world.names()).toEqual([])
  })

  it('of a folder that was deleted and made again a thousand times asks as little as of a new one', () => {
    const world = new World()
    const d = world.mkdir('build')
    const files = Array.from({ length: 20 }, (_, index) => world.put(`f${index}`, d))
    for (let round = 0; round < 1000; round++) {
      world.write({ type: 'trash', node: d })
      world.write({ type: 'mkdir', node: d, parent: rootNode, name: 'build' })
    }
    for (const [index, node] of files.entries()) {
      world.write({ type: 'put', node, parent: d, name: `f${index}`, content, bases: [] })
    }
    world.names()
    expect(world.names([d])).toHaveLength(20)
    expect(world.work(() => world.names([d]))).toBeLessThan(10)
  })
})

describe('a tree deeper than any stack', () => {
  const depth = 10_000
  const deep = new World()
  let parent = rootNode
  const top = deep.mkdir('d')
  parent = top
  for (let level = 1; level < depth; level++) parent = deep.mkdir('d', parent)
  const file = deep.put('f', parent)
  const before = deep.tree.length
  const path = [...Array.from({ length: depth }, () => 'd'), 'f']

  it('is shown, found, hidden by one trash and shown again by one touch', () => {
    expect(deep.view.at(path)?.nodes).toEqual([file])
    const hash = deep.write({ type: 'trash', node: top }, before)
    expect(deep.names()).toEqual([])
    expect(deep.view.at(path)).toBeUndefined()
    expect(deep.view.trashed()).toMatchObject([{ path: ['d'] }])
    deep.write({ type: 'put', node: file, parent, name: 'f', content, bases: [] }, before)
    expect(deep.view.at(path)?.nodes).toEqual([file])
    deep.tree.rewind(before + 1)
    expect(deep.view.at(path)).toBeUndefined()
    deep.write({ type: 'restore', node: file, trashes: [hash] })
    expect(deep.view.at(path)?.nodes).toEqual([file])
    expect(deep.view.trashed().map((item) => item.path.length)).toEqual([1])
  })
})

describe('hidden things', () => {
  it('are listed by where they are, with what covers them', () => {
    const world = new World()
    const d = world.mkdir('d')
    const f = world.put('f', d)
    const before = world.tree.length
    const first = world.write({ type: 'trash', node: d }, before)
    const second = world.write({ type: 'trash', node: f }, before)
    expect(world.view.trashed()).toMatchObject([{ node: d, kind: 'directory', name: 'd', path: ['d'] }])
    expect(world.view.hiddenIn([d])).toMatchObject([
      { node: f, path: ['d', 'f'], trashes: [{ hash: first }, { hash: second }] },
    ])
    expect(world.view.hiddenAt([rootNode], 'd').map((node) => node.id)).toEqual([d])
    expect(world.view.shows(f)).toBe(false)
    expect(world.view.shows(rootNode)).toBe(true)
    expect(world.view.shows('nobody')).toBe(false)
  })

  it.for([true, false])(
    'stay hidden by a trash when only a later one is restored; looked before: %s',
    (looked) => {
      const world = new World()
      const d = world.mkdir('d')
      const e = world.mkdir('e', d)
      world.put('f', e)
      world.write({ type: 'trash', node: d })
      const later = world.write({ type: 'trash', node: d })
      expect(looked ? world.names() : []).toEqual([])
      world.write({ type: 'restore', node: e, trashes: [later] })
      expect(world.names()).toEqual(['d'])
      expect(world.names([e])).toEqual([])
      world.tree.rewind(world.tree.length - 1)
      expect(world.names()).toEqual([])
    },
  )

  it('what was below a folder that is moved out of the trash is judged anew', () => {
    const world = new World()
    const top = world.mkdir('top')
    const x = world.mkdir('x', top)
    const y = world.mkdir('y', x)
    const before = world.tree.length
    world.put('z', y)
    const moved = world.tree.length
    world.write({ type: 'trash', node: x }, before)
    world.write({ type: 'trash', node: top })
    expect(world.names()).toEqual([])
    world.write({ type: 'move', node: x, parent: rootNode, name: 'x' }, moved)
    expect(world.names()).toEqual(['x'])
    expect(world.names([x])).toEqual(['y'])
    expect(world.names([y])).toEqual(['z'])
    world.tree.rewind(world.tree.length - 1)
    expect(world.names()).toEqual([])
  })

  it('a folder of a revoked device is shown only for what others put there, with or without trashes around', () => {
    const world = new World()
    const d = world.mkdir('d')
    world.tree.applyFenced(
      { hash: 'fenced', number: 1, saw: 1 },
      { type: 'mkdir', node: 'h', parent: d, name: 'h' },
    )
    expect(world.names([d])).toEqual([])
    world.put('f', 'h')
    expect(world.names([d])).toEqual(['h'])
    world.write({ type: 'trash', node: d })
    expect(world.names([d])).toEqual([])
    world.tree.rewind(world.tree.length - 1)
    expect(world.names([d])).toEqual(['h'])
    world.tree.rewind(world.tree.length - 1)
    expect(world.names([d])).toEqual([])
  })

  it('a bare path is shown, listed as hidden, and not offered to be made again', () => {
    const world = new World()
    const d = world.mkdir('d')
    world.put('old', d)
    const before = world.tree.length
    world.write({ type: 'trash', node: d }, before)
    world.put('new', d, before)
    expect(world.names([d])).toEqual(['new'])
    expect(world.view.hiddenAt([rootNode], 'd')).toEqual([])
    expect(world.view.trashed()).toMatchObject([{ node: d }])
  })
})
