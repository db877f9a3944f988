import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { errorMessage, HarpError } from '../../base/errors.ts'
import { parseName } from '../config/settings.ts'
import type { FolderOptions } from '../folder/folder-options.ts'
import { Folder, type Invited } from '../folder/folder.ts'
import type { FolderMode } from '../format/membership.ts'
import type { FolderId } from '../ids.ts'
import { deviceErrors } from './device-errors.ts'
import { leaveDirectory, makePrivateDirectory, requireFreeDirectory } from './folder-place.ts'
import { freeName } from './free-name.ts'
import type { FolderRecord } from './home-records.ts'
import type { DeviceHome } from './home.ts'

/** What all folders of a device share; the rest of a folder's options is its own. */
export type SharedOptions = Omit<FolderOptions, 'directory' | 'root' | 'name' | 'isPaused' | 'isRestored'>

/** A folder of this device that cannot be opened. */
export interface FailedFolder {
  readonly record: FolderRecord
  readonly error: unknown
}

/** Where and as what a folder shall be here. `quota`: of a cache. */
export interface FolderPlace {
  readonly path: string
  readonly name: string
  readonly quota?: number | undefined
}

/** The folders of this device: opened, begun, joined, removed; and written down in the home. */
export class FolderRegistry {
  readonly #home: DeviceHome
  readonly #shared: SharedOptions
  readonly #folders = new Map<FolderId, Folder>()
  /** Those that could not be opened: they stay written down, and are tried again. */
  readonly #failed = new Map<FolderId, FailedFolder>()
  /** Their stores are not closed yet. */
  readonly #leaving = new Set<FolderId>()
  #isStopped = false

  constructor(home: DeviceHome, shared: SharedOptions) {
    this.#home = home
    this.#shared = shared
  }

