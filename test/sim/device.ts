import { createDeviceKeys, type DeviceKeys } from '../../src/sync/crypto/identity.ts'
import type { CryptoSuite } from '../../src/sync/crypto/suite.ts'
import type { FolderId } from '../../src/sync/ids.ts'
import { Replica } from '../../src/sync/replica/replica.ts'
import { CrashingStore } from '../sync/support/crashing-store.ts'
import { Chance } from './chance.ts'

/** When all schedules begin, in ms since 1970. */
export const beginning = 1_700_000_000_000

/** A device: keys and a disk that outlive it, a clock of its own, and a replica while it runs. */
export class SimDevice {
  readonly index: number
  readonly suite: CryptoSuite
  readonly keys: DeviceKeys
  /** What its clock shows more than the true time. */
  offset: number
  store = new CrashingStore()
  replica: Replica | undefined
  /** A backup of the disk. */
  copy: CrashingStore | undefined
  /** It was put back to a copy and must not go on with its chain. */
  needsIncarnation = false
  /** At its next commit it dies. */
  doomed = false
  chance: Chance

  constructor(suite: CryptoSuite, seed: number, index: number, offset: number) {
    this.suite = suite
    this.index = index
    this.offset = offset
    this.chance = new Chance(seed, index, 0xdec1ce)
    this.keys = createDeviceKeys(suite, (length) => this.chance.bytes(length))
  }

  get name(): string {
    return `device ${this.index}`
  }

  now(time: number): number {
    return beginning + time + this.offset
  }

  start(folderId: FolderId): Replica {
    this.replica = Replica.open({
      suite: this.suite,
      store: this.store,
      keys: this.keys,
      random: (length) => this.chance.bytes(length),
      folderId,
      isRestored: this.needsIncarnation,
    })
    this.needsIncarnation = false
    return this.replica
  }

  /** It stops at once; what was not committed is gone. */
  die(): void {
    this.replica = undefined
    this.doomed = false
    this.store = this.store.crash()
  }

  /** The disk is what it was at the last copy. */
  rollBack(known: boolean): void {
    if (this.copy === undefined) return
    this.die()
    this.store = this.copy.copy()
    this.needsIncarnation ||= known
  }
}
