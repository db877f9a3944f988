import { createDeviceKeys, type DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import type { CryptoSuite } from '../../../src/sync/crypto/suite.ts'
import { encodeAuthorityStatement } from '../../../src/sync/format/statement-codec.ts'
import type { FolderMode, Role } from '../../../src/sync/format/membership.ts'
import type { Operation } from '../../../src/sync/format/operation.ts'
import type { EntryHash, FolderId } from '../../../src/sync/ids.ts'
import { Replica } from '../../../src/sync/replica/replica.ts'
import { makeDirectory, move, putFile, restore, trash, type Planned } from '../../../src/sync/tree/intents.ts'
import { CrashingStore } from './crashing-store.ts'
import { fakeSuite } from './fake-suite.ts'
import { countingRandom, noon } from './log-peer.ts'
import { content } from './tree-devices.ts'

/** Tells the devices of a test apart, also those of different worlds. */
let devices = 0

/** A device with a replica, a disk that can be copied and lost, and a clock of its own. */
export class ReplicaDevice {
  readonly suite: CryptoSuite
  readonly keys: DeviceKeys
  readonly #random: (length: number) => Uint8Array
  store = new CrashingStore()
  #replica: Replica | undefined
  now = noon

  constructor(suite: CryptoSuite = fakeSuite) {
    this.suite = suite
    this.#random = countingRandom(++devices)
    this.keys = createDeviceKeys(suite, this.#random)
  }

  /** `count` of them, the first of which founds a folder in peer mode and makes the others what `role` says. */
  static folder(count: number, role: Role = 'admin'): ReplicaDevice[] {
    const [founder = new ReplicaDevice(), ...others] = Array.from(
      { length: count },
      () => new ReplicaDevice(),
    )
    founder.found('peer')
    for (const other of others) founder.admit(other, role)
    meet(founder, ...others)
    for (const other of others) other.replica.commit()
    return [founder, ...others]
  }

  get replica(): Replica {
    if (this.#replica === undefined) throw new Error('this device has not opened a folder')
    return this.#replica
  }

  get isOpen(): boolean {
    return this.#replica !== undefined
  }

  get id(): string {
    return this.keys.deviceId
  }

  get options() {
    return { suite: this.suite, store: this.store, keys: this.keys, random: this.#random }
  }

  /** The next moment of its clock. */
  tick(): number {
    return ++this.now
  }

  found(mode: FolderMode, authority?: ReplicaDevice): this {
    const founding = { mode, ...(authority !== undefined && { authority: authority.keys.record }) }
    this.#replica = Replica.found(this.options, founding, this.tick())
    return this
  }

  open(folderId?: FolderId, isRestored = false): this {
    const folder = folderId ?? this.#replica?.folderId
    const known = folder === undefined ? {} : { folderId: folder }
    this.#replica = Replica.open({ ...this.options, ...known, isRestored })
    return this
  }

  /** Power fails: only what was committed is there when it starts again. */
  crash(): this {
    this.store = this.store.crash()
    return this.open()
  }

  /** Its disk is what `copy` holds, as after restoring a backup. */
  rollBack(copy: CrashingStore, isRestored: boolean, folderId?: FolderId): this {
    this.store = copy
    return this.open(folderId, isRestored)
  }

  /** Another machine with this device's disk and keys. */
  clone(): ReplicaDevice {
    const clone = new ReplicaDevice(this.suite)
    Object.assign(clone, { keys: this.keys, store: this.store.copy(), now: this.now })
    return clone.open(this.replica.folderId)
  }

  /** Grants a role, and lets the new member take what is here. */
  admit(other: ReplicaDevice, role: Role): void {
    this.replica.grant(other.keys.record, role, this.tick())
    other.hear(this)
  }

  /** Takes all that another device has: entries, then statements. */
  hear(other: ReplicaDevice): void {
    if (this.#replica === undefined) this.open(other.replica.folderId)
    for (const bytes of batchesOf(other, this)) this.receive(bytes)
    for (const bytes of statementsOf(other)) this.replica.receiveStatement(bytes, 'other', this.now)
  }

  receive(bytes: Uint8Array, source = 'other') {
    return this.replica.receive(bytes, source, this.now)
  }

  write(...operations: Operation[]): Uint8Array[] {
    return this.replica.write(
      operations.map((operation) => ({ operation })),
      this.tick(),
    )
  }

  put(path: string, mark: number): EntryHash {
    this.#do(putFile(this.replica.view, steps(path), content(mark), this.#random))
    return this.ownEntries().at(-1)?.hash ?? ''
  }

  mkdir(path: string): void {
    this.#do(makeDirectory(this.replica.view, steps(path), this.#random))
  }

  move(from: string, to: string): void {
    this.#do(move(this.replica.view, steps(from), steps(to)))
  }

  trash(path: string): void {
    this.#do(trash(this.replica.view, steps(path)))
  }

  restore(node: string): void {
    this.#do(restore(this.replica.view, node))
  }

  /** Paths shown; directories end in a slash, files have the sizes of their versions: current first. */
  shown(): string[] {
    const lines: string[] = []
    for (const { path, shown } of this.replica.view.walk()) {
      if (shown.kind === 'directory') lines.push(`${path.join('/')}/`)
      else {
        const heads = [shown.current, ...shown.concurrent.toReversed()]
        lines.push(`${path.join('/')} ${heads.map(({ operation }) => sizeOf(operation)).join('|')}`)
      }
    }
    return lines.sort()
  }

  /** Hashes of all versions of the file shown there, in order. */
  versions(path: string): EntryHash[] {
    const shown = this.replica.view.at(steps(path))
    if (shown === undefined || shown.kind === 'directory') return []
    return shown.versions.map(({ entry }) => entry.hash)
  }

  ownEntries() {
    return this.replica.order.filter(({ deviceId }) => deviceId === this.id)
  }

  #do(planned: Planned): void {
    if (typeof planned === 'string') throw new Error(planned)
    this.write(...planned)
  }
}

function sizeOf(operation: Operation): string {
  return operation.type === 'put' ? String(operation.content.size) : 'link'
}

function steps(path: string): string[] {
  return path === '' ? [] : path.split('/')
}

/** All batches of a device that the other, if one is named, lacks; branch by branch: in no causal order. */
export function batchesOf(device: ReplicaDevice, other?: ReplicaDevice): Uint8Array[] {
  const { log } = device.replica
  const known = other?.replica.log
  return log
    .branchHeads()
    .filter(({ hash }) => known?.entry(hash) === undefined)
    .flatMap(({ branch }) => {
      const chain = known === undefined ? [] : log.chainEntries(branch, 0)
      const first = chain.findIndex(({ hash }) => known?.entry(hash) === undefined)
      return [...log.batchesFrom(branch, Math.max(0, first))].map(({ bytes }) => bytes)
    })
}

export function statementsOf(device: ReplicaDevice): Uint8Array[] {
  return device.replica.statements.from(0).map(encodeAuthorityStatement)
}

/** Everybody hears everybody, until all have all. */
export function meet(...all: ReplicaDevice[]): void {
  const [hub, ...others] = all
  if (hub === undefined) return
  for (const other of others) if (other.isOpen) hub.hear(other)
  for (const other of others) other.hear(hub)
}

/** One digest of all of these, or the different ones. */
export function digests(...all: ReplicaDevice[]): string[] {
  return [...new Set(all.map(({ replica }) => JSON.stringify(replica.digest())))]
}
