import type { Chance } from '../chance.ts'
import type { DiskDevice } from './disk-device.ts'

const shortNames = ['a', 'b', 'c', 'd', 'e', 'f']
const weights = {
  create: 24,
  edit: 18,
  append: 6,
  save: 16,
  slow: 5,
  rename: 14,
  moveInto: 10,
  mkdir: 10,
  remove: 10,
  removeTree: 4,
  symlink: 3,
  exec: 3,
  touch: 3,
  swap: 3,
  copy: 3,
} as const

interface Place {
  readonly path: string
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
}

/** Somebody who works in the folder of a device, seeing what is on its disk, whatever else goes on there. */
export class DiskUser {
  readonly #device: DiskDevice
  readonly #chance: Chance
  readonly #trace: (line: string) => void
  readonly #root: string
  #contents = 0
  /** The second half of an edit that takes its time. */
  later: { readonly atMs: number; readonly run: () => void } | undefined
  /** How often a content is large, of about a hundred. */
  large = 2
  #names = shortNames
  #mark: Uint8Array = new Uint8Array(0)

  constructor(device: DiskDevice, root: string, chance: Chance, trace: (line: string) => void) {
    this.#device = device
    this.#root = root
    this.#chance = chance
    this.#trace = trace
  }

  /** All names begin so, and all contents have it at many places. */
  isMarkedBy(name: string, content: string): void {
    this.#names = shortNames.map((short) => `${name}${short}`)
    this.#mark = new TextEncoder().encode(content)
  }

  act(now: number): void {
    if (this.later !== undefined && this.later.atMs <= now) {
      const { run } = this.later
      this.later = undefined
      this.#try('the rest of an edit', run)
      return
    }
    const what = this.#chance.weighted(weights)
    this.#try(what, () => this.#do(what, now))
  }

