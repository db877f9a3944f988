import { describe, expect, it } from 'vitest'
import { DownWorld } from '../../../test/sync/support/down-world.ts'
import { content, Devices, type TestDevice } from '../../../test/sync/support/tree-devices.ts'
import * as intents from '../tree/intents.ts'
import type { DownReport } from './down-sync.ts'

/** A device of which others tell, and the disk of one that follows it. */
class Scene {
  readonly devices = new Devices(2)
  readonly there: TestDevice = this.devices.device(0)
  readonly world: DownWorld

  constructor(options: ConstructorParameters<typeof DownWorld>[1] = {}) {
    this.world = new DownWorld(this.there.tree, options)
  }

  put(path: string, mark = 1, exec = false): this {
    this.there.do(intents.putFile(this.there.view, steps(path), content(mark, exec), this.devices.random))
    return this
  }

  mkdir(path: string): this {
    this.there.do(intents.makeDirectory(this.there.view, steps(path), this.devices.random))
    return this
  }

  symlink(path: string, target: string): this {
    this.there.do(intents.putSymlink(this.there.view, steps(path), target, this.devices.random))
    return this
  }

  move(from: string, to: string): this {
    this.there.do(intents.move(this.there.view, steps(from), steps(to)))
    return this
  }

  trash(path: string): this {
    this.there.do(intents.trash(this.there.view, steps(path)))
    return this
  }

  sync(): DownReport {
    return this.world.sync()
  }

  /** What the disk was made to do, without looks. */
  done(): string[] {
    this.world.fs.record()
    this.sync()
    return this.world.fs.operations
  }

  save(path: string, text: string): void {
    this.world.save(`/folder/${path}`, text)
  }
}

const steps = (path: string): string[] => path.split('/')
const names = ({ dirty }: DownReport, { world }: Scene): string[] =>
  [...dirty].map((item) => world.items.path(item)!.join('/'))

describe('moves', () => {
  it('moves a directory with all that is in it by one rename', () => {
    const scene = new Scene().mkdir('a').mkdir('a/b')
    for (let index = 0; index < 30; index++) scene.put(`a/b/${index}`)
    scene.sync()
    scene.move('a', 'c')
    expect(scene.done()).toEqual(['rename /folder/a to /folder/c'])
    expect(scene.world.paths()).toContain('c/b/29')
  })

  it('lets two change their names with each other', () => {
    const scene = new Scene().mkdir('a').put('a/x').mkdir('b').put('b/y')
    scene.sync()
    scene.move('a', 't').move('b', 'a').move('t', 'b')
    scene.sync()
    expect(scene.world.paths()).toEqual(['a/', 'a/y', 'b/', 'b/x'])
    expect(scene.world.stashed()).toEqual([])
  })

  it('turns what is inside out', () => {
    const scene = new Scene().mkdir('a').mkdir('a/b').mkdir('a/b/c').put('a/b/c/f')
    scene.sync()
    scene.move('a/b/c', 'c').move('a/b', 'c/b').move('a', 'c/b/a')
    scene.sync()
    expect(scene.world.paths()).toEqual(['c/', 'c/b/', 'c/b/a/', 'c/f'])
  })

  it('puts a file where a directory was, and a directory where a file was', () => {
    const scene = new Scene().mkdir('a').put('a/x').put('b')
    scene.sync()
    scene.move('a/x', 'x').trash('a').put('a', 2).trash('b').mkdir('b').put('b/y')
    scene.sync()
    expect(scene.world.paths()).toEqual(['a', 'b/', 'b/y', 'x'])
  })

  it('waits as long as a file of the user has the name, which stays', () => {
    const scene = new Scene().put('a')
    scene.sync()
    scene.save('b', 'mine')
    scene.move('a', 'b')
    expect(names(scene.sync(), scene)).toEqual([''])
    expect(scene.world.read('/folder/b')).toBe('mine')
    expect(scene.world.paths()).toEqual(['a', 'b'])
    scene.world.fs.unlink('/folder/b')
    scene.sync()
    expect(scene.world.paths()).toEqual(['b'])
  })

  it('never replaces what a user makes in the last moment', () => {
    const scene = new Scene().put('a')
    scene.sync()
    scene.move('a', 'b')
    scene.world.fs.onCall = (call) => {
      if (call.startsWith('link')) scene.save('b', 'mine')
    }
    expect(names(scene.sync(), scene)).toEqual([''])
    expect(scene.world.read('/folder/b')).toBe('mine')
    expect(scene.world.paths()).toEqual(['a', 'b'])
  })

  it('leaves a file that was edited until a scan has seen it', () => {
    const scene = new Scene().put('a')
    scene.sync()
    scene.save('a', 'mine')
    scene.move('a', 'b')
    expect(names(scene.sync(), scene)).toEqual([''])
    expect(scene.world.paths()).toEqual(['a'])
  })

  it('goes through no symlink in place of a directory', () => {
    const scene = new Scene().mkdir('a').put('a/x').put('y')
    scene.sync()
    const { fs } = scene.world
    fs.makeDirectory('/outside')
    fs.rename('/folder/a', '/outside/a')
    fs.makeSymlink('/outside', '/folder/a')
    scene.move('y', 'a/y').trash('a/x')
    expect(names(scene.sync(), scene)).toContain('')
    expect(fs.list('/outside').map(({ name }) => name)).toEqual(['a'])
    expect(fs.list('/outside/a').map(({ name }) => name)).toEqual(['x'])
    expect(fs.stat('/folder/y')).toBeDefined()
  })
})

