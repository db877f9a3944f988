import { epochIdOf, genesisScope, wrapEpochKey, folderScope } from '../../../src/sync/crypto/epoch-keys.ts'
import { createDeviceKeys, type DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import type { CryptoSuite } from '../../../src/sync/crypto/suite.ts'
import { encodeBatch, signBatch } from '../../../src/sync/format/batch-codec.ts'
import { chainStart } from '../../../src/sync/format/entry-codec.ts'
import { makeEntry, type EntryDraft } from '../../../src/sync/format/entry-maker.ts'
import type { Batch, EntryRecord, Hlc } from '../../../src/sync/format/entry.ts'
import {
  encodeGenesis,
  encodeGrant,
  encodeRekey,
  encodeRevoke,
} from '../../../src/sync/format/membership-codec.ts'
import type { DeviceRecord, Genesis, Role } from '../../../src/sync/format/membership.ts'
import type { Operation } from '../../../src/sync/format/operation.ts'
import { noFolder, rootNode, toHex, type EpochId, type FolderId } from '../../../src/sync/ids.ts'
import type { Acceptance } from '../../../src/sync/log/acceptance.ts'
import { tickHlc } from '../../../src/sync/log/hlc.ts'
import { ownSource } from '../../../src/sync/log/intake.ts'
import type { LogEntry } from '../../../src/sync/log/log-entry.ts'
import { Log } from '../../../src/sync/log/log.ts'
import { MemoryStore } from '../../../src/sync/store/memory-store.ts'
import type { WaitingLimits } from '../../../src/sync/log/waiting.ts'
import { fakeSuite } from './fake-suite.ts'

/** Noon of a day; what the clocks of tests start from. */
export const noon = 1_760_000_000_000

/** Numbered bytes: different for each call and each seed, the same in each run. */
export function countingRandom(seed: number): (length: number) => Uint8Array {
  let count = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, seed)
    view.setUint32(4, count++)
    return bytes
  }
}

/** What an entry says, without where it stands. */
export type Content =
  | { kind: 'operation'; epoch: EpochId; epochKey: Uint8Array; operation: Operation; chunkList?: Uint8Array }
  | { kind: 'genesis' | 'grant' | 'revoke' | 'rekey'; body: Uint8Array }

/** Writes the chain of one device, also things that no honest device writes. */
export class ChainWriter {
  readonly suite: CryptoSuite
  readonly keys: DeviceKeys
  folderId: FolderId | undefined
  incarnation: string
  seq = 0
  prev = ''

  constructor(suite: CryptoSuite, keys: DeviceKeys, incarnation: string) {
    this.suite = suite
    this.keys = keys
    this.incarnation = incarnation
  }

  /** The same chain at the same place: what either writes next makes a fork of it. */
  twin(): ChainWriter {
    const twin = new ChainWriter(this.suite, this.keys, this.incarnation)
    return Object.assign(twin, { folderId: this.folderId, seq: this.seq, prev: this.prev })
  }

  /** A batch that follows what this writer wrote before. Clocks count up from `hlc`. */
  write(contents: Content[], hlc: Hlc, parents: readonly string[] = []): Batch {
    const entries: EntryRecord[] = []
    for (const content of contents) {
      const entry = this.#entry(content, hlc, entries.length === 0 ? parents : [], entries.length)
      if (content.kind === 'genesis') this.folderId = entry.hash
      this.seq++
      this.prev = entry.hash
      entries.push(entry)
    }
    return signBatch(this.suite, this.keys, entries)
  }

  #entry(content: Content, hlc: Hlc, parents: readonly string[], index: number): EntryRecord {
    const folderId = content.kind === 'genesis' ? noFolder : this.folderId!
    const { deviceId } = this.keys
    const prev = this.seq === 0 ? chainStart(this.suite, folderId, deviceId, this.incarnation) : this.prev
    const coordinates = {
      folderId,
      deviceId,
      incarnation: this.incarnation,
      seq: this.seq,
      hlc: { ms: hlc.ms, counter: hlc.counter + index },
      parents: parents.toSorted(),
      prev,
    }
    return makeEntry(this.suite, { ...coordinates, ...content } as EntryDraft)
  }
}

export interface PeerOptions {
  readonly suite?: CryptoSuite
  readonly waiting?: WaitingLimits
  readonly store?: MemoryStore
}

/** A device with a log of its own, which writes as an honest one does; by hand it can be made to do otherwise. */
export class LogPeer {
  readonly seed: number
  readonly name: string
  readonly suite: CryptoSuite
  readonly keys: DeviceKeys
  readonly store: MemoryStore
  readonly log: Log
  readonly writer: ChainWriter
  random: (length: number) => Uint8Array
  readonly epochKeys = new Map<EpochId, Uint8Array>()
  /** All that it has written, encoded. */
  readonly written: Uint8Array[] = []
  now = noon

  constructor(seed: number, options: PeerOptions = {}) {
    this.seed = seed
    this.name = `peer ${seed}`
    this.suite = options.suite ?? fakeSuite
    this.random = countingRandom(seed)
    this.keys = createDeviceKeys(this.suite, this.random)
    this.store = options.store ?? new MemoryStore()
    this.log = new Log(this.suite, this.store, options.waiting)
    this.writer = new ChainWriter(this.suite, this.keys, toHex(this.random(16)))
  }

