import {
  epochIdOf,
  folderScope,
  unwrapEpochKey,
  wrapEpochKey,
  genesisScope,
  openPreviousKeys,
} from '../../../src/sync/crypto/epoch-keys.ts'
import { deviceIdOf, type DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import { labels } from '../../../src/sync/crypto/labels.ts'
import type { CryptoSuite } from '../../../src/sync/crypto/suite.ts'
import { encodeBatch, headMessage } from '../../../src/sync/format/batch-codec.ts'
import { concatBytes, uint64Bytes } from '../../../src/sync/format/cbor.ts'
import {
  chainStart,
  encodeMeta,
  encodePartialMeta,
  entryHash,
  type PartialMeta,
} from '../../../src/sync/format/entry-codec.ts'
import type { Batch, EntryKind, EntryRecord, Hlc } from '../../../src/sync/format/entry.ts'
import { encodeGrant, encodeRekey, encodeRevoke } from '../../../src/sync/format/membership-codec.ts'
import type { DeviceRecord, Genesis, Grant, Rekey, Role } from '../../../src/sync/format/membership.ts'
import { encodeOperation } from '../../../src/sync/format/operation-codec.ts'
import type { Operation } from '../../../src/sync/format/operation.ts'
import { entrySecret } from '../../../src/sync/format/sealing.ts'
import { encodeAuthorityStatement, signStatement } from '../../../src/sync/format/statement-codec.ts'
import type { AuthorityStatement, Statement } from '../../../src/sync/format/statement.ts'
import { noEpoch, toHex, type EntryHash, type EpochId } from '../../../src/sync/ids.ts'
import { tickHlc } from '../../../src/sync/log/hlc.ts'
import type { LogEntry } from '../../../src/sync/log/log-entry.ts'
import type { Log } from '../../../src/sync/log/log.ts'
import { countingRandom } from './log-peer.ts'
import type { ReplicaDevice } from './replica-device.ts'

/** What an entry of the evil device says; the body is what travels, unless it is still to be sealed. */
export interface EvilContent {
  readonly kind: EntryKind
  readonly body: Uint8Array | { readonly plaintext: Uint8Array; readonly key: Uint8Array }
  readonly epoch?: EpochId
  readonly chunks?: { readonly hash: string; readonly count: number }
  readonly chunkList?: Uint8Array
}

/** How a batch differs from what an honest device would write. */
export interface EvilPlace {
  readonly folderId?: string
  readonly incarnation?: string
  readonly seq?: number
  readonly prev?: EntryHash
  readonly parents?: readonly EntryHash[]
  readonly hlc?: Hlc
  /** Signed with another key than the one it names. */
  readonly signer?: DeviceKeys
  /** What each meta travels as; hashes and signature are made to match. */
  readonly rewrite?: (metaBytes: Uint8Array) => Uint8Array
}

let evils = 0

/**
 * A device that signs whatever it is told to, with keys of its own that others may have granted a role. It sees the log
 * of an honest device, `eyes`, which it never changes.
 */
export class EvilDevice {
  readonly eyes: ReplicaDevice
  readonly keys: DeviceKeys
  readonly suite: CryptoSuite
  readonly random: (length: number) => Uint8Array
  incarnation: string
  /** The end of its chain. */
  seq = 0
  prev: EntryHash | undefined
  hlc: Hlc | undefined

  constructor(eyes: ReplicaDevice, keys: DeviceKeys = eyes.keys) {
    this.eyes = eyes
    this.keys = keys
    this.suite = eyes.suite
    this.random = countingRandom(0xe0000000 + ++evils)
    this.incarnation = toHex(this.random(16))
  }

  get id(): string {
    return this.keys.deviceId
  }

  get log(): Log {
    return this.eyes.replica.log
  }

  /** The same chain at the same place: what either writes next makes a fork of it. */
  twin(): EvilDevice {
    const twin = new EvilDevice(this.eyes, this.keys)
    return Object.assign(twin, {
      incarnation: this.incarnation,
      seq: this.seq,
      prev: this.prev,
      hlc: this.hlc,
    })
  }

  /** The next entries of its chain, or of any other place, encoded and signed. */
  batch(contents: readonly EvilContent[], place: EvilPlace = {}): Uint8Array {
    return encodeBatch(this.make(contents, place))
  }

  make(contents: readonly EvilContent[], place: EvilPlace = {}): Batch {
    const { deviceId } = this.keys
    const folderId = place.folderId ?? this.log.folderId ?? ''
    const incarnation = place.incarnation ?? this.incarnation
    let seq = place.seq ?? this.seq
    let prev = place.prev ?? this.prev ?? chainStart(this.suite, folderId, deviceId, incarnation)
    let hlc = place.hlc ?? tickHlc(this.eyes.tick(), this.#latest())
    const parents = [...(place.parents ?? this.heads())].sort()
    const entries: EntryRecord[] = []
    for (const content of contents) {
      const meta: PartialMeta = {
        folderId,
        deviceId,
        incarnation,
        seq,
        hlc,
        parents: entries.length === 0 ? parents : [],
        epoch: content.kind === 'operation' ? (content.epoch ?? this.epoch()) : noEpoch,
        kind: content.kind,
        chunks: content.chunks,
      }
      const record = this.#entry(meta, prev, content, place.rewrite)
      entries.push(record)
      prev = record.hash
      seq++
      hlc = { ms: hlc.ms, counter: hlc.counter + 1 }
    }
    const last = entries.at(-1)!
    Object.assign(this, { seq, prev, hlc: last.meta.hlc, incarnation })
    const signer = place.signer ?? this.keys
    const message = headMessage(folderId, { deviceId, incarnation, seq: seq - 1, hash: last.hash })
    const signature = this.suite.sign(signer.signingSeed, message)
    return { publicKey: this.keys.record.signingKey, entries, signature }
  }

  /** What an honest device would name: heads that its own end is not behind. */
  heads(): EntryHash[] {
    const own = this.#own()
    return this.log
      .heads()
      .filter((head) => own === undefined || !this.log.observes(own, head))
      .map(({ hash }) => hash)
      .slice(0, 16)
  }

  /** An operation under the newest epoch, or that of a key of its own. */
  operation(operation: Operation, key = this.epochKey()): EvilContent {
    return this.sealed(encodeOperation(operation), key)
  }

  /** Any bytes in place of an operation. */
  sealed(plaintext: Uint8Array, key = this.epochKey()): EvilContent {
    return { kind: 'operation', epoch: epochIdOf(this.suite, key), body: { plaintext, key } }
  }

  grant(device: DeviceRecord, role: Role, more: Partial<Grant> = {}): EvilContent {
    return { kind: 'grant', body: encodeGrant({ device, role, wraps: [], ...more }) }
  }

  revoke(deviceId: string): EvilContent {
    return { kind: 'revoke', body: encodeRevoke({ deviceId }) }
  }

  /** A rekey for those who may read, with wraps that open; except what is given otherwise. */
  rekey(
    more: {
      key?: Uint8Array
      epoch?: EpochId
      devices?: readonly string[]
      wraps?: ReadonlyMap<string, Uint8Array>
      previous?: readonly EpochId[]
      sealedKeys?: Uint8Array
    } = {},
  ): EvilContent {
    const key = more.key ?? this.random(32)
    const { membership } = this.log
    const past = this.log.heads()
    const devices = [...(more.devices ?? membership.readers(past))].sort()
    const scope = folderScope(this.log.folderId ?? '')
    const wraps = devices.map((deviceId) => ({
      deviceId,
      wrapped:
        more.wraps?.get(deviceId) ??
        wrapEpochKey(
          this.suite,
          this.random,
          key,
          scope,
          membership.recordOf(deviceId, past) ?? this.keys.record,
        ),
    }))
    const rekey: Rekey = {
      epoch: more.epoch ?? epochIdOf(this.suite, key),
      wraps,
      previous: more.previous ?? [],
      sealedKeys: more.sealedKeys ?? new Uint8Array(16),
    }
    return { kind: 'rekey', body: encodeRekey(rekey) }
  }

  epoch(): EpochId {
    return epochIdOf(this.suite, this.epochKey())
  }

  /** Of the newest epoch that it can open by what its eyes have seen. */
  epochKey(): Uint8Array {
    const open = this.epochKeys()
    const usable = this.log.membership.usableEpochs(this.log.heads())
    const epochs = usable.length > 0 ? usable : this.log.membership.epochs(this.log.heads())
    for (const epoch of epochs.toReversed()) {
      const key = open.get(epoch)
      if (key !== undefined) return key
    }
    return new Uint8Array(32).fill(9)
  }

  epochKeys(): Map<EpochId, Uint8Array> {
    const keys = new Map<EpochId, Uint8Array>()
    const folderId = this.log.folderId ?? ''
    const unwrap = (epoch: EpochId, wrapped: Uint8Array, scope: Uint8Array): void => {
      const key = unwrapEpochKey(this.suite, this.keys, { epoch, wrapped }, scope)
      if (key !== undefined) keys.set(epoch, key)
    }
    for (const entry of this.log.memberships()) {
      const body = this.log.body(entry)
      if ('device' in body) {
        if (deviceIdOf(this.suite, body.device.signingKey) !== this.id) continue
        for (const { epoch, wrapped } of body.wraps) unwrap(epoch, wrapped, folderScope(folderId))
      } else if ('wraps' in body) {
        const scope = entry.kind === 'genesis' ? genesisScope(body as Genesis) : folderScope(folderId)
        const own = body.wraps.find(({ deviceId }) => deviceId === this.id)
        if (own !== undefined) unwrap(body.epoch, own.wrapped, scope)
        const key = keys.get(body.epoch)
        if (entry.kind !== 'rekey' || key === undefined) continue
        for (const [epoch, earlier] of openPreviousKeys(this.suite, folderId, key, body as Rekey) ?? []) {
          keys.set(epoch, earlier)
        }
      }
    }
    return keys
  }

  /** A statement with this device as its issuer, or any other. */
  statement(
    statement: Statement,
    changedHeads: AuthorityStatement['changedHeads'],
    signer = this.keys,
  ): Uint8Array {
    const signed = signStatement(this.suite, signer, statement)
    return encodeAuthorityStatement({ signed, changedHeads })
  }

  #own(): LogEntry | undefined {
    return this.prev === undefined ? undefined : this.log.entry(this.prev)
  }

  #latest(): Hlc | undefined {
    const seen = this.log.latestHlc
    if (this.hlc === undefined || seen === undefined) return this.hlc ?? seen
    return this.hlc.ms > seen.ms || (this.hlc.ms === seen.ms && this.hlc.counter > seen.counter)
      ? this.hlc
      : seen
  }

  #entry(
    meta: PartialMeta,
    prev: EntryHash,
    { body, chunkList }: EvilContent,
    rewrite = (bytes: Uint8Array) => bytes,
  ): EntryRecord {
    const bytes = body instanceof Uint8Array ? body : this.#seal(meta, prev, body)
    const full = { ...meta, bodyHash: toHex(this.suite.hash(bytes)), bodyLength: bytes.length }
    const metaBytes = rewrite(encodeMeta(full))
    const hash = entryHash(this.suite, metaBytes, prev)
    return { hash, prev, meta: full, metaBytes, body: bytes, chunkList }
  }

  /** As honest devices seal, but without looking at what it is. */
  #seal(
    meta: PartialMeta,
    prev: EntryHash,
    { plaintext, key: epochKey }: { plaintext: Uint8Array; key: Uint8Array },
  ): Uint8Array {
    const salt = new Uint8Array(16)
    const secret = entrySecret(this.suite, epochKey, meta, prev, salt)
    const key = this.suite.derive(secret, new Uint8Array(0), labels.bodyKey)
    const padded = new Uint8Array(plaintext.length + 32 - (plaintext.length % 32))
    padded.set(plaintext)
    padded[plaintext.length] = 0x80
    const nonce = concatBytes(new Uint8Array(4), uint64Bytes(meta.seq))
    const sealed = this.suite.seal(key, nonce, { associated: encodePartialMeta(meta), content: padded })
    return concatBytes(salt, this.suite.hash(labels.bodyCommitment, salt, secret), sealed)
  }
}
