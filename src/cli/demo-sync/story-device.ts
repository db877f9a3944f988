import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { blake3 } from '@noble/hashes/blake3.js'
import { HarpError } from '../../base/errors.ts'
import {
  createDeviceKeys,
  makeDirectory,
  move,
  nodeSuite,
  putFile,
  Replica,
  SqliteStore,
  toHex,
  trash,
  type DeviceKeys,
  type LogEntry,
  type Planned,
  type ShownFile,
} from '../../sync/index.ts'
import type { StoryClock } from './story-clock.ts'

export interface DevicePlace {
  /** Where its store lies. */
  readonly directory: string
  readonly clock: StoryClock
}

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length))

/** One of the two devices: keys of its own, and a replica of the folder in a SQLite file of its own. */
export class StoryDevice {
  readonly name: string
  readonly file: string
  readonly keys: DeviceKeys = createDeviceKeys(nodeSuite, random)
  readonly #clock: StoryClock
  #open: { readonly replica: Replica; readonly store: SqliteStore } | undefined

  constructor(name: string, { directory, clock }: DevicePlace) {
    this.name = name
    this.file = join(directory, `${name}.sqlite`)
    this.#clock = clock
  }

  get replica(): Replica {
    if (this.#open === undefined) throw new HarpError('SYNC_NO_FOLDER', `${this.name} has no folder open`)
    return this.#open.replica
  }

  found(): void {
    const options = this.#options()
    this.#open = { replica: Replica.found(options, { mode: 'peer' }, this.#clock.now), store: options.store }
  }

  /** With a folder id as a newcomer, without one from its own file. */
  open(folderId?: string): void {
    const options = this.#options()
    const replica = Replica.open(folderId === undefined ? options : { ...options, folderId })
    this.#open = { replica, store: options.store }
  }

  close(): void {
    this.#open?.store.close()
    this.#open = undefined
  }

  makeDirectory(path: string): void {
    this.#write(makeDirectory(this.replica.view, pathOf(path), random))
  }

  /** A new file, or a new version of it. */
  save(path: string, text: string): void {
    const bytes = new TextEncoder().encode(text)
    const content = {
      manifest: new Uint8Array(0),
      size: bytes.length,
      mtime: { seconds: Math.floor(this.#clock.now / 1000), nanos: 0 },
      exec: false,
      hash: contentHash(bytes),
    }
    this.#write(putFile(this.replica.view, pathOf(path), content, random))
  }

  move(from: string, to: string): void {
    this.#write(move(this.replica.view, pathOf(from), pathOf(to)))
  }

  trash(path: string): void {
    this.#write(trash(this.replica.view, pathOf(path)))
  }

  shownFile(path: string): ShownFile<LogEntry> {
    const shown = this.replica.view.at(pathOf(path))
    if (shown === undefined || shown.kind === 'directory') {
      throw new HarpError('SYNC_FAULT', `${this.name} shows no file ${path}`)
    }
    return shown
  }

  #write(planned: Planned): void {
    if (typeof planned === 'string') throw new HarpError('SYNC_FAULT', `${this.name}: ${planned}`)
    const changes = planned.map((operation) => ({ operation }))
    this.replica.write(changes, this.#clock.now)
  }

  #options(): { suite: typeof nodeSuite; store: SqliteStore; keys: DeviceKeys; random: typeof random } {
    return { suite: nodeSuite, store: new SqliteStore(this.file), keys: this.keys, random }
  }
}

export function contentHash(bytes: Uint8Array): string {
  return toHex(blake3(bytes))
}

function pathOf(path: string): string[] {
  return path.split('/')
}