describe('directories', () => {
  it('takes one that a user made, and lets it be scanned', () => {
    const scene = new Scene().mkdir('a')
    scene.world.fs.makeDirectory('/folder/a')
    scene.save('a/mine', 'mine')
    expect(names(scene.sync(), scene)).toEqual(['a'])
    scene.put('a/x')
    scene.sync()
    expect(scene.world.paths()).toEqual(['a/', 'a/mine', 'a/x'])
  })

  it('joins and splits unions', () => {
    const scene = new Scene()
    const there = scene.devices.device(1)
    scene.mkdir('a').put('a/x')
    there.do(intents.makeDirectory(there.view, ['a'], scene.devices.random))
    there.do(intents.putFile(there.view, ['a', 'y'], content(2), scene.devices.random))
    scene.sync()
    scene.there.hear(there)
    scene.sync()
    expect(scene.world.paths()).toEqual(['a/', 'a/x', 'a/y'])
    const node = there.view.at(['a'])!.nodes[0]!
    scene.there.write({ type: 'move', node, parent: '0'.repeat(32), name: 'b' })
    scene.sync()
    expect(scene.world.paths()).toEqual(['a/', 'a/x', 'b/', 'b/y'])
  })

  it('that is gone keeps what is ignored, and is one again when it comes back', () => {
    const scene = new Scene().mkdir('a').put('a/x')
    scene.world.isIgnored = (path) => path === 'a/cache'
    scene.sync()
    scene.save('a/cache', 'mine')
    const node = scene.there.view.at(['a'])!.nodes[0]!
    scene.trash('a')
    expect([...scene.sync().dirty]).toEqual([])
    expect(scene.world.paths()).toEqual(['a/', 'a/cache'])
    expect(scene.world.items.child(1, 'a')?.state).toBe('leftover')
    scene.there.do(intents.restore(scene.there.view, node))
    scene.sync()
    expect(scene.world.paths()).toEqual(['a/', 'a/cache', 'a/x'])
    expect(scene.world.items.child(1, 'a')?.state).toBe('synced')
  })

  it('that is gone stays while something is in it that no scan has seen', () => {
    const scene = new Scene().mkdir('a').put('a/x')
    scene.sync()
    scene.save('a/new', 'mine')
    scene.trash('a')
    expect(names(scene.sync(), scene)).toEqual(['a'])
    expect(scene.world.paths()).toEqual(['a/', 'a/new'])
    scene.world.fs.unlink('/folder/a/new')
    scene.world.down.reconcile(new Set())
    expect(scene.world.paths()).toEqual([])
  })

  it('that has to make room comes back beside, with what is in it', () => {
    const scene = new Scene().mkdir('a').put('a/x')
    scene.sync()
    scene.save('a/new', 'mine')
    scene.trash('a').put('a', 3)
    scene.sync()
    expect(scene.world.paths()).toEqual(['a', 'a~left1/', 'a~left1/new'])
    expect(scene.world.stashed()).toEqual([])
  })
})

