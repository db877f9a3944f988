import { describe, expect, it } from 'vitest'
import { OrderedTree } from '../../../test/sync/support/ordered-tree.ts'
import { content, Devices } from '../../../test/sync/support/tree-devices.ts'
import { rootNode } from '../ids.ts'
import { Touched } from './touched.ts'

const id = (mark: string): string => mark.repeat(32)

describe('what was touched', () => {
  it('is everything for who asks for the first time', () => {
    const touched = new Touched()
    touched.note(id('a'))
    expect(touched.take()).toBe('everything')
    expect(touched.take()).toEqual(new Set())
    touched.note(id('a'))
    touched.note(id('b'))
    touched.note(id('a'))
    expect(touched.take()).toEqual(new Set([id('a'), id('b')]))
    expect(touched.take()).toEqual(new Set())
  })

  it('is everything if it is too much for a list, and a list again afterwards', () => {
    const touched = new Touched()
    touched.take()
    for (let index = 0; index <= 50_000; index++) touched.note(String(index))
    expect(touched.take()).toBe('everything')
    touched.note(id('a'))
    expect(touched.take()).toEqual(new Set([id('a')]))
  })

  it('names the directory that something left, and nodes of which a version was replaced', () => {
    const devices = new Devices(1)
    const a = devices.device(0)
    const { touched } = a.tree.tree
    a.write({ type: 'mkdir', node: id('d'), parent: rootNode, name: 'd' })
    const put = { type: 'put', parent: id('d'), name: 'f', content: content(1) } as const
    const { hash } = a.write({ ...put, node: id('f'), bases: [] })
    touched.take()

    a.write({ type: 'move', node: id('f'), parent: rootNode, name: 'f' })
    expect(touched.take()).toEqual(new Set([id('f'), id('d')]))

    a.write({ ...put, node: id('e'), bases: [hash] })
    expect(touched.take()).toEqual(new Set([id('e'), id('f')]))
  })

  it('names what was undone and is not done again', () => {
    const devices = new Devices(2)
    const [a, b] = [devices.device(0), devices.device(1)]
    a.write({ type: 'mkdir', node: id('d'), parent: rootNode, name: 'd' })
    b.hear(a)
    const move = a.write({ type: 'move', node: id('d'), parent: rootNode, name: 'e' })
    const tree = new OrderedTree()
    tree.take(devices.entries)
    tree.tree.touched.take()
    tree.change((entry) => (entry === move ? { ...entry, operation: undefined } : entry))
    expect(tree.tree.touched.take()).toEqual(new Set([id('d'), rootNode]))
    expect(tree.view.at(['d'])).toBeDefined()
  })
})