  /** A cloned disk: the same device, the same chain at the same place, a log of its own. */
  clone(): LogPeer {
    const clone = new LogPeer(this.seed, { suite: this.suite })
    clone.random = countingRandom(this.seed + 1_000_000)
    clone.now = this.now
    clone.pull(this)
    Object.assign(clone.writer, {
      folderId: this.writer.folderId,
      seq: this.writer.seq,
      prev: this.writer.prev,
    })
    return clone
  }

  get id(): string {
    return this.keys.deviceId
  }

  get record(): DeviceRecord {
    return this.keys.record
  }

  /** The next clock that an honest device would take. */
  tick(): Hlc {
    return tickHlc(this.now++, this.log.latestHlc)
  }

  /** The parents that an honest device would name. */
  parents(): string[] {
    const own = this.log.entry(this.writer.prev)
    return this.log
      .heads()
      .filter((head) => own === undefined || !this.log.observes(own, head))
      .map(({ hash }) => hash)
      .slice(0, 16)
  }

  found(authority?: LogPeer): Uint8Array {
    const key = this.random(32)
    const epoch = epochIdOf(this.suite, key)
    const salt = this.random(32)
    this.epochKeys.set(epoch, key)
    const members = authority === undefined || authority === this ? [this] : [this, authority]
    const genesis: Genesis = {
      suite: this.suite.id,
      mode: authority === undefined ? 'peer' : 'server_authoritative',
      creator: this.record,
      authority: authority?.record,
      chunker: { minimum: 65_536, target: 262_144, maximum: 1_048_576 },
      salt,
      epoch,
      wraps: members
        .map((member) => ({
          deviceId: member.id,
          wrapped: wrapEpochKey(this.suite, this.random, key, genesisScope({ salt }), member.record),
        }))
        .sort((left, right) => (left.deviceId < right.deviceId ? -1 : 1)),
    }
    return this.write({ kind: 'genesis', body: encodeGenesis(genesis) })
  }

  /** Grants a role to another and lets it take all that is here. */
  admit(other: LogPeer, role: Role = 'write'): LogPeer {
    this.write(this.grant(other.record, role))
    other.join(this)
    return other
  }

  /** What the writer would write, encoded; neither taken nor counted. */
  forge(
    contents: Content[],
    hlc: Hlc = this.tick(),
    parents: readonly string[] = this.parents(),
  ): Uint8Array {
    return encodeBatch(this.writer.twin().write(contents, hlc, parents))
  }

  /** Learns the folder from a founder and takes all that it has. */
  join(founder: LogPeer): void {
    this.log.expectFolder(founder.log.folderId!)
    this.pull(founder)
  }

  pull(from: LogPeer): void {
    this.writer.folderId ??= from.log.folderId
    for (const [epoch, key] of from.epochKeys) this.epochKeys.set(epoch, key)
    for (const bytes of allBatches(from.log)) this.receive(bytes, from.name)
  }

  receive(bytes: Uint8Array, source = 'someone', now = this.now): Acceptance {
    return this.log.accept(bytes, source, now)
  }

  /** Writes these as one batch, takes it, and returns its encoding. */
  write(...contents: Content[]): Uint8Array {
    const batch = this.writer.write(contents, this.tick(), this.parents())
    const outcome = this.log.accept(batch, ownSource, this.now)
    if (outcome.refused !== undefined) throw new Error(`${outcome.refused.reason}: ${outcome.refused.detail}`)
    const bytes = encodeBatch(batch)
    this.written.push(bytes)
    return bytes
  }

  operation(name = 'file', epoch = this.log.membership.usableEpochs(this.log.heads()).at(-1)!): Content {
    const operation: Operation = { type: 'mkdir', node: toHex(this.random(16)), parent: rootNode, name }
    return { kind: 'operation', epoch, epochKey: this.epochKeys.get(epoch)!, operation }
  }

  grant(record: DeviceRecord, role: Role): Content {
    return { kind: 'grant', body: encodeGrant({ device: record, role, wraps: [] }) }
  }

  revoke(deviceId: string): Content {
    return { kind: 'revoke', body: encodeRevoke({ deviceId }) }
  }

  /** For those who may read now, or for the devices named. */
  rekey(devices = this.log.membership.readers(this.log.heads()), key = this.random(32)): Content {
    const epoch = epochIdOf(this.suite, key)
    this.epochKeys.set(epoch, key)
    const wraps = devices.map((deviceId) => ({
      deviceId,
      wrapped: wrapEpochKey(this.suite, this.random, key, folderScope(this.log.folderId!), this.record),
    }))
    return {
      kind: 'rekey',
      body: encodeRekey({ epoch, wraps, previous: [], sealedKeys: new Uint8Array(16) }),
    }
  }

  lastEntry(): LogEntry {
    return this.log.entry(this.writer.prev)!
  }
}

/** Every stored batch of a log, branch by branch: in no causal order. */
export function allBatches(log: Log): Uint8Array[] {
  const batches: Uint8Array[] = []
  for (const { branch } of log.branchHeads()) {
    for (const { bytes } of log.batchesFrom(branch, 0)) batches.push(bytes)
  }
  return batches
}
