import { dirname } from 'node:path'
import type { FileSystem } from '../../../src/sync/disk/file-system.ts'
import type { DirectoryWatch, WatchHandler } from '../../../src/sync/up/watch-directory.ts'
import { ModelFileSystem, type ModelOptions } from '../../sync/support/model-file-system.ts'
import type { Life } from './life.ts'
import type { SimTime } from './sim-time.ts'

interface Watch {
  readonly ino: number
  readonly handler: WatchHandler
  readonly life: Life
}

const changing = new Set<PropertyKey>([
  'write',
  'truncate',
  'rename',
  'link',
  'unlink',
  'makeDirectory',
  'removeDirectory',
  'makeSymlink',
  'setTime',
  'setExec',
])

/** What a process may do to the bytes of others, before it does so. */
export type Destroying = (call: string, path: string) => void

/** A model disk with watches of directories, for one process at a time and its users. */
export class WatchedDisk {
  model: ModelFileSystem
  readonly #time: SimTime
  readonly #watches = new Set<Watch>()
  readonly #paths = new Map<number, string>()

  constructor(time: SimTime, options: ModelOptions) {
    this.#time = time
    this.model = new ModelFileSystem(options)
  }

  /** As the process of `life` sees it. */
  forProcess(life: Life, destroying: Destroying): FileSystem {
    return this.#open((call, path) => {
      life.check()
      life.calls++
      if (call === 'rename' || call === 'unlink' || call === 'write' || call === 'truncate') {
        destroying(call, path)
      }
      life.onCall?.(call, path)
    })
  }

  /** As its users do. */
  readonly users: FileSystem = this.#open(() => undefined)

  watchFor(life: Life): (path: string, handler: WatchHandler) => DirectoryWatch {
    return (path, handler) => {
      const ino = this.model.stat(path)?.ino
      if (ino === undefined) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' })
      const watch = { ino, handler, life }
      this.#watches.add(watch)
      return { close: () => this.#watches.delete(watch) }
    }
  }

  kill(): void {
    this.model.kill()
    this.#watches.clear()
    this.#paths.clear()
  }

  losePower(seed: number): void {
    this.kill()
    this.model = this.model.crash(seed)
  }

  #open(before: (call: string, path: string) => void): FileSystem {
    const calls = new Map<PropertyKey, unknown>()
    return new Proxy({} as FileSystem, {
      get: (_, name) => {
        let call = calls.get(name)
        if (call === undefined) {
          call = (...args: unknown[]) => this.#call(name as keyof FileSystem, args, before)
          calls.set(name, call)
        }
        return call
      },
    })
  }

  #call(name: keyof FileSystem, args: unknown[], before: (call: string, path: string) => void): unknown {
    const [first] = args
    const path = typeof first === 'number' ? (this.#paths.get(first) ?? '?') : String(first)
    const target = name === 'rename' || name === 'link' || name === 'makeSymlink' ? String(args[1]) : path
    before(name, target)
    const call = this.model[name] as (...all: unknown[]) => unknown
    try {
      const result = Reflect.apply(call, this.model, args)
      if (name === 'open') this.#paths.set(result as number, path)
      if (name === 'close') this.#paths.delete(first as number)
      if (name === 'open' && args[1] === 'create') this.#tell(path)
      return result
    } finally {
      if (changing.has(name)) {
        this.#tell(target)
        if (name === 'rename') this.#tell(path)
      }
    }
  }

  #tell(path: string): void {
    if (this.#watches.size === 0) return
    const ino = this.model.stat(dirname(path))?.ino
    for (const watch of this.#watches) {
      if (watch.ino !== ino) continue
      this.#time.after(1, () => {
        if (!this.#watches.has(watch)) return
        this.#time.as(watch.life, () => watch.handler.onEvent(path.slice(path.lastIndexOf('/') + 1)))
      })
    }
  }
}