  #try(what: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === undefined) throw error
      this.#trace(`${this.#device.name}: ${what} failed: ${code}`)
    }
  }

  #do(what: keyof typeof weights, now: number): void {
    const chance = this.#chance
    const fs = this.#device.disk.users
    const all = this.#all()
    const files = all.filter(({ kind }) => kind === 'file').map(({ path }) => path)
    const things = all.filter(({ kind }) => kind !== 'other').map(({ path }) => path)
    const directories = all.filter(({ kind }) => kind === 'directory').map(({ path }) => path)
    const somewhere = (): string => `${chance.pick([this.#root, ...directories])}/${chance.pick(this.#names)}`
    const file = files.length === 0 ? undefined : chance.pick(files)
    const thing = things.length === 0 ? undefined : chance.pick(things)
    switch (what) {
      case 'create': {
        const path = somewhere()
        if (fs.stat(path) !== undefined) return
        this.#say(`create ${path}`)
        this.#write(path, this.#content(), 'create')
        return
      }
      case 'edit':
        if (file === undefined) return
        this.#say(`edit ${file}`)
        this.#write(file, this.#content(), 'update')
        return
      case 'append': {
        if (file === undefined) return
        this.#say(`append ${file}`)
        const size = fs.stat(file)?.size ?? 0
        this.#writeAt(file, size, this.#content())
        return
      }
      case 'slow': {
        if (file === undefined || this.later !== undefined) return
        const { ino } = fs.stat(file) ?? { ino: 0 }
        this.#say(`begin to write ${file}`)
        this.#write(file, this.#content(), 'update')
        const rest = this.#content()
        this.later = {
          atMs: now + chance.below(4_000),
          run: () => {
            const stat = fs.stat(file)
            if (stat?.ino !== ino || stat.kind !== 'file') return
            this.#say(`go on writing ${file}`)
            this.#writeAt(file, stat.size, rest)
          },
        }
        return
      }
      case 'save': {
        if (file === undefined) return
        const temporary = `${file}.swp`
        if (fs.stat(temporary) !== undefined) return
        this.#say(`save ${file}`)
        this.#write(temporary, this.#content(), 'create')
        this.#gone(file)
        this.#gone(temporary)
        this.#touched(temporary)
        fs.rename(temporary, file)
        return
      }
      case 'rename': {
        if (thing === undefined) return
        const to = `${thing.slice(0, thing.lastIndexOf('/'))}/${chance.pick(this.#names)}`
        this.#rename(thing, to)
        return
      }
      case 'moveInto': {
        if (thing === undefined) return
        const to = `${chance.pick([this.#root, ...directories])}/${thing.slice(thing.lastIndexOf('/') + 1)}`
        this.#rename(thing, to)
        return
      }
      case 'swap': {
        const other = things.length === 0 ? undefined : chance.pick(things)
        if (thing === undefined || other === undefined || thing === other) return
        if (`${thing}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${thing}/`)) return
        const between = `${this.#root}/${(this.#names[0] ?? '').slice(0, -1)}between`
        this.#say(`swap ${thing} and ${other}`)
        for (const [from, to] of [
          [thing, between],
          [other, thing],
          [between, other],
        ] as const) {
          this.#gone(from)
          this.#touched(from)
          fs.rename(from, to)
        }
        return
      }
      case 'mkdir': {
        const path = somewhere()
        if (fs.stat(path) !== undefined) return
        this.#say(`mkdir ${path}`)
        fs.makeDirectory(path)
        this.#device.oracle.touched++
        return
      }
      case 'remove':
        if (file === undefined) return
        this.#say(`remove ${file}`)
        this.#gone(file)
        fs.unlink(file)
        return
      case 'removeTree':
        if (thing === undefined) return
        this.#say(`remove all of ${thing}`)
        this.#removeTree(thing)
        return
      case 'symlink': {
        const path = somewhere()
        if (fs.stat(path) !== undefined) return
        this.#say(`symlink ${path}`)
        fs.makeSymlink(chance.pick([this.#names[0] ?? '', 'b', 'b/c', 'nowhere']), path)
        this.#device.oracle.wrote(path)
        return
      }
      case 'exec': {
        if (file === undefined) return
        const isExec = fs.stat(file)?.exec === true
        this.#say(`${isExec ? 'clear' : 'set'} exec of ${file}`)
        fs.setExec(file, !isExec)
        this.#device.oracle.handles(file)
        return
      }
      case 'touch':
        if (file === undefined) return
        this.#say(`touch ${file}`)
        this.#device.oracle.handles(file)
        fs.setTime(file, this.#device.clock.wall() - chance.below(1e9))
        return
      case 'copy': {
        const to = somewhere()
        if (file === undefined || fs.stat(to) !== undefined) return
        this.#say(`copy ${file} to ${to}`)
        this.#write(to, this.#read(file), 'create')
        return
      }
    }
  }

  #rename(from: string, to: string): void {
    const fs = this.#device.disk.users
    const there = fs.stat(to)
    const stat = fs.stat(from)
    if (stat === undefined || from === to || `${to}/`.startsWith(`${from}/`)) return
    if (there !== undefined && (there.kind === 'directory') !== (stat.kind === 'directory')) return
    if (there?.kind === 'directory') return
    this.#say(`rename ${from} to ${to}`)
    this.#gone(from)
    this.#gone(to)
    this.#touched(from)
    fs.rename(from, to)
  }

  /** Who moves something away has a hand in what the log makes of it, even if that is a deletion and a new file. */
  #touched(path: string): void {
    const { oracle, disk } = this.#device
    if (disk.users.stat(path)?.kind !== 'directory') {
      oracle.moves(path)
      return
    }
    for (const { name } of disk.users.list(path)) this.#touched(`${path}/${name}`)
  }

  #removeTree(path: string): void {
    const fs = this.#device.disk.users
    this.#gone(path)
    if (fs.stat(path)?.kind !== 'directory') {
      fs.unlink(path)
      return
    }
    for (const { name } of fs.list(path)) this.#removeTree(`${path}/${name}`)
    fs.removeDirectory(path)
  }

  #gone(path: string): void {
    const { oracle, disk } = this.#device
    oracle.removed.add(path.slice(path.lastIndexOf('/') + 1))
    oracle.drops(path)
    if (disk.users.stat(path)?.kind !== 'directory') return
    for (const { name } of disk.users.list(path)) this.#gone(`${path}/${name}`)
  }

  #all(): Place[] {
    const fs = this.#device.disk.users
    const found: Place[] = []
    const walk = (directory: string): void => {
      for (const { name } of fs.list(directory)) {
        if (name === '.harp') continue
        const path = `${directory}/${name}`
        const kind = fs.stat(path)?.kind ?? 'other'
        found.push({ path, kind })
        if (kind === 'directory') walk(path)
      }
    }
    walk(this.#root)
    return found.sort((left, right) => (left.path < right.path ? -1 : 1))
  }

  #content(): Uint8Array {
    const chance = this.#chance
    const size = chance.weighted({ empty: 4, line: 60, page: 30, large: this.large })
    if (size === 'empty') return new Uint8Array(0)
    const text = `${this.#device.name} ${++this.#contents} `
    const line = Buffer.concat([new TextEncoder().encode(text), this.#mark])
    if (size === 'line') return line
    const length = size === 'page' ? 200 + chance.below(20_000) : 1_100_000 + chance.below(600_000)
    const bytes = new Uint8Array(length)
    bytes.set(line)
    bytes.set(chance.bytes(Math.min(length - line.length, 4_096)), line.length)
    for (let at = 4_200; at < length; at++) bytes[at] = (bytes[at - 4_096] as number) + (at & 255)
    for (let at = 20_000; at + this.#mark.length < length; at += 20_000) bytes.set(this.#mark, at)
    return bytes
  }

  #read(path: string): Uint8Array {
    const fs = this.#device.disk.users
    const file = fs.open(path, 'read')
    const bytes = new Uint8Array(fs.stat(path)?.size ?? 0)
    fs.read(file, bytes, 0)
    fs.close(file)
    return bytes
  }

  #write(path: string, bytes: Uint8Array, mode: 'create' | 'update'): void {
    const fs = this.#device.disk.users
    const file = fs.open(path, mode)
    try {
      if (mode === 'update') {
        fs.truncate(file, 0)
        this.#device.oracle.wrote(path)
      }
      fs.write(file, bytes, 0)
    } finally {
      fs.close(file)
      this.#device.oracle.wrote(path)
    }
  }

  #writeAt(path: string, position: number, bytes: Uint8Array): void {
    const fs = this.#device.disk.users
    const file = fs.open(path, 'update')
    try {
      fs.write(file, bytes, position)
    } finally {
      fs.close(file)
      this.#device.oracle.wrote(path)
    }
  }

  #say(line: string): void {
    this.#trace(`${this.#device.name}: ${line}`)
  }
}
