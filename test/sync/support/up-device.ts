import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
} from 'node:fs'
import { renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { SqliteChunks } from '../../../src/sync/chunks/sqlite-chunks.ts'
import type { ChunkRows } from '../../../src/sync/content/content.ts'
import { nodeContentSuite } from '../../../src/sync/content/content-suite.ts'
import { createDeviceKeys, type DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { nodeFileSystem } from '../../../src/sync/disk/node-file-system.ts'
import { fingerprintOf, type FileSystem } from '../../../src/sync/disk/file-system.ts'
import { privatePaths } from '../../../src/sync/disk/private-directory.ts'
import type { Role } from '../../../src/sync/format/membership.ts'
import type { Operation } from '../../../src/sync/format/operation.ts'
import { VersionBook } from '../../../src/sync/folder/version-book.ts'
import { toHex, type EntryHash } from '../../../src/sync/ids.ts'
import { rootItem } from '../../../src/sync/items/item.ts'
import { SqliteItems } from '../../../src/sync/items/sqlite-items.ts'
import type { LogEntry } from '../../../src/sync/log/log-entry.ts'
import { Replica } from '../../../src/sync/replica/replica.ts'
import { MemoryStore } from '../../../src/sync/store/memory-store.ts'
import type { Planned } from '../../../src/sync/tree/intents.ts'
import type { ShownFile } from '../../../src/sync/tree/shown.ts'
import type { ScanReport, UpParts } from '../../../src/sync/up/up-sync.ts'
import { UpSync } from '../../../src/sync/up/up-sync.ts'
import { InlinePool } from '../../../src/sync/work/inline-pool.ts'
import { seededBytes } from './seeded-bytes.ts'

const keys = { content: new Uint8Array(32).fill(1), boundaries: new Uint8Array(32).fill(2) }
let devices = 0

/** A device whose log grows by what is done in a real directory; it has no plan that writes to it. */
export class UpDevice {
  readonly root = mkdtempSync(join(tmpdir(), 'harp-up-'))
  readonly random = seededBytes(`up ${++devices}`)
  readonly keys: DeviceKeys = createDeviceKeys(nodeSuite, this.random)
  items: SqliteItems
  readonly chunks = new SqliteChunks({
    directory: this.root,
    places: { itemPath: (item) => this.#itemPath(item), keptPath: (version) => join(this.root, version) },
    packs: 'memory',
    database: new DatabaseSync(':memory:'),
  })
  /** Added to the clock: files are old by the time that they are read, unless a test says otherwise. */
  ahead = 10_000
  announced = 0
  bootId: string | undefined = 'boot 1'
  fs: FileSystem = nodeFileSystem
  keep: UpParts['keep'] = 'all'
  /** Jobs run, by name and how many things each had. */
  readonly jobs: string[] = []
  readonly #itemFile = new DatabaseSync(':memory:')
  #replica: Replica | undefined
  #up: UpSync | undefined

  constructor() {
    this.items = new SqliteItems(this.#itemFile)
  }

  get replica(): Replica {
    return this.#replica!
  }

  rows(version: EntryHash): ChunkRows | undefined {
    const { replica, chunks, fs } = this
    return new VersionBook({ replica, chunks, keys, fs, maximum: replica.log.genesis!.chunker.maximum }).rows(
      version,
    )
  }

  get up(): UpSync {
    this.#up ??= this.#open()
    return this.#up
  }

  found(): this {
    const store = new MemoryStore()
    const { keys, random } = this
    this.#replica = Replica.found({ suite: nodeSuite, store, keys, random }, { mode: 'peer' }, Date.now())
    this.#mark()
    return this
  }

  /** Becomes a member of another one's folder. */
  join(other: UpDevice, role: Role = 'write'): this {
    other.replica.grant(this.keys.record, role, Date.now())
    const { keys, random } = this
    const { folderId } = other.replica
    this.#replica = Replica.open({ suite: nodeSuite, store: new MemoryStore(), keys, random, folderId })
    this.hear(other)
    this.#mark()
    return this
  }

  hear(other: UpDevice): void {
    const { log } = other.replica
    for (const { branch } of log.branchHeads()) {
      for (const { bytes } of log.batchesFrom(branch, 0)) this.replica.receive(bytes, 'other', Date.now())
    }
    this.replica.commit()
  }

  /** As after a restart: what was only in memory is gone. */
  restart(): void {
    this.#up = undefined
  }

  /**
   * Scans, and ends right after that write to the log, 0: before the first. What the items were told without a commit
   * is lost. False if less was written.
   */
  async die(writes = 1): Promise<boolean> {
    const { replica, items } = this
    const write = replica.write.bind(replica)
    let left = writes
    let hasEnded = false
    const end = (): never => {
      hasEnded = true
      items.commit = end
      replica.write = end
      throw new Error('ended')
    }
    replica.write = (changes, now) => {
      const written = left === 0 ? end() : write(changes, now)
      return --left === 0 && writes > 0 ? end() : written
    }
    try {
      await this.scan('everything', { acceptDeletions: true })
    } catch (error) {
      if (!hasEnded) throw error
    } finally {
      replica.write = write
    }
    if (hasEnded) {
      if (this.#itemFile.isTransaction) this.#itemFile.exec('ROLLBACK')
      this.items = new SqliteItems(this.#itemFile)
    }
    this.restart()
    return hasEnded
  }

  /** From now on what is below these paths cannot be looked at. */
  forbid(...paths: readonly string[]): void {
    const check = (path: string): void => {
      if (paths.some((forbidden) => path.startsWith(this.path(forbidden)))) {
        throw Object.assign(new Error(`EACCES: permission denied, '${path}'`), { code: 'EACCES' })
      }
    }
    const fs = nodeFileSystem
    this.fs = {
      ...fs,
      stat: (path) => (check(path), fs.stat(path)),
      open: (path, mode) => (check(path), fs.open(path, mode)),
      list: (path) => (check(`${path}/`), fs.list(path)),
    }
    this.restart()
  }

  async scan(
    what: 'everything' | ReadonlySet<number> = 'everything',
    options: { acceptDeletions?: boolean; signal?: AbortSignal } = {},
  ): Promise<ScanReport> {
    const { acceptDeletions = false, signal = new AbortController().signal } = options
    return this.up.scan(what, { acceptDeletions, signal })
  }

  /** Only these directories, as a watcher names them. */
  async scanIn(...paths: string[]): Promise<ScanReport> {
    return this.scan(new Set(paths.map((path) => this.item(path)!.id)))
  }

  do(planned: Planned): void {
    if (typeof planned === 'string') throw new Error(planned)
    this.write(...planned)
  }

  write(...operations: Operation[]): void {
    this.replica.write(
      operations.map((operation) => ({ operation })),
      Date.now(),
    )
  }

  item(path: string) {
    let item = this.items.get(rootItem)
    for (const name of stepsOf(path)) item = item === undefined ? undefined : this.items.child(item.id, name)
    return item
  }

  path(path: string): string {
    return join(this.root, path)
  }

  put(path: string, text: string | Uint8Array): void {
    mkdirSync(dirname(this.path(path)), { recursive: true })
    writeFileSync(this.path(path), text)
  }

  /** As editors do: a new file beside it, then renamed over it. */
  save(path: string, text: string): void {
    this.put(`${path}.new`, text)
    renameSync(this.path(`${path}.new`), this.path(path))
  }

  mkdir(path: string): void {
    mkdirSync(this.path(path), { recursive: true })
  }

  move(from: string, to: string): void {
    renameSync(this.path(from), this.path(to))
  }

  remove(path: string): void {
    rmSync(this.path(path), { recursive: true })
  }

  symlink(target: string, path: string): void {
    symlinkSync(target, this.path(path))
  }

  exec(path: string, exec: boolean): void {
    chmodSync(this.path(path), exec ? 0o755 : 0o644)
  }

  touch(path: string, seconds: number): void {
    utimesSync(this.path(path), seconds, seconds)
  }

  /** What the log shows, in the words of `onDisk`. */
  shown(): string[] {
    const lines: string[] = []
    for (const { path, shown } of this.replica.view.walk()) {
      const name = path.join('/')
      if (shown.kind === 'directory') lines.push(`${name}/`)
      else lines.push(`${name} ${textOf(shown)}`)
    }
    return lines.sort()
  }

  onDisk(): string[] {
    const lines: string[] = []
    const walk = (directory: string): void => {
      for (const name of readdirSync(this.path(directory))) {
        const path = directory === '' ? name : `${directory}/${name}`
        if (path === '.harp') continue
        const stat = lstatSync(this.path(path))
        if (stat.isDirectory()) {
          lines.push(`${path}/`)
          walk(path)
        } else if (stat.isSymbolicLink()) {
          lines.push(`${path} -> ${readlinkSync(this.path(path))}`)
        } else {
          const exec = (stat.mode & 0o100) === 0 ? '' : ' x'
          lines.push(`${path} ${hashOf(readFileSync(this.path(path)))}${exec}`)
        }
      }
    }
    walk('')
    return lines.sort()
  }

  file(path: string): ShownFile<LogEntry> {
    const shown = this.replica.view.at(stepsOf(path))
    if (shown === undefined || shown.kind === 'directory') throw new Error(`no file at ${path}`)
    return shown
  }

  /** The types of this device's last operations. */
  lastOperations(count: number): string[] {
    return this.replica.order.slice(-count).map(({ operation }) => operation?.type ?? 'none')
  }

  close(): void {
    this.items.close()
    this.chunks.close()
    chmodSync(this.root, 0o755)
    rmSync(this.root, { recursive: true, force: true })
  }

  #itemPath(item: number): string | undefined {
    const path = this.items.path(item)
    return path === undefined ? undefined : join(this.root, ...path)
  }

  #mark(): void {
    mkdirSync(this.path(privatePaths.temporary), { recursive: true })
    writeFileSync(this.path(privatePaths.marker), `${this.replica.folderId}\n`)
    this.items.update(rootItem, { print: fingerprintOf(this.fs.stat(this.root)!) })
  }

  #open(): UpSync {
    const pool = new InlinePool(this.fs)
    return new UpSync({
      root: this.root,
      replica: this.replica,
      items: this.items,
      chunks: this.chunks,
      pool: {
        run: (name, job) => {
          this.jobs.push(
            `${name} ${'files' in job ? job.files.length : 'directories' in job ? job.directories.length : 0}`,
          )
          return pool.run(name, job)
        },
        close: () => pool.close(),
      },
      fs: this.fs,
      clock: { wall: () => Date.now() + this.ahead, monotonic: () => performance.now() },
      random: this.random,
      suite: nodeSuite,
      names: { logName: (name) => name.normalize('NFC') },
      keys,
      chunker: this.replica.log.genesis!.chunker,
      keep: this.keep,
      rows: (version) => this.rows(version),
      announce: () => this.announced++,
      report: () => undefined,
      bootId: () => this.bootId,
    })
  }
}

export function hashOf(bytes: Uint8Array): string {
  return toHex(nodeContentSuite.hash(bytes)).slice(0, 16)
}

function textOf(shown: ShownFile<LogEntry>): string {
  const { operation } = shown.current
  const others = shown.concurrent.length > 0 ? ` +${shown.concurrent.length}` : ''
  if (operation.type === 'symlink') return `-> ${operation.target}${others}`
  return `${operation.content.hash.slice(0, 16)}${shown.exec ? ' x' : ''}${others}`
}

function stepsOf(path: string): string[] {
  return path === '' ? [] : path.split('/')
}
