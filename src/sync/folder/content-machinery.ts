import { contentKeysOf } from '../content/content-keys.ts'
import type { ContentKeys } from '../content/content.ts'
import { DownSync } from '../plan/down-sync.ts'
import type { Presence } from '../presence/presence.ts'
import type { ScanProgress } from '../up/up-parts.ts'
import { UpSync } from '../up/up-sync.ts'
import { FolderWatcher } from '../up/watcher.ts'
import type { ContentSideParts } from './content-side-parts.ts'
import type { DiskLock } from './disk-lock.ts'
import { Downloads } from './downloads.ts'
import { namesOf, prepareRoot } from './folder-root.ts'
import { OtherPolicies } from './other-policies.ts'
import { Placing } from './placing.ts'
import type { Problems } from './problems.ts'
import { Upkeep } from './upkeep.ts'
import { VersionBook } from './version-book.ts'
import type { KeepPolicy } from './version-source.ts'

/** Who lets the machinery work, and is told what it comes upon. */
export interface MachineryOwner {
  readonly lock: DiskLock
  readonly problems: Problems
  /** Aborted when nothing goes on any more. */
  readonly signal: AbortSignal
  /** The same, for jobs in threads: not 0 then. */
  readonly halted: SharedArrayBuffer
  readonly isQuiet: () => boolean
  readonly scanSoon: (directories: Iterable<number> | 'everything') => void
  /** What the log or the disk did meanwhile made a part of the plan useless. */
  readonly planAgain: () => void
  /** The log shows something else, or downloads leave room for more. */
  readonly wake: () => void
  readonly scanning: (progress: ScanProgress) => void
  readonly fault: (error: unknown) => void
}

/** What brings the user's files and the log together, each part for one thing, and none of them acts by itself. */
export interface ContentMachinery {
  readonly keys: ContentKeys
  readonly versions: VersionBook
  readonly watcher: FolderWatcher
  readonly up: UpSync
  readonly down: DownSync
  readonly downloads: Downloads
  readonly upkeep: Upkeep
}

/** Makes the parts and connects them with each other and their owner. Prepares the folder's root. */
export function contentMachinery(parts: ContentSideParts, owner: MachineryOwner): ContentMachinery {
  const { root, replica, items, chunks, fetcher, pool, fs, clock, suite, firstEpochKey } = parts
  const { lock, problems, signal, halted, scanSoon, planAgain, fault } = owner
  const keys = contentKeysOf(suite, replica.folderId, firstEpochKey)
  prepareRoot(fs, root, items)
  const names = namesOf(fs, root)
  const presence = (): Presence | undefined => parts.presence?.()
  const others = new OtherPolicies({ replica, presence, clock })
  /** Changes with what others keep, so it is asked for anew each time. */
  const keep = (): KeepPolicy => others.whenReplaced(parts.keep)
  const versions = new VersionBook({ replica, chunks, keys, fs, maximum: parts.chunker.maximum })
  const placing = new Placing({
    root,
    replica,
    items,
    chunks,
    versions,
    get keep() {
      return keep()
    },
    keys,
  })
  const downloads = new Downloads({
    root,
    items,
    chunks,
    arriving: parts.arriving,
    fs,
    pool,
    fetcher,
    versions,
    placing,
    lock,
    clock,
    signal,
    onDirty: scanSoon,
    onStale: planAgain,
    onProblem: (problem) =>
      problems.add(problem.code === 'FOLDER_EDIT_RESCUED' ? 'rescued' : 'download', problem),
    onSettled: (path) => problems.clear('download', path),
    onProgress: owner.wake,
    onFault: fault,
  })
  const up = new UpSync({
    ...parts,
    halted,
    keys,
    names,
    rows: (version) => versions.rows(version),
    get keep() {
      return keep()
    },
    announce: () => {
      parts.announce()
      owner.wake()
    },
    report: owner.scanning,
    // Before a directory is listed, or what changes between is missed.
    visit: (item, path) => watcher.add(item, path),
  })
  const down = new DownSync({
    root,
    view: () => replica.view,
    items,
    chunks,
    versions,
    fs,
    names,
    get keep() {
      return keep()
    },
    isIgnored: (path, isDirectory) => up.isIgnored(path, isDirectory),
  })
  const upkeep = new Upkeep({
    ...parts,
    versions,
    lock,
    keys,
    others,
    presence,
    halted,
    scrubRate: parts.scrubRate ?? 0,
    isConnected: (device) => parts.isConnected?.(device) === true,
    onFault: fault,
    onProblems: (found) => problems.set('damage', found),
    onLost: planAgain,
    rescan: (directory) => scanSoon([directory]),
    // Not while parts of large files wait for a device that has the rest.
    takeLeft: () => downloads.files === 0 && downloads.takeLeft(),
    isOver: () => !owner.isQuiet() || signal.aborted,
  })
  const watcher = new FolderWatcher({
    root,
    items,
    clock,
    onDirty: scanSoon,
    onProblem: (problem) => problems.set('watcher', problem === undefined ? [] : [problem]),
    ...(parts.watch !== undefined && { watch: parts.watch }),
  })
  return { keys, versions, watcher, up, down, downloads, upkeep }
}
