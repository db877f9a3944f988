import { expect, it } from 'vitest'
import { DownWorld } from '../../../test/sync/support/down-world.ts'
import { content, Devices, type TestDevice } from '../../../test/sync/support/tree-devices.ts'
import { rootItem } from '../items/item.ts'
import * as intents from '../tree/intents.ts'

/** A disk that follows what a device says, and keeps all content. */
class Scene {
  readonly devices = new Devices(1)
  readonly there: TestDevice = this.devices.device(0)
  readonly world = new DownWorld(this.there.tree)

  constructor() {
    this.world.keep = 'all'
    this.world.crash()
  }

  put(...path: string[]): this {
    this.there.do(intents.putFile(this.there.view, path, content(1), this.devices.random))
    return this
  }

  symlink(...path: string[]): this {
    this.there.do(intents.putSymlink(this.there.view, path, 'target', this.devices.random))
    return this
  }

  mkdir(...path: string[]): this {
    this.there.do(intents.makeDirectory(this.there.view, path, this.devices.random))
    return this
  }

  move(from: string, to: string): this {
    this.there.do(intents.move(this.there.view, [from], [to]))
    return this
  }

  trash(...path: string[]): this {
    this.there.do(intents.trash(this.there.view, path))
    return this
  }

  item(name: string) {
    return this.world.items.child(rootItem, name)!
  }
}

const temporary = '/folder/.harp/tmp'

it('what was being removed when it ended is kept like everything that is removed', () => {
  const scene = new Scene().put('a')
  const { world } = scene
  world.sync()
  const { id, version } = scene.item('a')
  world.items.commit()
  scene.trash('a')
  world.fs.rename('/folder/a', `${temporary}/removing-${id}`)
  world.crash()
  world.sync('everything')
  expect(world.paths()).toEqual([])
  expect([...world.kept]).toEqual([version])
  expect(world.read(`/folder/.harp/kept/${version!}`)).toBe(version)
})

it('also if something else has its name by now', () => {
  const scene = new Scene().put('a')
  const { world } = scene
  world.sync()
  const { id, version } = scene.item('a')
  world.items.commit()
  scene.trash('a')
  world.fs.rename('/folder/a', `${temporary}/removing-${id}`)
  world.save('/folder/a', 'mine')
  world.crash()
  expect([...world.kept]).toEqual([version])
  expect(world.read(`/folder/.harp/kept/${version!}`)).toBe(version)
  expect(world.fs.list(temporary)).toEqual([])
  expect(world.read('/folder/a')).toBe('mine')
})

it('what was saved while it was being removed, and its name taken, comes back beside', () => {
  const scene = new Scene().put('a')
  const { world } = scene
  world.sync()
  const { id } = scene.item('a')
  world.items.commit()
  scene.trash('a')
  world.save('/folder/a', 'mine')
  world.fs.rename('/folder/a', `${temporary}/removing-${id}`)
  world.save('/folder/a', 'also mine')
  world.crash()
  expect(world.fs.list(temporary)).toEqual([])
  expect(world.read('/folder/a')).toBe('also mine')
  expect(world.read('/folder/a~saved1')).toBe('mine')
})

it('what cannot be kept is not removed', () => {
  const scene = new Scene().put('a')
  const { world } = scene
  world.sync()
  const { version } = scene.item('a')
  world.fs.removeDirectory('/folder/.harp/kept')
  scene.trash('a')
  world.sync()
  expect(world.paths()).toEqual(['a'])
  world.fs.makeDirectory('/folder/.harp/kept')
  world.rescan()
  world.sync('everything')
  expect(world.paths()).toEqual([])
  expect(world.read(`/folder/.harp/kept/${version!}`)).toBe(version)
})

it('a symlink that is moved never replaces what a user makes in the last moment', () => {
  const scene = new Scene().symlink('a')
  const { world } = scene
  world.sync()
  scene.move('a', 'b')
  world.fs.onCall = (call) => {
    if (/^(?:link|rename)/.test(call)) world.save('/folder/b', 'mine')
  }
  world.sync()
  expect(world.read('/folder/b')).toBe('mine')
})

it('items never say more than the disk will show after a loss of power', () => {
  for (let seed = 0; seed < 8; seed++) {
    const scene = new Scene().put('a').put('b')
    const { world } = scene
    world.sync()
    world.items.commit()
    world.fs.settle()
    scene.mkdir('A').move('a', 'c').move('b', 'a').move('c', 'b')
    let isStopped = false
    world.fs.onCall = (call, path) => {
      if (!call.startsWith('rename') || !path.includes('moving-')) return
      isStopped = true
      throw new Error('the end')
    }
    expect(() => world.down.reconcile('everything')).toThrow('the end')
    expect(isStopped).toBe(true)
    world.fs.onCall = undefined
    Object.assign(world, { fs: world.fs.crash(seed) })
    world.crash()
    const isKnown = world.items.child(rootItem, 'A') !== undefined
    expect({ isKnown, isThere: world.fs.stat('/folder/A') !== undefined }).not.toEqual({
      isKnown: true,
      isThere: false,
    })
  }
})
