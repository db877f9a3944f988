import { join } from 'node:path'
import { HarpError } from '../../base/errors.ts'
import type { ChunkRows } from '../content/content.ts'
import { privatePaths } from '../disk/private-directory.ts'
import type { PutFile } from '../format/operation.ts'
import type { EntryHash } from '../ids.ts'
import type { Replica } from '../replica/replica.ts'
import { putSymlink, restore, restoreVersion } from '../tree/intents.ts'
import { Assembly, type AssemblyParts } from './assembly.ts'
import { historyOf, versionNamed, type HistoryVersion } from './file-history.ts'
import type { VersionBook } from './version-book.ts'

export interface RestoringParts extends AssemblyParts {
  readonly root: string
  readonly replica: Replica
  readonly versions: VersionBook
  /** Aborted when the folder stops. */
  readonly signal: AbortSignal
  readonly now: () => number
  readonly announce: () => void
  /** When what is being put in place right now has been written down: also where the old content went. */
  readonly settled: () => Promise<void>
}

/** How long the content of an old version is waited for. */
const fetchMs = 10 * 60_000
const checkMs = 250
const missingChecks = 8

/** Old versions, brought back: as the newest version of their file, or as a file somewhere else. */
export class Restoring {
  readonly #parts: RestoringParts

  constructor(parts: RestoringParts) {
    this.#parts = parts
  }

  /**
   * The content is fetched first and kept, so that a version nobody can give does not become the current one. Then the
   * log says it, and the plan puts it in place like any other version.
   */
  async inPlace(path: readonly string[], prefix: string): Promise<HistoryVersion> {
    const version = this.#version(path, prefix)
    const { replica, root, fs, chunks } = this.#parts
    if (version.operation.type === 'put' && !chunks.isKept(version.version)) {
      const temporary = join(root, privatePaths.temporary, `restore-${version.version}`)
      const rows = await this.#fetch(version.version, version.operation, temporary)
      if (rows.lengths.length > 0) {
        fs.rename(temporary, join(root, privatePaths.kept, version.version))
        chunks.addKept(version.version, rows, version.size)
        chunks.commit()
      }
    }
    this.#write(path, version)
    this.#parts.announce()
    return { ...version, version: historyOf(replica, path)?.versions[0]?.version ?? version.version }
  }

  /** Refuses what exists. */
  async toFile(path: readonly string[], prefix: string, destination: string): Promise<HistoryVersion> {
    const version = this.#version(path, prefix)
    const { fs } = this.#parts
    if (fs.stat(destination) !== undefined) {
      throw new HarpError('SYNC_DESTINATION_EXISTS', `${destination} exists`, { fix: 'name a new file' })
    }
    if (version.operation.type === 'symlink') {
      fs.makeSymlink(version.operation.target, destination)
      return version
    }
    const temporary = `${destination}.harp-${version.version.slice(0, 12)}`
    try {
      await this.#fetch(version.version, version.operation, temporary)
      const { mtime, exec } = version.operation.content
      fs.setTime(temporary, mtime.seconds * 1000 + mtime.nanos / 1e6)
      if (exec) fs.setExec(temporary, true)
      // A link refuses what came into being meanwhile.
      fs.link(temporary, destination)
    } finally {
      if (fs.stat(temporary) !== undefined) fs.unlink(temporary)
    }
    return version
  }

  #version(path: readonly string[], prefix: string): HistoryVersion {
    const history = historyOf(this.#parts.replica, path)
    if (history !== undefined) return versionNamed(history, prefix)
    throw new HarpError('SYNC_NO_HISTORY', `nothing is known of ${path.join('/')}`, {
      fix: 'see harp deleted for what can be brought back',
    })
  }

  async #fetch(version: EntryHash, { content }: PutFile, temporary: string): Promise<ChunkRows> {
    await this.#parts.settled()
    const { versions, fs } = this.#parts
    if (versions.rows(version) === undefined) await this.#complete(version)
    const rows = versions.rows(version)
    if (rows === undefined) throw unavailable('its list of chunks is not here')
    if (content.size > fs.free(join(temporary, '..'))) {
      throw new HarpError('FOLDER_DISK_FULL', `no room for ${content.size} bytes`, {
        fix: 'free space on the disk',
      })
    }
    const assembly = new Assembly(this.#parts, { temporary, rows, onArrived: () => undefined })
    const timer = this.#watch(() => assembly.cancel())
    const { signal } = this.#parts
    const abort = (): void => assembly.cancel()
    signal.addEventListener('abort', abort, { once: true })
    try {
      if (signal.aborted) assembly.cancel()
      const result = await assembly.run()
      if (result === 'complete') return rows
      if (result === 'cancelled') throw unavailable('no connected device has its content')
      throw new HarpError('FOLDER_CANNOT_WRITE', result.message, { fix: 'see the reason' })
    } finally {
      clearInterval(timer)
      signal.removeEventListener('abort', abort)
    }
  }

  async #complete(version: EntryHash): Promise<void> {
    const { versions, fetcher, signal } = this.#parts
    const end = new AbortController()
    const timer = this.#watch(() => end.abort())
    try {
      const problem = await versions.complete(version, fetcher, AbortSignal.any([signal, end.signal]))
      if (problem !== undefined) throw unavailable(problem.message)
    } finally {
      clearInterval(timer)
    }
  }

  /** Gives up when nobody connected has what is missing, or it takes too long. */
  #watch(giveUp: () => void): NodeJS.Timeout {
    let checks = 0
    let missing = 0
    return setInterval(() => {
      const stats = this.#parts.fetcher.stats()
      const missingNow = stats.missingIds + stats.missingLists
      missing = missingNow > 0 && missingNow === stats.wantedIds + stats.lists ? missing + 1 : 0
      if (++checks > fetchMs / checkMs || missing > missingChecks) giveUp()
    }, checkMs)
  }

  #write(path: readonly string[], { version, operation }: HistoryVersion): void {
    const { replica, now } = this.#parts
    for (const node of this.#hidden(path)) {
      const shown = restore(replica.view, node)
      if (typeof shown !== 'string') {
        replica.write(
          shown.map((one) => ({ operation: one })),
          now(),
        )
      }
    }
    const current = replica.view.at(path)
    if (current === undefined || current.kind === 'directory') {
      throw new HarpError('SYNC_NO_HISTORY', `${path.join('/')} cannot be brought back there`, {
        fix: 'restore it with --to somewhere else',
      })
    }
    if (current.current.entry.hash === version) return
    const planned =
      operation.type === 'symlink'
        ? putSymlink(replica.view, path, operation.target, () => new Uint8Array(16))
        : restoreVersion(replica.view, path, version)
    if (typeof planned === 'string') {
      throw new HarpError('SYNC_NO_HISTORY', `${path.join('/')} cannot be restored: ${planned}`)
    }
    const { log } = replica
    const entry = log.entry(version)
    const chunkList = entry === undefined ? undefined : this.#parts.versions.chunkList(entry)
    const change = planned.map((one) =>
      chunkList === undefined ? { operation: one } : { operation: one, chunkList },
    )
    replica.write(change, now())
  }

  #hidden(path: readonly string[]): readonly string[] {
    const history = historyOf(this.#parts.replica, path)
    return history?.isDeleted === true ? history.nodes : []
  }
}

function unavailable(why: string): HarpError {
  return new HarpError('SYNC_CONTENT_UNAVAILABLE', `the content of this version is not to be had: ${why}`, {
    fix: 'connect a device that has it, and try again',
    retryable: true,
  })
}
