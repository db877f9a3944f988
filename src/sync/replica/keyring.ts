import {
  folderScope,
  genesisScope,
  mapKeyOf,
  openPreviousKeys,
  unwrapEpochKey,
  type WrapScope,
} from '../crypto/epoch-keys.ts'
import type { DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { DeviceWrap, EpochWrap, Genesis, Grant, Rekey } from '../format/membership.ts'
import type { DeviceId, EpochId, FolderId } from '../ids.ts'

/**
 * The epoch keys that this device can open. They come wrapped in the log's own entries (genesis, grants, rekeys), so
 * nothing but the device's agreement secret has to be kept. A rekey also carries the keys before it: one key opens all
 * history. A wrap that does not open to what the epoch id commits to is as good as none, and is named.
 */
export class Keyring {
  readonly #suite: CryptoSuite
  readonly #keys: DeviceKeys
  readonly #epochKeys = new Map<EpochId, Uint8Array>()
  /** Rekeys whose own key is not known yet. Two may found one epoch, if somebody who has the key founds it again. */
  readonly #closed = new Map<EpochId, ClosedRekey[]>()
  /** By epoch, those whose keys were found in its rekeys. */
  readonly #earlier = new Map<EpochId, Set<EpochId>>()
  readonly #badWraps = new Set<EpochId>()
  #firstEpoch: EpochId | undefined
  #mapKey: Uint8Array | undefined

  constructor(suite: CryptoSuite, keys: DeviceKeys) {
    this.#suite = suite
    this.#keys = keys
  }

  get size(): number {
    return this.#epochKeys.size
  }

  /** Epochs whose key was wrapped for this device and did not open to it. */
  get badWraps(): ReadonlySet<EpochId> {
    return this.#badWraps
  }

  /** The epochs whose keys one with this epoch's key finds in the log. What a rekey only says it holds does not count. */
  leadsTo(epoch: EpochId): ReadonlySet<EpochId> {
    return this.#earlier.get(epoch) ?? noEpochs
  }

  key(epoch: EpochId): Uint8Array | undefined {
    return this.#epochKeys.get(epoch)
  }

  /** All that are known, by epoch. */
  entries(): IterableIterator<[EpochId, Uint8Array]> {
    return this.#epochKeys.entries()
  }

  /** Of the epoch that the folder began with. */
  get firstKey(): Uint8Array | undefined {
    return this.#firstEpoch === undefined ? undefined : this.#epochKeys.get(this.#firstEpoch)
  }

  /** The key of the state map; known with the first epoch's key. */
  mapKey(folderId: FolderId): Uint8Array | undefined {
    const first = this.firstKey
    if (first === undefined) return undefined
    this.#mapKey ??= mapKeyOf(this.#suite, folderId, first)
    return this.#mapKey
  }

  learnGenesis(genesis: Genesis): void {
    this.#firstEpoch = genesis.epoch
    this.#unwrapOwn(genesis.epoch, genesis.wraps, genesisScope(genesis))
  }

  learnGrant(grant: Grant, device: DeviceId, folderId: FolderId): void {
    if (device !== this.#keys.deviceId) return
    for (const wrap of grant.wraps) this.#unwrap(wrap, folderScope(folderId))
  }

  learnRekey(rekey: Rekey, folderId: FolderId): void {
    this.#unwrapOwn(rekey.epoch, rekey.wraps, folderScope(folderId))
    const key = this.#epochKeys.get(rekey.epoch)
    if (key !== undefined) {
      for (const [epoch, earlier] of this.#openPrevious({ rekey, folderId }, key)) this.learn(epoch, earlier)
      return
    }
    const closed = this.#closed.get(rekey.epoch) ?? []
    closed.push({ rekey, folderId })
    this.#closed.set(rekey.epoch, closed)
  }

  /**
   * A key that this device made itself, or was told of by its inviter; and all that it leads to, one after the other: a
   * flood of rekeys makes a row of them that is too long for a function that calls itself.
   */
  learn(epoch: EpochId, key: Uint8Array): void {
    const found: [EpochId, Uint8Array][] = [[epoch, key]]
    for (const [known, knownKey] of found) {
      if (this.#epochKeys.has(known)) continue
      this.#epochKeys.set(known, knownKey)
      const waiting = this.#closed.get(known)
      this.#closed.delete(known)
      for (const closed of waiting ?? []) {
        for (const earlier of this.#openPrevious(closed, knownKey)) found.push(earlier)
      }
    }
  }

  #unwrapOwn(epoch: EpochId, wraps: readonly DeviceWrap[], scope: WrapScope): void {
    for (const { deviceId, wrapped } of wraps) {
      if (deviceId === this.#keys.deviceId) this.#unwrap({ epoch, wrapped }, scope)
    }
  }

  #unwrap(wrap: EpochWrap, scope: WrapScope): void {
    if (this.#epochKeys.has(wrap.epoch)) return
    const key = unwrapEpochKey(this.#suite, this.#keys, wrap, scope)
    if (key === undefined) this.#badWraps.add(wrap.epoch)
    else this.learn(wrap.epoch, key)
  }

  /** The keys in a rekey whose own key is this. */
  #openPrevious({ rekey, folderId }: ClosedRekey, key: Uint8Array): Iterable<[EpochId, Uint8Array]> {
    const previous = openPreviousKeys(this.#suite, folderId, key, rekey)
    if (previous === undefined) {
      this.#badWraps.add(rekey.epoch)
      return []
    }
    const earlier = this.#earlier.get(rekey.epoch) ?? new Set()
    this.#earlier.set(rekey.epoch, earlier)
    for (const epoch of previous.keys()) earlier.add(epoch)
    return previous
  }
}

interface ClosedRekey {
  readonly rekey: Rekey
  readonly folderId: FolderId
}

const noEpochs: ReadonlySet<EpochId> = new Set()
