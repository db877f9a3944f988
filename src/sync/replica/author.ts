import { HarpError } from '../../base/errors.ts'
import { checkDeviceRecord, deviceIdOf, type DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { encodeBatch } from '../format/batch-codec.ts'
import type { Batch, Hlc } from '../format/entry.ts'
import { orReason } from '../format/format-error.ts'
import { limits } from '../format/limits.ts'
import { encodeGrant, encodeRevoke } from '../format/membership-codec.ts'
import { roles, type DeviceRecord, type Grant, type Role } from '../format/membership.ts'
import { encodeOperation } from '../format/operation-codec.ts'
import type { Operation } from '../format/operation.ts'
import { isNormalised } from '../format/rules.ts'
import { compareIds, hashLength, type DeviceId, type FolderId } from '../ids.ts'
import { compareHlc } from '../log/hlc.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Log } from '../log/log.ts'
import { type ChainWriter, cutIntoBatches, type EntryContent } from './chain-writer.ts'
import type { Epochs } from './epochs.ts'

export interface Change {
  readonly operation: Operation
  /** Concatenated chunk ids, for a put whose content has any. */
  readonly chunkList?: Uint8Array
}

export interface AuthorParts {
  readonly suite: CryptoSuite
  readonly keys: DeviceKeys
  readonly log: Log
  readonly epochs: Epochs
  readonly chain: ChainWriter
  readonly folderId: FolderId
  /** Takes a batch of this device into the log; throws if the log refuses it, which is a fault of ours. */
  readonly take: (batch: Batch, operations: readonly (Operation | undefined)[]) => void
}

/** Decides what this device's next entries need: parents, an epoch that may be used, a rekey, the joining of many heads. */
export class Author {
  readonly #parts: AuthorParts

  constructor(parts: AuthorParts) {
    this.#parts = parts
  }

  /** Writes operations behind all that this device has seen. Returns the encoded batches. */
  write(changes: readonly Change[], now: number): Uint8Array[] {
    if (changes.length === 0) return []
    this.#require(['write', 'admin'], 'change anything')
    for (const change of changes) requireWritable(change)
    const written = this.#joinHeads(now)
    const sizeOf = (change: Change): number =>
      estimatedEntryBytes + operationBytes(change.operation) + (change.chunkList?.length ?? 0)
    for (const part of cutIntoBatches(changes, sizeOf)) {
      written.push(this.#append(now, { changes: part }))
    }
    return written
  }

  grant(device: DeviceRecord, role: Role, now: number): Uint8Array[] {
    const { suite, epochs, keys } = this.#parts
    const isOwn = deviceIdOf(suite, device.signingKey) === keys.deviceId
    if (isOwn) this.#requireOwnGrant()
    else this.#require(['admin'], 'grant a role')
    if (!checkDeviceRecord(suite, device)) {
      throw new HarpError('SYNC_BAD_DEVICE', 'the record of the device is not signed by its own key', {
        fix: 'copy the record of the device again, whole',
      })
    }
    const granting = (as: Role): Written => {
      const grant: Grant = { device, role: as, wraps: as === 'cache' ? [] : epochs.wrapsFor(device) }
      return { plain: { kind: 'grant', body: encodeGrant(grant) } }
    }
    // As long as its chain counts as forked, an admin may write nothing else.
    const written = this.#joinHeads(now, isOwn && this.#isForked() ? () => granting('admin') : joining)
    written.push(this.#append(now, granting(role)))
    return written
  }

  /** The revocation, and a new epoch that the device has no key of. */
  revoke(deviceId: DeviceId, now: number): Uint8Array[] {
    this.#require(['admin'], 'revoke a device')
    const { log, keys } = this.#parts
    // Also one that is no member any more: what it still writes without knowing that is fenced by its own revocation.
    if (!log.membership.devices().includes(deviceId)) {
      throw new HarpError('SYNC_NO_MEMBER', `device ${deviceId.slice(0, 12)}… is no member of this folder`, {
        fix: 'list the members and name one of them',
      })
    }
    const written = this.#joinHeads(now)
    written.push(this.#append(now, { plain: { kind: 'revoke', body: encodeRevoke({ deviceId }) } }))
    if (deviceId === keys.deviceId) return written
    // It is written by now and stands without a new epoch: none before it may be used, so the next write makes one.
    const { epochs } = this.#parts
    const founded = orReason(() => epochs.found(log.heads()))
    if (typeof founded !== 'string') written.push(this.#append(now, { plain: founded.content }))
    return written
  }

  rekey(now: number): Uint8Array[] {
    this.#require(['write', 'admin'], 'make a new epoch')
    const written = this.#joinHeads(now)
    written.push(this.#append(now, { plain: this.#parts.epochs.found(this.#parts.log.heads()).content }))
    return written
  }

  /** One batch behind the chain's end and these heads. For operations a new epoch comes first, if no known one will do. */
  #append(now: number, what: Written, heads = this.#parts.log.heads()): Uint8Array {
    const { log, chain, folderId, take } = this.#parts
    const own = chain.end === undefined ? undefined : log.entry(chain.end.hash)
    const parents = heads.filter((head) => head !== own)
    const past = own === undefined ? parents : [...parents, own]
    const contents = this.#contents(what, past)
    const batch = chain.make(contents, {
      folderId,
      parents: parents.map(({ hash }) => hash).sort(compareIds),
      latest: highest(past),
      now,
    })
    take(
      batch,
      contents.map((content) => (content.kind === 'operation' ? content.operation : undefined)),
    )
    const last = batch.entries.at(-1)
    if (last !== undefined) chain.resume({ hash: last.hash, seq: last.meta.seq, hlc: last.meta.hlc })
    return encodeBatch(batch)
  }

  #contents(what: Written, past: readonly LogEntry[]): EntryContent[] {
    if ('plain' in what) return [what.plain]
    const contents: EntryContent[] = []
    let use = this.#parts.epochs.current(past)
    if (use === undefined) {
      const founded = this.#parts.epochs.found(past)
      contents.push(founded.content)
      use = founded.use
    }
    for (const change of what.changes) contents.push({ kind: 'operation', ...change, ...use })
    return contents
  }

  /** An entry names at most 16 parents; more heads are joined first, those by which this device may do most before all. */
  #joinHeads(now: number, what: () => Written = joining): Uint8Array[] {
    const { log, chain } = this.#parts
    const written: Uint8Array[] = []
    for (;;) {
      const heads = log.heads()
      const foreign = heads.filter(({ hash }) => hash !== chain.end?.hash)
      if (foreign.length <= limits.parents) return written
      const first = foreign
        .map((head) => ({ head, rank: this.#rankBy(head) }))
        .sort((left, right) => right.rank - left.rank || compareIds(left.head.hash, right.head.hash))
        .slice(0, limits.parents)
        .map(({ head }) => head)
      written.push(this.#append(now, what(), first))
    }
  }

  /** How much this device may do by what one head has seen: what it was granted, then whether a fork takes that away. */
  #rankBy(head: LogEntry): number {
    const { log, keys } = this.#parts
    const [granted, role] = [
      log.membership.grantedOf(keys.deviceId, [head]),
      log.membership.roleOf(keys.deviceId, [head]),
    ].map((found) => (found === undefined ? 0 : roles.indexOf(found) + 1))
    return (granted ?? 0) * (roles.length + 1) + (role ?? 0)
  }

  /** After a fork of its own chain an admin grants itself its role again; that is how it says that it knows of both. */
  #requireOwnGrant(): void {
    const { log, keys } = this.#parts
    if (log.membership.grantedOf(keys.deviceId, log.heads()) === 'admin') return
    this.#require(['admin'], 'grant a role')
  }

  #require(allowed: readonly Role[], what: string): void {
    const { log, keys } = this.#parts
    const role = log.membership.roleOf(keys.deviceId, log.heads())
    if (role !== undefined && allowed.includes(role)) return
    const isForked = this.#isForked()
    const why = isForked
      ? 'two histories of this device exist (a restored backup or a cloned disk)'
      : role === undefined
        ? 'it is not a member, or was revoked'
        : `its role is "${role}"`
    throw new HarpError('SYNC_NOT_ALLOWED', `this device may not ${what}: ${why}`, {
      fix: isForked
        ? 'nothing was lost; let an admin (this device, if it is one) grant it its role again: it goes on with a new chain'
        : 'ask an admin of the folder for another role',
    })
  }

  #isForked(): boolean {
    const { log, keys } = this.#parts
    return log.membership.forkedDevices(log.heads()).includes(keys.deviceId)
  }
}

type Written = { readonly changes: readonly Change[] } | { readonly plain: EntryContent }

const joining = (): Written => ({ changes: [{ operation: { type: 'merge' } }] })

/** Of a meta, and what sealing adds. The parents of a batch's first entry go into the half that is left free. */
const estimatedEntryBytes = 400

function operationBytes(operation: Operation): number {
  switch (operation.type) {
    case 'put':
      return 200 + 4 * operation.name.length + operation.content.manifest.length + 34 * operation.bases.length
    case 'symlink':
      return 200 + 4 * (operation.name.length + operation.target.length) + 34 * operation.bases.length
    case 'restore':
      return 100 + 34 * operation.trashes.length
    case 'mkdir':
    case 'move':
      return 100 + 4 * operation.name.length
    case 'attr':
    case 'trash':
    case 'merge':
      return 100
  }
}

/** Before anything is written, so that all of the changes are or none. */
function requireWritable({ operation, chunkList }: Change): void {
  const why = whyNotWritable(operation, chunkList)
  if (why === undefined) return
  throw new HarpError('SYNC_BAD_OPERATION', `a ${operation.type} that cannot be written (${why})`, {
    fix: 'names are NFC text of 1 to 255 bytes without "/"; docs/spec/log.md has the limits',
  })
}

function whyNotWritable(operation: Operation, chunkList: Uint8Array | undefined): string | undefined {
  const encoded = orReason(() => encodeOperation(operation))
  if (typeof encoded === 'string') return encoded
  if ('name' in operation && !isNormalised(operation.name)) return 'name not in NFC'
  return (chunkList?.length ?? 0) % hashLength === 0 ? undefined : 'chunk list'
}

function highest(entries: readonly LogEntry[]): Hlc | undefined {
  let latest: Hlc | undefined
  for (const { hlc } of entries) if (latest === undefined || compareHlc(hlc, latest) > 0) latest = hlc
  return latest
}
