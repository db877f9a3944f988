import { DatabaseSync } from 'node:sqlite'
import type { ChunkStore } from '../../../src/sync/chunks/chunk-store.ts'
import { fingerprintOf, samePrint } from '../../../src/sync/disk/file-system.ts'
import { LocalNames } from '../../../src/sync/disk/local-names.ts'
import { rootItem, stashItem, type Item } from '../../../src/sync/items/item.ts'
import { SqliteItems } from '../../../src/sync/items/sqlite-items.ts'
import type { LogEntry } from '../../../src/sync/log/log-entry.ts'
import { DownSync, type DownParts, type DownReport } from '../../../src/sync/plan/down-sync.ts'
import type { WantedContent } from '../../../src/sync/plan/wanted.ts'
import type { TreeView } from '../../../src/sync/tree/tree-view.ts'
import { ModelFileSystem, type ModelOptions } from './model-file-system.ts'
import type { OrderedTree } from './ordered-tree.ts'

const root = '/folder'
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** A folder on a model disk that follows a tree: wanted contents come at once, and are the hashes of their versions. */
export class DownWorld {
  readonly fs: ModelFileSystem
  readonly names: LocalNames
  readonly tree: OrderedTree
  readonly #database = new DatabaseSync(':memory:')
  items: SqliteItems
  down: DownSync
  keep: DownParts['keep'] = 'current'
  isIgnored: DownParts['isIgnored'] = () => false
  /** Set while `reconcile` runs, and nothing else. */
  isPlanning = false
  /** Versions that are kept as files. */
  readonly kept = new Set<string>()

  readonly wholeFrom: number

