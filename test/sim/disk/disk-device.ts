import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/logger.ts'
import { packBytesOf } from '../../../src/sync/cache/cache-limits.ts'
import { SqliteChunks } from '../../../src/sync/chunks/sqlite-chunks.ts'
import { createDeviceKeys, type DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import type { CryptoSuite } from '../../../src/sync/crypto/suite.ts'
import { privatePaths } from '../../../src/sync/disk/private-directory.ts'
import type { FolderOptions } from '../../../src/sync/folder/folder-options.ts'
import { Folder, type Invited } from '../../../src/sync/folder/folder.ts'
import type { KeepPolicy } from '../../../src/sync/folder/version-source.ts'
import { SqliteItems } from '../../../src/sync/items/sqlite-items.ts'
import { RateLimit } from '../../../src/sync/transfer/rate-limit.ts'
import { InlinePool } from '../../../src/sync/work/inline-pool.ts'
import { CrashingStore } from '../../sync/support/crashing-store.ts'
import type { Chance } from '../chance.ts'
import { Killed, Life, mortal } from './life.ts'
import { Oracle } from './oracle.ts'
import type { SimTime } from './sim-time.ts'
import { WatchedDisk } from './watched-disk.ts'

export const root = '/folder'
export const home = '/home'

export interface DeviceOptions {
  readonly name: string
  readonly suite: CryptoSuite
  readonly time: SimTime
  readonly chance: Chance
  readonly keep: KeepPolicy
  /** Steps of its file system's clock. */
  readonly tickMs: number
  /** Of its file system: names come to the disk in order, with whatever is synced next. */
  readonly hasOneJournal: boolean
  /** Of a cache, in bytes. */
  readonly quota?: number
  readonly scrubRate?: number
}

/** A machine with a disk, a home, a process that dies and starts again, and users. */
export class DiskDevice {
  readonly name: string
  readonly keys: DeviceKeys
  readonly disk: WatchedDisk
  readonly oracle: Oracle
  readonly clock: Clock
  /** Added to its clock. */
  skewMs = 0
  onDeath: () => void = () => undefined
  folder: Folder | undefined
  life = new Life()
  boots = 1
  /** Not before its process has started again, which it does with the machine. */
  isOff = false
  /** It has nothing to do with the folder. */
  isAbsent = false
  #isStopping = false
  readonly #options: DeviceOptions
  #store = new CrashingStore()
  #items = new DatabaseSync(':memory:')
  readonly #chunks = new DatabaseSync(':memory:')
  readonly #cache = new DatabaseSync(':memory:')
  #folderId: string | undefined

  constructor(options: DeviceOptions) {
    const { name, suite, time, chance, tickMs } = options
    this.#options = options
    this.name = name
    this.keys = createDeviceKeys(suite, (length) => chance.bytes(length))
    this.clock = { monotonic: () => time.monotonic(), wall: () => time.wall() + this.skewMs }
    const now = (): number => Math.floor(this.clock.wall() / tickMs) * tickMs
    this.disk = new WatchedDisk(time, { now, keepsTimes: true })
    this.oracle = new Oracle(this)
    for (const path of [root, home]) this.disk.users.makeDirectory(path)
  }

  get id(): string {
    return this.keys.deviceId
  }

  get keep(): KeepPolicy {
    return this.#options.keep
  }

  get quota(): number | undefined {
    return this.#options.quota
  }

  /** It has been a member, or was invited. */
  get hasFolder(): boolean {
    return this.#folderId !== undefined
  }

  /** What it keeps, besides files. */
  get stores(): { readonly log: CrashingStore; readonly databases: readonly DatabaseSync[] } {
    return { log: this.#store, databases: [this.#items, this.#chunks, this.#cache] }
  }

  get isUp(): boolean {
    return this.folder !== undefined && !this.life.isDead && !this.#isStopping
  }

  /** Runs something in its process, if there is one. */
  inProcess<T>(act: (folder: Folder) => T): T | undefined {
    const { folder, life } = this
    if (folder === undefined || life.isDead || this.#isStopping) return undefined
    return this.#options.time.as(life, () => {
      try {
        return act(folder)
      } catch (error) {
        if (error instanceof Killed) return undefined
        throw error
      }
    })
  }

  found(): string {
    this.#begin((options) => Folder.found(options, 'peer'))
    const { id } = this.folder as Folder
    this.#mark(id)
    this.inProcess((folder) => folder.start())
    return id
  }

  join(folderId: string, invited: Invited): void {
    this.#mark(folderId)
    this.#begin((options) => Folder.join(options, folderId, invited))
    this.inProcess((folder) => folder.start())
  }

  /** Let in again, as the daemon does it: with what is on the disk, and nothing that is known of it. */
  async rejoin(invited: Invited): Promise<void> {
    await this.stop()
    this.oracle.adopt()
    this.#items = new DatabaseSync(':memory:')
    const id = this.#folderId as string
    this.#begin((options) => Folder.join(options, id, invited))
    this.inProcess((folder) => folder.start())
  }

  /** The process starts again. */
  start(): void {
    const id = this.#folderId as string
    this.isOff = false
    this.#begin((options) => Folder.open(options, id))
    this.inProcess((folder) => folder.start())
  }

  kill(): void {
    if (this.life.isDead) return
    this.life.isDead = true
    this.folder = undefined
    this.disk.kill()
    this.#store = this.#store.crash()
    this.onDeath()
  }

  losePower(seed: number): void {
    this.kill()
    const saved = this.oracle.saved()
    this.disk.losePower(seed)
    this.boots++
    this.isOff = true
    this.oracle.lostPower(saved)
  }

  /** In good order. */
  async stop(): Promise<void> {
    const { folder } = this
    if (folder === undefined || this.#isStopping) return
    this.#isStopping = true
    try {
      await folder.stop()
    } catch (error) {
      if (!(error instanceof Killed)) throw error
    } finally {
      this.#isStopping = false
      this.kill()
    }
  }

  #begin(make: (options: FolderOptions) => Folder): void {
    const life = new Life()
    this.life = life
    this.folder = this.#options.time.as(life, () => make(this.#folderOptions(life)))
    this.#folderId = this.folder.id
  }

  #folderOptions(life: Life): FolderOptions {
    const { name, suite, time, chance, keep, quota, scrubRate } = this.#options
    const { clock } = this
    // Whatever is synced takes with it what was named before, where one journal has it all.
    const synced = (): void => {
      if (this.#options.hasOneJournal) this.disk.model.settleNames()
    }
    const fs = this.disk.forProcess(life, (call, path) => this.oracle.destroying(call, path))
    return {
      directory: home,
      root,
      name,
      isPaused: false,
      keys: this.keys,
      suite,
      random: (length) => chance.bytes(length),
      clock,
      log: silentLogger,
      fs,
      pool: new InlinePool(fs),
      keep,
      rescanMs: 3_600_000,
      ...(scrubRate !== undefined && { scrubRate }),
      quota,
      upload: new RateLimit({ bytesPerSecond: undefined, clock, timers: time }),
      download: new RateLimit({ bytesPerSecond: undefined, clock, timers: time }),
      isRestored: false,
      watch: this.disk.watchFor(life),
      bootId: () => String(this.boots),
      stores: {
        ...(quota !== undefined && { cache: this.#cache }),
        log: () => mortal(life, this.#store, synced),
        items: () => mortal(life, new SqliteItems(this.#items), synced),
        chunks: (places) =>
          mortal(
            life,
            new SqliteChunks({
              directory: home,
              places,
              packs: fs,
              database: this.#chunks,
              packBytes: quota === undefined ? 1 << 20 : packBytesOf(quota),
              now: () => clock.monotonic(),
            }),
            synced,
          ),
      },
    }
  }

  #mark(folderId: string): void {
    const { users } = this.disk
    const encoder = new TextEncoder()
    for (const path of ['.harp', privatePaths.temporary, privatePaths.kept]) {
      if (users.stat(`${root}/${path}`) === undefined) users.makeDirectory(`${root}/${path}`)
    }
    const file = users.open(`${root}/${privatePaths.marker}`, 'create')
    users.write(file, encoder.encode(`${folderId}\n`), 0)
    users.sync(file)
    users.close(file)
    this.disk.model.settle()
  }
}
