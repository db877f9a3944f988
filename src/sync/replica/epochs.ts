import { HarpError } from '../../base/errors.ts'
import { epochIdOf, folderScope, sealPreviousKeys, wrapEpochKey } from '../crypto/epoch-keys.ts'
import { deviceIdOf } from '../crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import { limits } from '../format/limits.ts'
import { encodeRekey } from '../format/membership-codec.ts'
import type { DeviceRecord, EpochWrap, Rekey } from '../format/membership.ts'
import { compareIds, type DeviceId, type EpochId, type FolderId } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Log } from '../log/log.ts'
import type { EntryContent } from './chain-writer.ts'
import type { Keyring } from './keyring.ts'

export interface EpochsParts {
  readonly suite: CryptoSuite
  readonly log: Log
  readonly keyring: Keyring
  readonly random: RandomBytes
  /** What the authority says that it cannot read, although it was given wraps: they were wrong. */
  readonly unread: () => UnreadEpochs | undefined
}

export interface UnreadEpochs {
  readonly authority: DeviceId
  readonly epochs: readonly EpochId[]
  /** How many statements there are. */
  readonly statements: number
  /** Whether the authority had this entry when it said so. */
  readonly covers: (entry: LogEntry) => boolean
}

/** What an operation is sealed under. */
export interface EpochUse {
  readonly epoch: EpochId
  readonly epochKey: Uint8Array
}

export interface FoundedEpoch {
  readonly use: EpochUse
  /** The rekey that founds it. */
  readonly content: EntryContent
}

interface LastAnswer {
  readonly memberships: number
  readonly keys: number
  readonly unread: string | undefined
  readonly use: EpochUse
}

/** Chooses the epoch for what this device writes, and founds a new one if none will do. */
export class Epochs {
  readonly #parts: EpochsParts
  /** The answer for the whole log, good until the log tells something new of members. */
  #last: LastAnswer | undefined

  constructor(parts: EpochsParts) {
    this.#parts = parts
  }

  /**
   * The newest epoch that may be used after this past. Undefined if there is none, or if a reader lacks the key of any
   * epoch of this past that is known here: a new epoch then gives all readers all keys.
   */
  current(past: readonly LogEntry[]): EpochUse | undefined {
    const { log, keyring } = this.#parts
    const memberships = log.memberships().length
    const isWhole = log.heads().every((head) => past.includes(head))
    const last = this.#last
    const lacking = this.#unread
    const unread = lacking && [lacking.statements, ...lacking.epochs].join()
    const isLast = last?.memberships === memberships && last.keys === keyring.size && last.unread === unread
    if (isWhole && isLast) return last.use
    const use = this.#choose(past)
    this.#last = isWhole && use !== undefined ? { memberships, keys: keyring.size, unread, use } : undefined
    return use
  }