  constructor(tree: OrderedTree, options: ModelOptions = {}, wholeFrom: number = 1 / 2) {
    this.tree = tree
    this.wholeFrom = wholeFrom
    this.fs = new ModelFileSystem(options)
    for (const path of ['', '/.harp', '/.harp/tmp', '/.harp/kept']) this.fs.makeDirectory(root + path)
    const { isCaseSensitive = true, forms = 'exact' } = options
    this.names = new LocalNames({ isCaseSensitive, forms, isReserving: false })
    this.items = new SqliteItems(this.#database)
    this.items.update(rootItem, { print: fingerprintOf(this.fs.stat(root)!) })
    this.down = this.#start()
  }

  /** Until nothing changes any more; what is wanted comes at once. */
  sync(
    first: Parameters<DownSync['reconcile']>[0] = this.tree.tree.touched.take(),
    budget?: number,
  ): DownReport {
    let what = first
    for (let round = 0; round < 200; round++) {
      this.isPlanning = true
      const report = this.down.reconcile(what, budget)
      this.isPlanning = false
      const delivered = report.wanted.map((wanted) => this.deliver(wanted))
      this.items.commit()
      if (report.done && report.wanted.length === 0) return report
      what = new Set()
      if (delivered.includes(false)) {
        this.rescan()
        what = 'everything'
      }
    }
    throw new Error('it does not come to an end')
  }

  /** A wanted content that comes late, when the log may have changed its mind. False: it is no longer that. */
  deliverLate(wanted: WantedContent): boolean {
    const { parent, name, item, nodes, version } = wanted
    const shown = this.tree.view.of(nodes[0]!)
    const now = this.items.child(parent, name)
    if (shown === undefined || shown.kind === 'directory') return false
    if (shown.current.entry.hash !== version) return false
    if (shown.name !== wanted.logName || this.items.get(parent) === undefined) return false
    if (now?.id !== item?.id || now?.version !== item?.version) return false
    return this.deliver(wanted)
  }

  deliver({ parent, name, item, version, operation, ...wanted }: WantedContent): boolean {
    const path = `${root}/${[...this.items.path(parent)!, name].join('/')}`
    const there = this.fs.stat(path)
    const now = this.items.child(parent, name)
    if (now?.id !== item?.id) throw new Error(`${path} is to replace what is not there`)
    if (there !== undefined && (item === undefined || !samePrint(there, item.print))) return false
    if (there !== undefined) this.fs.unlink(path)
    if (operation.type === 'symlink') this.fs.makeSymlink(operation.target, path)
    else this.save(path, version)
    if (operation.type === 'put') this.fs.setExec(path, wanted.exec)
    if (Number.isFinite(wanted.mtimeMs)) this.fs.setTime(path, wanted.mtimeMs)
    const print = fingerprintOf(this.fs.stat(path)!)
    const { logName, nodes } = wanted
    const kind = operation.type === 'put' ? ('file' as const) : ('symlink' as const)
    const next = { parent, name, logName, nodes, kind, version, print, state: 'synced' as const }
    if (item === undefined) this.items.add(next)
    else this.items.update(item.id, next)
    return true
  }

  save(path: string, text: string): void {
    const file =
      this.fs.stat(path) === undefined ? this.fs.open(path, 'create') : this.fs.open(path, 'update')
    this.fs.truncate(file, 0)
    this.fs.write(file, encoder.encode(text), 0)
    this.fs.close(file)
  }

  read(path: string): string {
    const file = this.fs.open(path, 'read')
    const bytes = new Uint8Array(this.fs.statFile(file).size)
    this.fs.read(file, bytes, 0)
    this.fs.close(file)
    return decoder.decode(bytes)
  }

  /** The process ends here: what was not committed of the items is gone. */
  crash(): void {
    this.fs.kill()
    this.items.close()
    this.items = new SqliteItems(this.#database)
    this.down = this.#start()
    this.down.recover()
  }

  /**
   * As much of a scan as is needed after a crash: items follow what is on the disk. Returns what it would have written to
   * the log.
   */
  rescan(): string[] {
    const operations: string[] = []
    const waiting = [rootItem]
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const path = this.#pathOf(id)
      for (const { name } of this.fs.list(path)) {
        if (id === rootItem && name === '.harp') continue
        const found = this.#find(id, name, `${path}/${name}`, operations)
        if (found?.kind === 'directory') waiting.push(found.id)
      }
    }
    this.#forget(rootItem, operations)
    this.#forget(stashItem, operations)
    this.items.commit()
    return operations
  }

  #find(parent: number, name: string, path: string, operations: string[]): Item | undefined {
    const stat = this.fs.stat(path)!
    const print = fingerprintOf(stat)
    const there = this.items.child(parent, name)
    if (there?.kind === stat.kind && there.print.ino === stat.ino) {
      if (stat.kind === 'file' && this.read(path) !== there.version) operations.push(`edit ${path}`)
      this.items.update(there.id, { print })
      return there
    }
    const moved = this.items
      .ofInode(stat.ino)
      .find((item) => this.fs.stat(this.#pathOf(item.id))?.ino !== stat.ino)
    if (moved?.kind === stat.kind) {
      if (there !== undefined) this.items.remove(there.id)
      this.items.update(moved.id, { parent, name, logName: name, print })
      const shown = this.#shownIn(parent, name)
      if (!moved.nodes.some((node) => shown?.nodes.includes(node))) operations.push(`move to ${path}`)
      return this.items.get(moved.id)
    }
    const shown = this.#shownIn(parent, name)
    const version = stat.kind === 'file' ? this.read(path) : undefined
    // Stopped between its second name and the end of its first, and shown apart from what it was one with.
    const isDouble = stat.links > 1 && this.items.ofInode(stat.ino).length > 0
    const isKnown =
      stat.kind === 'directory'
        ? shown?.kind === 'directory'
        : shown !== undefined &&
          shown.kind !== 'directory' &&
          (version === undefined || isDouble || shown.versions.some(({ entry }) => entry.hash === version))
    if (!isKnown || shown === undefined || stat.kind === 'other') {
      operations.push(`new ${path}`)
      return undefined
    }
    if (there !== undefined) this.items.remove(there.id)
    const own = shown.kind === 'symlink' ? shown.current.entry.hash : version
    const place = { parent, name, logName: name, nodes: shown.nodes }
    return this.items.add({ ...place, kind: stat.kind, version: own, print, state: 'synced' })
  }

  #shownIn(parent: number, name: string) {
    const { view } = this.tree
    const { nodes } = this.items.get(parent)!
    // The item may lag behind: of what its directory is shown as now.
    const directory = nodes.map((node) => view.of(node)).find((shown) => shown?.kind === 'directory')
    return view.find(directory?.nodes ?? nodes, name)
  }

  #forget(parent: number, operations: string[]): void {
    for (const item of this.items.children(parent)) {
      const path = this.#pathOf(item.id)
      const stat = this.fs.stat(path)
      if (stat?.ino === item.print.ino) {
        if (item.kind === 'directory') this.#forget(item.id, operations)
        continue
      }
      const shown = this.items.get(parent) === undefined ? undefined : this.#shownIn(parent, item.logName)
      const isSeen = item.nodes.some((node) => shown?.nodes.includes(node))
      if (isSeen) operations.push(`trash ${path}`)
      this.items.remove(item.id)
    }
  }