describe('files', () => {
  it('keeps the content of what is removed, unless only current content is kept', () => {
    for (const keep of ['all', 'current'] as const) {
      const scene = new Scene().put('a')
      scene.world.keep = keep
      scene.world.crash()
      scene.sync()
      const version = scene.world.items.child(1, 'a')!.version!
      scene.trash('a')
      scene.sync()
      expect(scene.world.paths()).toEqual([])
      expect([...scene.world.kept]).toEqual(keep === 'all' ? [version] : [])
      expect(scene.world.fs.stat(`/folder/.harp/kept/${version}`) !== undefined).toBe(keep === 'all')
      expect(scene.world.fs.list('/folder/.harp/tmp')).toEqual([])
    }
  })

  it('does not remove what was edited, also in the last moment', () => {
    for (const moment of ['before', 'at']) {
      const scene = new Scene().put('a')
      scene.sync()
      if (moment === 'before') scene.save('a', 'mine')
      scene.world.fs.onCall = (call, path) => {
        if (call.startsWith('rename') && path.includes('removing')) scene.save('a', 'mine')
      }
      scene.trash('a')
      expect(names(scene.sync(), scene)).toEqual([''])
      expect(scene.world.read('/folder/a')).toBe('mine')
      expect(scene.world.paths()).toEqual(['a'])
    }
  })

  it('sets time and execute bit, and touches nothing when they are right', () => {
    const scene = new Scene().put('a')
    scene.sync()
    scene.there.do(
      intents.setAttributes(scene.there.view, ['a'], {
        mtime: { seconds: 1_600_000_000, nanos: 123_456_789 },
        exec: true,
      }),
    )
    expect(scene.done()).toEqual(['setExec /folder/a', 'setTime /folder/a'])
    expect(scene.world.fs.stat('/folder/a')).toMatchObject({ exec: true, mtimeMs: 1_600_000_000_123.4568 })
    expect(scene.done()).toEqual([])
  })

  it('says where a directory of the item is, what is replaced, and by which version', () => {
    const scene = new Scene().mkdir('a').put('a/x')
    scene.sync()
    scene.put('a/x', 2, true)
    const { wanted } = scene.world.down.reconcile('everything')
    const item = scene.world.items.child(1, 'a')!
    const shown = scene.there.view.at(['a', 'x'])
    expect(wanted).toMatchObject([{ parent: item.id, name: 'x', logName: 'x', mtimeMs: 2000, exec: true }])
    expect(wanted[0]?.item).toEqual(scene.world.items.child(item.id, 'x'))
    expect(shown?.kind === 'file' && shown.current.entry.hash).toBe(wanted[0]?.version)
  })

  it('leaves out what this device ignores', () => {
    const scene = new Scene()
    scene.world.isIgnored = (path) => path === 'a/skip' || path === 'b'
    scene.mkdir('a').put('a/skip').put('a/x').mkdir('b').put('b/y')
    scene.sync()
    expect(scene.world.paths()).toEqual(['a/', 'a/x'])
  })
})

describe('names and links', () => {
  it('gives names that are one on this disk each an own, and takes them back', () => {
    const scene = new Scene({ isCaseSensitive: false }).put('readme').put('Readme', 2).mkdir('README')
    scene.sync()
    expect(scene.world.paths()).toEqual(['README/', 'Readme~case2', 'readme~case3'])
    scene.trash('README')
    scene.sync()
    expect(scene.world.paths()).toEqual(['Readme', 'readme~case2'])
    scene.trash('Readme').move('readme', 'READme')
    scene.sync()
    expect(scene.world.paths()).toEqual(['READme'])
  })

  it('never puts anything in the private directory', () => {
    const scene = new Scene().mkdir('.harp').put('.harp/folder')
    scene.sync()
    expect(scene.world.fs.stat('/folder/.harp/folder')).toBeUndefined()
    expect(scene.world.paths()).toEqual(['.harp~case2/', '.harp~case2/folder'])
  })

  it('makes no symlink that leads out of the folder, and moves none to where it would', () => {
    const scene = new Scene().mkdir('a').symlink('a/in', '../x').symlink('out', '../x').symlink('up', '/etc')
    const { problems: all } = scene.world.down.reconcile('everything')
    const problems = all.map(({ code, path }) => `${code} ${path}`)
    expect(problems).toEqual(['FOLDER_SYMLINK_OUTSIDE out', 'FOLDER_SYMLINK_OUTSIDE up'])
    scene.sync()
    scene.move('a/in', 'in')
    expect(scene.sync().problems.map(({ path }) => path)).toContain('in')
    expect(scene.world.disk()).toEqual(['a/', 'a/in -> ../x'])
  })
})

