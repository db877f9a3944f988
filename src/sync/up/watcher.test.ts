import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UpDevice } from '../../../test/sync/support/up-device.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { WatchDirectory, WatchHandler } from './watch-directory.ts'
import { FolderWatcher } from './watcher.ts'

/** Watches that say what a test tells them to, and a clock that goes when it is told to. */
class World {
  readonly device = new UpDevice().found()
  readonly open = new Map<string, WatchHandler>()
  readonly dirty: (readonly number[] | 'everything')[] = []
  readonly problems: (FolderProblem | undefined)[] = []
  readonly watcher: FolderWatcher
  most = Infinity
  now = 0
  #timers: { at: number; act: () => void }[] = []

  constructor() {
    this.watcher = new FolderWatcher({
      root: this.device.root,
      items: this.device.items,
      clock: { wall: () => this.now, monotonic: () => this.now },
      onDirty: (what) => this.dirty.push(what === 'everything' ? what : [...what]),
      onProblem: (problem) => this.problems.push(problem),
      watch: this.#watch,
      timers: {
        set: (act, ms) => {
          const timer = { at: this.now + ms, act }
          this.#timers.push(timer)
          return timer
        },
        clear: (timer) => (this.#timers = this.#timers.filter((other) => other !== timer)),
      },
    })
    this.watcher.start()
  }

  readonly #watch: WatchDirectory = (path, handler) => {
    if (this.open.size >= this.most) throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })
    const name = path.slice(this.device.root.length + 1)
    this.open.set(name, handler)
    return { close: () => this.open.delete(name) }
  }

  addAll(): void {
    for (const path of ['', 'd', 'd/e']) {
      const item = this.device.item(path)
      if (item !== undefined) this.watcher.add(item, path === '' ? [] : path.split('/'))
    }
  }

  hear(path: string, name = 'f'): void {
    this.open.get(path)!.onEvent(name)
  }

  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now += 50
      const due = this.#timers.filter(({ at }) => at <= this.now)
      this.#timers = this.#timers.filter(({ at }) => at > this.now)
      for (const { act } of due) act()
    }
  }
}

let world: World

beforeEach(async () => {
  world = new World()
  world.device.put('d/e/f', 'one')
  await world.device.scan()
})

afterEach(() => {
  world.watcher.stop()
  world.device.close()
})

describe('the watcher', () => {
  it('names the directories in which something happened, when it is quiet', () => {
    world.addAll()
    world.hear('d')
    world.hear('d/e')
    world.pass(200)
    world.hear('d')
    world.pass(250)
    expect(world.dirty).toEqual([])
    world.pass(100)
    expect(world.dirty).toEqual([[world.device.item('d')!.id, world.device.item('d/e')!.id]])
    world.pass(5_000)
    expect(world.dirty).toHaveLength(1)
  })

  it('does so within three seconds also if it never is', () => {
    world.addAll()
    for (let round = 0; round < 35; round++) {
      world.hear('d')
      world.pass(100)
    }
    expect(world.dirty).toEqual([[world.device.item('d')!.id]])
  })

  it('names a directory that a plan made: what was put into it before it was watched was not heard', async () => {
    world.addAll()
    world.device.mkdir('made')
    await world.device.scan()
    const { id } = world.device.item('made')!
    world.watcher.sync([id])
    world.pass(400)
    expect(world.dirty).toEqual([[id]])
    world.watcher.sync([id])
    world.pass(5_000)
    expect(world.dirty).toHaveLength(1)
  })

  it('does not care for what this device does in its private directory', () => {
    world.addAll()
    world.hear('', '.harp')
    world.pass(1_000)
    expect(world.dirty).toEqual([])
  })

  it('lets go of what was deleted, and follows what was moved or made anew', async () => {
    const { device, watcher } = world
    world.addAll()
    device.move('d/e', 'x')
    device.remove('d')
    device.mkdir('d')
    world.hear('d/e')
    world.hear('d')
    await device.scan()
    watcher.sync()
    expect([...world.open.keys()].sort()).toEqual(['', 'd', 'd/e'])
    world.addAll()
    expect(watcher.size).toBe(3)
    device.remove('x')
    world.hear('d/e')
    await device.scan('everything', { acceptDeletions: true })
    watcher.sync()
    expect(watcher.size).toBe(2)
  })

  it('watches anew what was made under a name and a number that went', () => {
    const { device, watcher } = world
    world.addAll()
    const { id, print } = device.item('d')!
    const before = world.open.get('d')
    watcher.add(device.item('d')!, ['d'])
    expect(world.open.get('d')).toBe(before)
    device.items.update(id, { print: { ...print, birthtimeMs: print.birthtimeMs + 1 } })
    watcher.add(device.item('d')!, ['d'])
    expect(world.open.get('d')).not.toBe(before)
    expect(watcher.size).toBe(3)
  })

  it('says that there are not enough watches, and has everything scanned every minute', () => {
    world.most = 2
    world.addAll()
    expect(world.problems).toMatchObject([{ code: 'FOLDER_WATCH_LIMIT' }])
    expect(world.watcher.size).toBe(2)
    world.hear('d')
    world.pass(400)
    expect(world.dirty).toHaveLength(1)
    for (let second = 0; second < 125; second++) {
      world.pass(1_000)
      world.watcher.tick()
    }
    expect(world.dirty.slice(1)).toEqual(['everything', 'everything'])
  })

  it('has everything scanned when it lost count, or a watch broke', () => {
    world.addAll()
    for (let event = 0; event < 9_000; event++) world.hear('d')
    world.pass(400)
    expect(world.dirty).toEqual(['everything'])
    world.open.get('d')!.onError(new Error('broken'))
    world.pass(400)
    expect(world.dirty).toEqual(['everything', 'everything'])
  })

  it('hears nothing any more when it is stopped', () => {
    world.addAll()
    const handler = world.open.get('d')!
    world.hear('d')
    world.watcher.stop()
    handler.onEvent('f')
    world.pass(5_000)
    expect({ dirty: world.dirty, open: world.open.size }).toEqual({ dirty: [], open: 0 })
  })

  it('hears of real changes', async () => {
    const { device } = world
    const { promise, resolve } = Promise.withResolvers<ReadonlySet<number> | 'everything'>()
    const watcher = new FolderWatcher({
      root: device.root,
      items: device.items,
      clock: { wall: () => Date.now(), monotonic: () => performance.now() },
      onDirty: resolve,
      onProblem: () => undefined,
    })
    watcher.start()
    watcher.add(device.item('')!, [])
    watcher.add(device.item('d')!, ['d'])
    // Keeps the process from ending while nothing else waits.
    const waiting = setInterval(() => undefined, 1_000)
    writeFileSync(device.path('d/new'), 'x')
    mkdirSync(device.path('.harp/x'))
    const dirty = await promise
    clearInterval(waiting)
    watcher.stop()
    expect(dirty).toEqual(new Set([device.item('d')!.id]))
  })
})