  #pathOf(id: number): string {
    return [root, ...this.items.path(id)!].join('/')
  }

  /** What a user sees of the disk: paths, with what is there. */
  disk(below = ''): string[] {
    const lines: string[] = []
    for (const { name } of this.fs.list(root + below)) {
      const path = `${below}/${name}`
      if (path === '/.harp') continue
      const stat = this.fs.stat(root + path)!
      if (stat.kind === 'directory') lines.push(`${path.slice(1)}/`, ...this.disk(path))
      else if (stat.kind === 'symlink') lines.push(`${path.slice(1)} -> ${this.fs.readSymlink(root + path)}`)
      else {
        const about = `${this.read(root + path)} ${toMicroseconds(stat.mtimeMs)} ${stat.exec ? 'x' : '-'}`
        lines.push(`${path.slice(1)} ${about}`)
      }
    }
    return lines.sort()
  }

  /** What the disk has to show, under the names that it can hold. */
  shown(directory = this.tree.view.root(), below = ''): string[] {
    const lines: string[] = []
    const list = this.tree.view.list(directory)
    const names = this.names.placeNames(list.map(({ name }) => name))
    for (const shown of list) {
      const path = below + names.get(shown.name)!
      if (shown.kind === 'directory') lines.push(`${path}/`, ...this.shown([...shown.nodes], `${path}/`))
      else if (shown.current.operation.type === 'symlink') {
        lines.push(`${path} -> ${shown.current.operation.target}`)
      } else {
        const mtime = shown.mtime!.seconds * 1000 + shown.mtime!.nanos / 1e6
        lines.push(`${path} ${shown.current.entry.hash} ${toMicroseconds(mtime)} ${shown.exec ? 'x' : '-'}`)
      }
    }
    return lines.sort()
  }

  /** Paths without what is there. */
  paths(): string[] {
    return this.disk().map((line) => line.split(' ')[0]!)
  }

  stashed(): Item[] {
    return this.items.children(stashItem)
  }

  #start(): DownSync {
    const parts: DownParts = {
      root,
      view: () => this.tree.view as unknown as TreeView<LogEntry>,
      items: this.items,
      chunks: this.#chunks(),
      versions: { rows: () => undefined, pieces: () => [] },
      fs: this.fs,
      names: this.names,
      keep: this.keep,
      isIgnored: (path, isDirectory) => this.isIgnored(path, isDirectory),
    }
    return new DownSync(parts, this.wholeFrom)
  }

  #chunks(): ChunkStore {
    const { kept } = this
    const store: Partial<ChunkStore> = {
      addKept: (version) => void kept.add(version),
      isKept: (version) => kept.has(version),
      removeFile: () => undefined,
      find: () => undefined,
    }
    return store as ChunkStore
  }
}

function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000)
}