describe('what is not named by an operation, and changes with it', () => {
  it('a trashed directory that was there for a file only, which had not come yet', () => {
    const scene = new Scene().mkdir('a').mkdir('b')
    const there = scene.devices.device(1)
    there.hear(scene.there)
    there.do(intents.putFile(there.view, ['a', 'x'], content(1), scene.devices.random))
    scene.trash('a')
    scene.there.hear(there)
    const { wanted } = scene.world.down.reconcile('everything')
    expect(wanted.map(({ name }) => name)).toEqual(['x'])
    expect(scene.world.paths()).toEqual(['a/', 'b/'])
    scene.there.tree.tree.touched.take()
    scene.move('a/x', 'b/x')
    scene.sync()
    expect(scene.world.paths()).toEqual(['b/', 'b/x'])
  })

  it('a file of which another one replaces the last version', () => {
    const scene = new Scene().mkdir('d').put('d/x').put('d/y').put('d/z')
    const there = scene.devices.device(1)
    there.hear(scene.there)
    const first = there.do(intents.putFile(there.view, ['d', 'x'], content(2), scene.devices.random))
    const last = scene.there.do(
      intents.putFile(scene.there.view, ['d', 'x'], content(3), scene.devices.random),
    )
    scene.there.hear(there)
    scene.sync()
    const at = (path: string) => scene.world.read(`/folder/${path}`)
    const [shown, other] = [at('d/x'), [first, last].find(([entry]) => entry!.hash !== at('d/x'))![0]!.hash]
    const put = { type: 'put', node: '5'.repeat(32), parent: '0'.repeat(32), content: content(4) } as const
    scene.there.write({ ...put, name: 'other', bases: [shown] })
    scene.sync()
    expect(at('d/x')).toBe(other)
  })
})

describe('a system that refuses', () => {
  it('is told as a problem, and tried again', () => {
    const scene = new Scene().mkdir('a').put('a/x')
    scene.sync()
    scene.world.fs.denied.add('/folder/a')
    scene.trash('a/x').mkdir('b')
    const { problems, done } = scene.sync()
    expect(done).toBe(true)
    expect(problems[0]).toMatchObject({ code: 'FOLDER_DISK_FAULT', path: 'a/x' })
    expect(scene.world.paths.bind(scene.world)).toThrow('EACCES')
    scene.world.fs.denied.clear()
    scene.sync()
    expect(scene.world.paths()).toEqual(['a/', 'b/'])
  })

  it('does not wait for a scan where something has the name that no scan takes in', () => {
    const scene = new Scene().put('a')
    scene.sync()
    scene.world.fs.addOther('/folder/b')
    scene.move('a', 'b')
    const { dirty, problems } = scene.sync()
    expect([...dirty]).toEqual([])
    expect(problems).toMatchObject([{ code: 'FOLDER_NAME_TAKEN', path: 'b' }])
  })
})

describe('a budget', () => {
  it('is kept, and the next calls do the rest', () => {
    const scene = new Scene().mkdir('a')
    for (let index = 0; index < 40; index++) scene.put(`a/${index}`)
    scene.sync()
    scene.trash('a')
    scene.world.fs.record()
    let calls = 1
    let report = scene.world.down.reconcile(scene.there.tree.tree.touched.take(), 10)
    expect(report.done).toBe(false)
    expect(scene.world.fs.operations.length).toBeLessThan(40)
    for (; !report.done && calls < 100; calls++) report = scene.world.down.reconcile(new Set(), 10)
    expect(calls).toBeGreaterThan(3)
    expect(scene.world.paths()).toEqual([])
  })
})

describe('spelling', () => {
  it('a name that was made in another form of Unicode here keeps it', () => {
    const scene = new Scene().put('caf\u00e9', 1)
    scene.sync()
    const { fs, items } = scene.world
    const item = items.child(1, 'caf\u00e9')!
    fs.rename('/folder/caf\u00e9', '/folder/cafe\u0301')
    const { size, mtimeMs, ctimeMs, birthtimeMs, ino, exec } = fs.stat('/folder/cafe\u0301')!
    items.update(item.id, { name: 'cafe\u0301', print: { size, mtimeMs, ctimeMs, birthtimeMs, ino, exec } })

    scene.put('caf\u00e9', 2).put('other', 1)
    scene.sync()

    expect(items.children(1).map(({ name }) => name)).toEqual(['cafe\u0301', 'other'])
    expect(fs.stat('/folder/caf\u00e9')).toBeUndefined()
  })
})
