import { describe, expect, it } from 'vitest'
import { content, Devices, type TestDevice } from '../../../test/sync/support/tree-devices.ts'
import { limits } from '../format/limits.ts'
import { compareIds, rootNode } from '../ids.ts'
import * as intents from './intents.ts'
import { TreeView } from './tree-view.ts'
import { Tree } from './tree.ts'

function world(): { devices: Devices; device: TestDevice } {
  const devices = new Devices(3)
  const device = devices.device(0)
  device.do(intents.makeDirectory(device.view, ['d'], devices.random))
  device.do(intents.makeDirectory(device.view, ['d', 'e'], devices.random))
  device.do(intents.putFile(device.view, ['f'], content(1), devices.random))
  return { devices, device }
}

describe('refusals', () => {
  const { devices, device } = world()
  const { view } = device
  const { random } = devices
  const put = (...path: string[]) => intents.putFile(view, path, content(2), random)
  const f = view.at(['f'])!.nodes[0]!

  it('of putting', () => {
    expect(put()).toBe('is-root')
    expect(put('d')).toBe('is-directory')
    expect(put('x', 'y')).toBe('parent-missing')
    expect(put('f', 'y')).toBe('parent-not-directory')
    expect(intents.putSymlink(view, ['d'], 't', random)).toBe('is-directory')
    expect(intents.restoreVersion(view, ['x'], '')).toBe('not-found')
    expect(intents.restoreVersion(view, ['d'], '')).toBe('is-directory')
    expect(intents.restoreVersion(view, ['f'], 'x')).toBe('no-such-version')
  })

  it('of names', () => {
    const long = 'x'.repeat(limits.nameBytes)
    expect(put(long)).toHaveLength(1)
    const wrong = ['', '.', '..', 'a/b', 'a\0', 'e\u0301', '\ud800', `${long}x`]
    expect(wrong.map((name) => put(name))).toEqual(wrong.map(() => 'bad-name'))
    expect(intents.move(view, ['f'], ['d', '..'])).toBe('bad-name')
    expect(intents.makeDirectory(view, [''], random)).toBe('bad-name')
  })

  it('of making directories', () => {
    expect(intents.makeDirectory(view, [], random)).toBe('exists')
    expect(intents.makeDirectory(view, ['d'], random)).toBe('exists')
    expect(intents.makeDirectory(view, ['f'], random)).toBe('name-taken')
    expect(intents.makeDirectory(view, ['f', 'x'], random)).toBe('parent-not-directory')
    expect(intents.makeDirectory(view, ['x', 'y'], random)).toBe('parent-missing')
  })

  it('of moving', () => {
    expect(intents.move(view, [], ['x'])).toBe('is-root')
    expect(intents.move(view, ['d'], [])).toBe('is-root')
    expect(intents.move(view, ['x'], ['y'])).toBe('not-found')
    expect(intents.move(view, ['d'], ['d', 'e', 'd'])).toBe('into-itself')
    expect(intents.move(view, ['d'], ['d'])).toEqual([])
    expect(intents.move(view, ['d'], ['f'])).toBe('name-taken')
    expect(intents.move(view, ['d'], ['f', 'x'])).toBe('parent-not-directory')
    expect(intents.move(view, ['d'], ['x', 'y'])).toBe('parent-missing')
  })

  it('of the rest', () => {
    expect(intents.trash(view, [])).toBe('is-root')
    expect(intents.trash(view, ['x'])).toBe('not-found')
    expect(intents.setAttributes(view, [], {})).toBe('is-root')
    expect(intents.setAttributes(view, ['x'], {})).toBe('not-found')
    expect(intents.restore(view, 'nobody')).toBe('not-found')
    expect(intents.restore(view, rootNode)).toBe('is-root')
    expect(intents.restore(view, f)).toBe('not-hidden')
  })
})

describe('versions', () => {
  it('going back to an old version saves its content once more', () => {
    const { devices, device } = world()
    const [first] = device.tree.order.slice(-1)
    const [second] = device.do(intents.putSymlink(device.view, ['f'], 'elsewhere', devices.random))
    const [third] = device.do(intents.restoreVersion(device.view, ['f'], first!.hash))
    expect(third!.operation).toMatchObject({ type: 'put', content: content(1), bases: [second!.hash] })
    expect(device.view.at(['f'])).toMatchObject({ kind: 'file', versions: { length: 3 }, concurrent: [] })
    const [fourth] = device.do(intents.restoreVersion(device.view, ['f'], second!.hash))
    expect(fourth!.operation).toMatchObject({ type: 'symlink', target: 'elsewhere', bases: [third!.hash] })
  })

  it('a save has at most 256 bases; the next ones take the rest', () => {
    const { devices, device } = world()
    const node = device.view.at(['f'])!.nodes[0]!
    for (let index = 0; index < 300; index++) {
      device.write({ type: 'put', node, parent: rootNode, name: 'f', content: content(index), bases: [] })
    }
    const [save] = device.do(intents.putFile(device.view, ['f'], content(1), devices.random))
    const bases = save!.operation?.type === 'put' ? save!.operation.bases : []
    expect(bases).toHaveLength(limits.bases)
    expect(bases).toEqual([...bases].sort(compareIds))
    expect(device.view.at(['f'])).toMatchObject({ concurrent: { length: 301 - limits.bases } })
    device.do(intents.putFile(device.view, ['f'], content(2), devices.random))
    expect(device.view.at(['f'])).toMatchObject({ concurrent: [] })
  })

  it('a restore that names very many trashes is several', () => {
    const tree = new Tree<{ hash: string; number: number }>(
      (later, earlier) => later.number >= earlier.number,
    )
    const node = 'f'
    tree.apply({ hash: '0', number: 0 }, { type: 'mkdir', node, parent: rootNode, name: 'f' })
    for (let number = 1; number <= limits.trashes + 1; number++) {
      tree.apply({ hash: `${number}`, number }, { type: 'trash', node })
    }
    const view = new TreeView(tree)
    const planned = intents.restore(view, node)
    expect(planned).toMatchObject([{ trashes: { length: limits.trashes } }, { trashes: { length: 1 } }])
    for (const operation of typeof planned === 'string' ? [] : planned) {
      tree.apply({ hash: `${tree.length}`, number: tree.length }, operation)
    }
    expect(view.trashed()).toEqual([])
  })
})