  /** A new epoch for those who may read after this past. */
  found(past: readonly LogEntry[]): FoundedEpoch {
    const { suite, log, keyring, random } = this.#parts
    const { membership } = log
    const epochKey = random(32)
    const epoch = epochIdOf(suite, epochKey)
    const scope = folderScope(this.#folderId)
    const wraps = membership.readers(past).map((deviceId) => ({
      deviceId,
      wrapped: wrapEpochKey(suite, random, epochKey, scope, this.#record(deviceId, past)),
    }))
    const earlier = this.#carried(past, roomForKeys(wraps.length)).values()
    const rekey: Rekey = { epoch, wraps, ...sealPreviousKeys(suite, this.#folderId, epochKey, earlier) }
    const body = encodeRekey(rekey)
    keyring.learn(epoch, epochKey)
    return { use: { epoch, epochKey }, content: { kind: 'rekey', body } }
  }

  /**
   * The keys that open everything this device can open, for a new member. Of more than a grant takes, the first: what is
   * left comes with the next write, as what a reader lacks always does.
   */
  wrapsFor(device: DeviceRecord): EpochWrap[] {
    const { suite, log, random } = this.#parts
    const scope = folderScope(this.#folderId)
    return [...this.#carried(log.heads(), limits.wraps)]
      .map(([epoch, epochKey]) => ({
        epoch,
        wrapped: wrapEpochKey(suite, random, epochKey, scope, device),
      }))
      .sort((left, right) => compareIds(left.epoch, right.epoch))
  }

  #choose(past: readonly LogEntry[]): EpochUse | undefined {
    const { log, keyring } = this.#parts
    const { membership } = log
    const top = this.#topEpochs(past)
    const given = this.#given(past)
    for (const reader of membership.readers(past)) {
      const reached = this.#reachedFrom(given.get(reader) ?? [])
      for (const epoch of top.keys()) if (!reached.has(epoch)) return undefined
    }
    for (const epoch of membership.usableEpochs(past).reverse()) {
      const epochKey = keyring.key(epoch)
      if (epochKey !== undefined) return { epoch, epochKey }
    }
    return undefined
  }

  /** The epochs whose keys each device was given: with the entry that founded them, or in a grant. */
  #given(past: readonly LogEntry[]): Map<DeviceId, EpochId[]> {
    const { suite, log } = this.#parts
    const given = new Map<DeviceId, EpochId[]>()
    const unread = this.#unread
    const inVain = this.#leadingTo(unread?.epochs ?? [], past)
    const give = (device: DeviceId, epoch: EpochId, entry: LogEntry): void => {
      if (device === unread?.authority && inVain.has(epoch) && unread.covers(entry)) return
      const epochs = given.get(device)
      if (epochs === undefined) given.set(device, [epoch])
      else epochs.push(epoch)
    }
    for (const entry of log.memberships()) {
      if (entry.kind === 'revoke' || !past.some((head) => log.observes(head, entry))) continue
      const body = log.body(entry)
      if ('device' in body) {
        const device = deviceIdOf(suite, body.device.signingKey)
        for (const { epoch } of body.wraps) give(device, epoch, entry)
      } else if ('wraps' in body) {
        for (const { deviceId } of body.wraps) give(deviceId, body.epoch, entry)
      }
    }
    return given
  }

  /** These epochs, and those with whose key they could be read. */
  #leadingTo(epochs: readonly EpochId[], past: readonly LogEntry[]): Set<EpochId> {
    const leading = new Set(epochs)
    if (leading.size === 0) return leading
    const { log, keyring } = this.#parts
    for (const epoch of log.membership.epochs(past)) {
      for (const earlier of keyring.leadsTo(epoch)) if (leading.has(earlier)) leading.add(epoch)
    }
    return leading
  }

  #reachedFrom(given: readonly EpochId[]): Set<EpochId> {
    const reached = new Set(given)
    for (const epoch of reached) {
      for (const earlier of this.#parts.keyring.leadsTo(epoch)) reached.add(earlier)
    }
    return reached
  }

  /** The epochs of this past that this device can open and that no other of them leads to, with their keys. */
  #topEpochs(past: readonly LogEntry[]): Map<EpochId, Uint8Array> {
    const { log, keyring } = this.#parts
    const top = new Map<EpochId, Uint8Array>()
    const epochs = log.membership.epochs(past)
    for (const epoch of epochs) {
      const key = keyring.key(epoch)
      if (key !== undefined) top.set(epoch, key)
    }
    // One after the other, so that of two that lead to each other one stays.
    for (const epoch of epochs) {
      if (!top.has(epoch)) continue
      for (const earlier of keyring.leadsTo(epoch)) if (earlier !== epoch) top.delete(earlier)
    }
    return top
  }

  /**
   * The top epochs that one entry carries. Of too many, as after a flood of rekeys, those of each founder in turn, its
   * newest first: an honest device has few, because each of its rekeys carries what came before, and so is served
   * before whoever floods. A new epoch stands for those that it carries, so that the next one takes the rest.
   */
  #carried(past: readonly LogEntry[], most: number): Map<EpochId, Uint8Array> {
    const top = this.#topEpochs(past)
    if (top.size <= most) return top
    const carried = new Map<EpochId, Uint8Array>()
    const founded = [...this.#founded(top).values()]
    for (let turn = 0; turn < top.size; turn++) {
      for (const epochs of founded) {
        const epoch = epochs[turn]
        const key = epoch === undefined ? undefined : top.get(epoch)
        if (epoch !== undefined && key !== undefined) carried.set(epoch, key)
        if (carried.size === most) return carried
      }
    }
    return carried
  }

  /** Which of these epochs each device founded, the newest first. */
  #founded(epochs: ReadonlyMap<EpochId, unknown>): Map<DeviceId, EpochId[]> {
    const { log } = this.#parts
    const founded = new Map<DeviceId, EpochId[]>()
    for (const entry of log.memberships().toReversed()) {
      const body = log.body(entry)
      if (!('epoch' in body) || !epochs.has(body.epoch)) continue
      const own = founded.get(entry.deviceId)
      if (own === undefined) founded.set(entry.deviceId, [body.epoch])
      else own.push(body.epoch)
    }
    return founded
  }

  /** What the authority cannot read and this device can; undefined if there is nothing. */
  get #unread(): UnreadEpochs | undefined {
    const unread = this.#parts.unread()
    const epochs = unread?.epochs.filter((epoch) => this.#parts.keyring.key(epoch) !== undefined) ?? []
    return unread === undefined || epochs.length === 0 ? undefined : { ...unread, epochs }
  }

  get #folderId(): FolderId {
    const { folderId } = this.#parts.log
    if (folderId === undefined) throw new HarpError('SYNC_NO_FOLDER', 'this replica has no folder yet')
    return folderId
  }

  #record(deviceId: DeviceId, past: readonly LogEntry[]): DeviceRecord {
    const record = this.#parts.log.membership.recordOf(deviceId, past)
    if (record === undefined) throw new HarpError('SYNC_FAULT', `no keys are known of member ${deviceId}`)
    return record
  }
}

/** Bytes of a wrap with its device id, of an earlier key with its epoch id, and of all else in a rekey; or a few more. */
const wrapBytes = 120
const keyBytes = 50
const frameBytes = 128

/** How many earlier keys a rekey takes beside so many wraps. */
function roomForKeys(wraps: number): number {
  const room = Math.floor((limits.bodyBytes - frameBytes - wraps * wrapBytes) / keyBytes)
  return Math.max(1, Math.min(limits.wraps, room))
}