  get all(): readonly Folder[] {
    return [...this.#folders.values()]
  }

  get failed(): readonly FailedFolder[] {
    return [...this.#failed.values()]
  }

  get(id: FolderId): Folder | undefined {
    return this.#folders.get(id)
  }

  /** Everything that the home knows. One folder that cannot be opened does not keep the others from it. */
  openAll(): void {
    for (const record of this.#home.folders()) this.#tryOpen(record)
  }

  /** Those that failed, once more. Returns those that are open now. */
  openFailed(): readonly Folder[] {
    const opened: Folder[] = []
    for (const { record } of this.#isStopped ? [] : this.failed) {
      const folder = this.#tryOpen(record)
      if (folder !== undefined) opened.push(folder)
    }
    return opened
  }

  #tryOpen(record: FolderRecord, isSuspect = false): Folder | undefined {
    try {
      const folder = Folder.open({ ...this.#options(record), isSuspect }, record.id)
      this.#folders.set(record.id, folder)
      this.#failed.delete(record.id)
      return folder
    } catch (error) {
      if (!this.#failed.has(record.id)) {
        this.#shared.log.error({ folder: record.name, error: errorMessage(error) }, 'cannot open a folder')
      }
      this.#failed.set(record.id, { record, error })
      return undefined
    }
  }

  /** Begins a folder with what is in a directory. Its stores get their place once its id is known. */
  async add(path: string, name: string | undefined, mode: FolderMode): Promise<Folder> {
    const chosen = this.#newName(name ?? parseName(basename(path)) ?? 'folder', name !== undefined)
    requireFreeDirectory(path, this.#paths())
    const directory = join(this.#home.path, 'folders', `new-${process.pid}-${performance.now()}`)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    try {
      const own = { directory, root: path, name: chosen, isPaused: true }
      const founded = Folder.found({ ...this.#shared, ...own, isRestored: false }, mode)
      const { id } = founded
      await founded.stop()
      if (this.#isStopped) throw stopping()
      makePrivateDirectory(path, id)
      renameSync(directory, this.#home.folderPlace(id))
      return this.#open({ id, name: chosen, path, paused: false })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }

  /** Takes part in a folder that another device has. */
  join(folderId: FolderId, invited: Invited, place: FolderPlace): Folder {
    const { path, quota } = place
    const record = { id: folderId, name: this.#newName(place.name, false), path, paused: false, quota }
    this.requireJoinable(folderId, place.path)
    makePrivateDirectory(place.path, folderId)
    // From a backup of the keys: what this device wrote and published before is known to others only.
    const isRestored = this.#home.restored !== undefined
    return this.#keep(Folder.join({ ...this.#options(record), isRestored }, folderId, invited))
  }

  /** A folder that this device was put out of, and may join again where it is; with another path it may not. */
  forRejoining(folderId: FolderId, path: string | undefined): Folder | undefined {
    const known = this.#isStopped ? undefined : this.#folders.get(folderId)
    if (known === undefined || (path ?? known.root) !== known.root) return undefined
    return known.isOut || known.peers.isRefused ? known : undefined
  }

  /**
   * Let in again. What was last seen to agree is forgotten, so that all that the disk has is united with the folder: the
   * log may not show any more what this device wrote while it was out. Log, old content and chunks stay; where these
   * lay in the user's files is told anew, see `openStores`.
   */
  async rejoin(folder: Folder, invited: Invited): Promise<Folder> {
    const { id } = folder
    const record = recordOf(folder)
    await folder.stop()
    if (this.#isStopped || this.#folders.get(id) !== folder) throw stopping()
    this.#folders.delete(id)
    try {
      const options = this.#options(record)
      for (const end of ['', '-wal', '-shm']) {
        rmSync(join(options.directory, `items.sqlite${end}`), { force: true })
      }
      return this.#keep(Folder.join(options, id, invited))
    } catch (error) {
      // It is this device's folder as before, and is tried again.
      this.#failed.set(id, { record, error })
      throw error
    }
  }

  /** Where a cache is that nobody named a place for. */
  cachePlace(folderId: FolderId): string {
    return join(this.#home.folderPlace(folderId), 'cache')
  }

  /** Bytes that may still be written there. */
  free(path: string): number {
    return this.#shared.fs.free(path)
  }

  /** Throws before the invitation is used up. */
  requireJoinable(folderId: FolderId, path: string): void {
    if (this.#isStopped) throw stopping()
    if (this.#leaving.has(folderId)) {
      throw new HarpError('SYNC_FOLDER_KNOWN', 'that folder is just being removed here', {
        fix: 'try again in a moment',
        retryable: true,
      })
    }
    const known = this.#folders.get(folderId)
    if (known !== undefined || this.#failed.has(folderId)) {
      throw new HarpError(
        'SYNC_FOLDER_KNOWN',
        `this device has that folder already, at ${known?.root ?? '?'}`,
        {
          fix: 'use it there, or remove it first',
        },
      )
    }
    requireFreeDirectory(path, this.#paths(), folderId)
  }

  /**
   * After a fault: what a store remembered is gone, what it committed is not. Undefined if it fails again, was removed
   * meanwhile, or the device stops.
   */
  async reopen(folder: Folder): Promise<Folder | undefined> {
    const { id } = folder
    await folder.stop()
    const now = this.#folders.get(id)
    if (this.#isStopped || now !== folder) return now
    this.#folders.delete(id)
    return this.#tryOpen(recordOf(folder), folder.hasDamage)
  }

  /** Its files stay. */
  async remove(id: FolderId): Promise<void> {
    const folder = this.#folders.get(id)
    const record = folder === undefined ? this.#failed.get(id)?.record : recordOf(folder)
    if (record === undefined) return
    const { path: root, quota } = record
    this.#save((known) => known.id !== id)
    this.#folders.delete(id)
    this.#failed.delete(id)
    this.#leaving.add(id)
    try {
      await folder?.stop()
      rmSync(this.#home.folderPlace(id), { recursive: true, force: true })
      leaveDirectory(root, quota !== undefined)
    } finally {
      this.#leaving.delete(id)
    }
  }

  save(): void {
    this.#save(() => true)
  }

  #save(isKept: (record: FolderRecord) => boolean): void {
    const open = this.all.map(recordOf)
    this.#home.saveFolders([...open, ...this.failed.map(({ record }) => record)].filter(isKept))
  }

  /** For good: nothing is opened after it. */
  async stopAll(): Promise<void> {
    this.#isStopped = true
    await Promise.allSettled(this.all.map((folder) => folder.stop()))
  }

  #open(record: FolderRecord): Folder {
    if (this.#isStopped) throw stopping()
    return this.#keep(Folder.open(this.#options(record), record.id))
  }

  /** Only if it could be written down: what the next start does not know must not go on now. */
  #keep(folder: Folder): Folder {
    this.#folders.set(folder.id, folder)
    try {
      this.save()
      return folder
    } catch (error) {
      this.#folders.delete(folder.id)
      void folder.stop()
      throw error
    }
  }

  #options({ id, name, path, paused, quota }: FolderRecord): FolderOptions {
    const directory = this.#home.folderDirectory(id)
    return { ...this.#shared, directory, root: path, name, isPaused: paused, isRestored: false, quota }
  }

  #paths(): string[] {
    return [...this.all.map(({ root }) => root), ...this.failed.map(({ record }) => record.path)]
  }

  #newName(name: string, isAskedFor: boolean): string {
    const taken = new Set(
      [...this.all, ...this.failed.map(({ record }) => record)].map(({ name: known }) => known),
    )
    return freeName(taken, name, isAskedFor)
  }
}

function recordOf({ id, name, root, isPaused, quota }: Folder): FolderRecord {
  return { id, name, path: root, paused: isPaused, quota }
}

function stopping(): HarpError {
  return new HarpError('SYNC_CONTROL', 'the daemon is just stopping', {
    fix: deviceErrors.SYNC_NOT_RUNNING.fix,
  })
}
