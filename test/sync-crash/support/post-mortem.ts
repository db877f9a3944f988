import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SqliteChunks } from '../../../src/sync/chunks/sqlite-chunks.ts'
import { contentKeysOf } from '../../../src/sync/content/content-keys.ts'
import type { ContentKeys } from '../../../src/sync/content/content.ts'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { DeviceHome } from '../../../src/sync/device/home.ts'
import { runFill } from '../../../src/sync/disk/fill-job.ts'
import { nodeFileSystem } from '../../../src/sync/disk/node-file-system.ts'
import { privatePaths } from '../../../src/sync/disk/private-directory.ts'
import { idOf } from '../../../src/sync/folder/download.ts'
import { VersionBook } from '../../../src/sync/folder/version-book.ts'
import { SqliteItems } from '../../../src/sync/items/sqlite-items.ts'
import { Replica } from '../../../src/sync/replica/replica.ts'
import { SqliteStore } from '../../../src/sync/store/sqlite-store.ts'
import type { CrashDevice } from './crash-device.ts'
import { hashOf, type Ledger } from './ledger.ts'
import { Violation } from './violation.ts'

export interface PostMortem {
  readonly entries: number
  /** Contents of versions that could be read, and of those that need not be there any more. */
  readonly read: number
  readonly missing: number
}

/** Up to this size a version's content is stored as it is written, so that it outlives its file. */
const storedBytes = 1024 * 1024
const tries = 6

/** What is left of a device that was stopped: its log, its items and its chunks. */
class Remains {
  readonly name: string
  readonly replica: Replica
  readonly chunks: SqliteChunks
  readonly book: VersionBook
  readonly keys: ContentKeys
  readonly #close: () => void

  constructor(device: CrashDevice) {
    this.name = device.name
    const home = new DeviceHome(device.home)
    const [record] = home.folders()
    if (record === undefined) throw new Violation(`${device.name} knows no folder`)
    const directory = home.folderDirectory(record.id)
    const store = new SqliteStore(join(directory, 'log.sqlite'))
    const keys = home.readDevice(nodeSuite)
    const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))
    this.replica = Replica.open({ suite: nodeSuite, keys, random, store, folderId: record.id })
    const items = new SqliteItems(join(directory, 'items.sqlite'))
    const itemPath = (item: number): string | undefined => {
      const path = items.path(item)
      return path === undefined ? undefined : join(device.root, ...path)
    }
    const keptPath = (version: string): string => join(device.root, privatePaths.kept, version)
    this.chunks = new SqliteChunks({ directory, places: { itemPath, keptPath } })
    const { firstEpochKey, log } = this.replica
    if (firstEpochKey === undefined || log.genesis === undefined) {
      throw new Violation(`${device.name} has no keys`)
    }
    this.keys = contentKeysOf(nodeSuite, record.id, firstEpochKey)
    const { maximum } = log.genesis.chunker
    const { replica, chunks } = this
    this.book = new VersionBook({ replica, chunks, keys: this.keys, fs: nodeFileSystem, maximum })
    this.#close = () => {
      chunks.close()
      items.close()
      store.close()
    }
  }

  close(): void {
    this.#close()
  }
}

/**
 * Opens what is left of devices that were stopped. Every version that was ever told of is in the logs, nobody's chain has
 * forked, both compute the same tree; the contents of versions can be read, and all that users wrote and did not do away
 * with is a version.
 */
export function examine(
  devices: readonly CrashDevice[],
  { versions, ledger, base }: { versions: Iterable<string>; ledger: Ledger; base: string },
): PostMortem {
  const remains = devices.map((device) => new Remains(device))
  try {
    const told = [...versions]
    for (const one of remains) examineLog(one, told)
    const digests = new Set(remains.map(({ replica }) => JSON.stringify(replica.digest())))
    if (digests.size > 1) throw new Violation(`the logs differ: ${[...digests].join(' and ')}`)
    return readContents(remains, ledger, join(base, 'assembled'))
  } finally {
    for (const one of remains) one.close()
  }
}

function examineLog({ replica, name }: Remains, told: readonly string[]): void {
  for (const version of told) {
    if (replica.log.entry(version) === undefined) throw new Violation(`${name} has forgotten ${version}`)
  }
  const forks = [...replica.log.equivocations()]
  if (forks.length > 0) throw new Violation(`${name}: ${forks.length} forked chains`)
}

function readContents(remains: readonly Remains[], ledger: Ledger, path: string): PostMortem {
  const committed = new Set<string>()
  let read = 0
  let missing = 0
  const order = remains[0]?.replica.order ?? []
  for (const { hash, operation } of order) {
    if (operation?.type !== 'put') continue
    const { content } = operation
    const what = `version ${hash.slice(0, 16)} (${content.size} bytes, ${ledger.describe(content.hash)})`
    if (!ledger.knows(content.hash)) throw new Violation(`${what} is what nobody wrote`)
    committed.add(content.hash)
    if (assemble(remains, hash, path)) {
      if (hashOf(readFileSync(path)) !== content.hash) throw new Violation(`${what} reads otherwise`)
      read++
    } else if (content.size <= storedBytes || ledger.isHeld(content.hash)) {
      throw new Violation(`${what} cannot be read anywhere`)
    } else missing++
  }
  for (const hash of ledger.held()) {
    if (!committed.has(hash)) throw new Violation(`lost: ${ledger.describe(hash)} (${hash.slice(0, 8)})`)
  }
  return { entries: order.length, read, missing }
}

/** Puts a version together from what all devices have; false if there is not enough. */
function assemble(remains: readonly Remains[], version: string, path: string): boolean {
  const rows = remains.map(({ book }) => book.rows(version)).find((one) => one !== undefined)
  const [first] = remains
  if (rows === undefined || first === undefined) return false
  for (let attempt = 0; attempt < tries; attempt++) {
    const { chunks } = remains[attempt % remains.length] ?? first
    const sources = Array.from(rows.lengths, (_, row) => chunks.find(idOf(rows, row)))
    const isResumed = attempt > 0
    const { missing } = runFill(nodeFileSystem, { path, keys: first.keys, rows, sources, isResumed })
    if (missing.length === 0) return true
    for (const row of missing) {
      const source = sources[row]
      if (source !== undefined) chunks.forget(idOf(rows, row), source)
    }
  }
  return false
}
