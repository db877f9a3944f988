import { HarpError } from '../../base/errors.ts'
import type { DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import { decodeBatch } from '../format/batch-codec.ts'
import type { Batch } from '../format/entry.ts'
import { checkSnapshot, type SnapshotVerdict } from '../exchange/check-snapshot.ts'
import type { SealedSnapshot, Snapshot } from '../exchange/snapshot.ts'
import { orReason } from '../format/format-error.ts'
import type { DeviceRecord, FolderMode, Role } from '../format/membership.ts'
import type { Operation } from '../format/operation.ts'
import type { SignedStatement } from '../format/statement.ts'
import {
  fromHex,
  shortIdLength,
  toHex,
  type DeviceId,
  type EpochId,
  type FolderId,
  type NodeId,
} from '../ids.ts'
import type { Acceptance } from '../log/acceptance.ts'
import type { LogEntry } from '../log/log-entry.ts'
import { canWrite } from '../log/membership.ts'
import type { Log } from '../log/log.ts'
import type { HistoryRequest } from '../proof/make-history-proof.ts'
import { MemoryStore } from '../store/memory-store.ts'
import type { LogStore } from '../store/log-store.ts'
import type { Tree } from '../tree/tree.ts'
import type { TreeView } from '../tree/tree-view.ts'
import { Author, type Change } from './author.ts'
import { ChainWriter, type ChainEnd } from './chain-writer.ts'
import { Epochs } from './epochs.ts'
import type { FinalOrder, StatementOutcome } from './final-order.ts'
import { FolderState, type Digest } from './folder-state.ts'
import { foundFolder, type Founding } from './founding.ts'
import { proveUnder } from './proving.ts'
import { issueSnapshot } from './snapshots.ts'
import { StatementDesk } from './statement-desk.ts'
import { markRestored } from './statements.ts'

export type { Digest }

export interface ReplicaOptions {
  readonly suite: CryptoSuite
  readonly store: LogStore
  readonly keys: DeviceKeys
  readonly random: RandomBytes
}

export interface OpenOptions extends ReplicaOptions {
  /** Required with an empty store; must be the store's folder otherwise. */
  readonly folderId?: FolderId
  /**
   * The store may be older than what this device has already sent: it goes on with a new chain. The authority publishes
   * nothing until `confirmStatements`.
   */
  readonly isRestored?: boolean
}

export interface ProofRequest extends HistoryRequest {
  readonly isOwn?: boolean
}

const incarnationFact = 'incarnation'

/**
 * One device's copy of a folder's truth: log, linear order, tree, state map, statements. Writing is durable when the
 * call returns; what was received is durable with the next `commit`, and is sent again by others if it is lost before.
 * After an error of the store (`SYNC_STORE_…`) it must be opened again: the store has dropped what it remembers.
 */
export class Replica {
  readonly #options: ReplicaOptions
  readonly #state: FolderState
  readonly #desk: StatementDesk
  readonly #chain: ChainWriter
  readonly #epochs: Epochs

  /** A new folder, with this device as its first admin. */
  static found(options: ReplicaOptions, founding: Founding, now: number): Replica {
    const [stored] = options.store.records()
    if (stored !== undefined) {
      throw new HarpError('SYNC_FOUNDING', 'the store holds a folder already', {
        fix: 'open that folder, or found the new one with an empty store',
      })
    }
    const replica = new Replica(options)
    replica.newIncarnation()
    const { suite, keys, random } = options
    const genesis = foundFolder({ suite, keys, random, chain: replica.#chain }, founding, now)
    replica.#take(genesis, [undefined], now)
    replica.#chain.resume(endOf(genesis))
    options.store.commit()
    return replica
  }

  /** A replica as it was committed, or an empty one that knows its folder's id. */
  static open(options: OpenOptions): Replica {
    const replica = new Replica(options)
    replica.#state.load()
    if (options.folderId !== undefined) replica.log.expectFolder(options.folderId)
    if (replica.log.folderId === undefined) {
      throw new HarpError('SYNC_NO_FOLDER', 'the store is empty, and no folder is named', {
        fix: 'found a folder, or give the id of the folder to join',
      })
    }
    replica.#resume(options.isRestored === true)
    return replica
  }

  private constructor(options: ReplicaOptions) {
    this.#options = options
    this.#state = new FolderState(options.suite, options.store, options.keys)
    this.#desk = new StatementDesk(options, this.#state)
    this.#chain = new ChainWriter(options.suite, options.keys)
    const { suite, random } = options
    this.#epochs = new Epochs({
      suite,
      log: this.log,
      keyring: this.#state.keyring,
      random,
      unread: () => this.#state.unread,
    })
  }

  get log(): Log {
    return this.#state.log
  }

  get folderId(): FolderId {
    const { folderId } = this.log
    if (folderId === undefined) throw new HarpError('SYNC_NO_FOLDER', 'this replica has no folder yet')
    return folderId
  }

  get deviceId(): DeviceId {
    return this.#options.keys.deviceId
  }

  /** Undefined as long as the first entry has not come. */
  get mode(): FolderMode | undefined {
    return this.log.genesis?.mode
  }

  get role(): Role | undefined {
    return this.log.membership.roleOf(this.deviceId, this.log.heads())
  }

  /** All entries in linear order; the first `finalLength` are final. */
  get order(): readonly LogEntry[] {
    return this.#state.timeline.entries
  }

  get finalLength(): number {
    return this.#state.timeline.finalLength
  }

  /** The authority's statements that count. */
  get statements(): FinalOrder {
    return this.#state.final
  }

  /** Operations that this device has no key for. */
  get closed(): number {
    return this.#state.opener.closed
  }

  /** Entries whose bodies say nothing, with their authors. */
  get unreadable(): ReadonlyMap<string, DeviceId> {
    return this.#state.opener.unreadable
  }

  /** Epochs whose keys were wrapped wrongly for this device: what is written under them stays closed here. */
  get badWraps(): ReadonlySet<EpochId> {
    return this.#state.keyring.badWraps
  }

  /** The key of the first epoch, from which those of content are derived. Undefined until it is known. */
  get firstEpochKey(): Uint8Array | undefined {
    return this.#state.keyring.firstKey
  }

  /** For a backup: every epoch key that this device has. */
  epochKeys(): readonly { readonly epoch: EpochId; readonly key: Uint8Array }[] {
    return [...this.#state.keyring.entries()].map(([epoch, key]) => ({ epoch, key }))
  }

  /** Entries of revoked devices that count as written after the revocation. */
  get fencedOut(): readonly LogEntry[] {
    this.#state.fold.advance()
    return this.#state.fold.fencedOut
  }

  /** The tree as users see it, now. */
  get view(): TreeView<LogEntry> {
    this.#state.fold.advance()
    return this.#state.view
  }

  get tree(): Tree<LogEntry> {
    this.#state.fold.advance()
    return this.#state.fold.tree
  }

  /**
   * The nodes whose place, content or visibility may have changed since the last call, with directories that they left.
   * What is hidden or shown above or below them may be so because of them.
   */
  takeTouched(): ReadonlySet<NodeId> | 'everything' {
    return this.tree.touched.take()
  }

  /** Operations of this device. Returns what to announce; it is durable. Throws `SYNC_NOT_ALLOWED` without the role. */
  write(changes: readonly Change[], now: number): Uint8Array[] {
    return this.#author(now, (author) => author.write(changes, now))
  }

  grant(device: DeviceRecord, role: Role, now: number): Uint8Array[] {
    return this.#author(now, (author) => author.grant(device, role, now))
  }

  revoke(device: DeviceId, now: number): Uint8Array[] {
    return this.#author(now, (author) => author.revoke(device, now))
  }

  /**
   * Gives all readers all keys, if one of them lacks some: it was granted its role while another device made a new
   * epoch. The next write does so anyway; this is for when nobody writes. Returns what to announce, mostly nothing.
   */
  shareKeys(now: number): Uint8Array[] {
    const isNeeded = canWrite(this.role ?? 'cache') && this.#epochs.current(this.log.heads()) === undefined
    return isNeeded ? this.rekey(now) : []
  }

  rekey(now: number): Uint8Array[] {
    return this.#author(now, (author) => author.rekey(now))
  }

  /** Takes what another device sent; `source` names it for limits. Never throws for what the bytes are. */
  receive(bytes: Uint8Array, source: string, now: number): Acceptance {
    const acceptance = this.#absorb(this.log.accept(bytes, source, now))
    if (this.#isOwnWaiting(acceptance, bytes)) this.#leaveChain()
    return acceptance
  }

  /** Takes what was held because its clock ran ahead, when its time has come. */
  settle(now: number): Acceptance {
    return this.#absorb(this.log.settle(now))
  }

  /** Takes a statement of the authority; refused ones are told apart by why. Never throws for what the bytes are. */
  receiveStatement(bytes: Uint8Array, _source: string, _now: number): { outcome: StatementOutcome } {
    return { outcome: this.#desk.receive(bytes) }
  }

  /**
   * As the authority: a statement over all that is not covered yet; over a part of it, and the rest with the next call,
   * if more chains have changed than one statement lists. Returns what to announce; it is durable.
   */
  publish(now: number): Uint8Array | undefined {
    return this.#desk.publish(now)
  }

  /**
   * As the authority, opened with `isRestored`: its user says that it has met the others and heard of all that it ever
   * published. If it has not, the next statement makes a second history of it.
   */
  confirmStatements(): void {
    this.#desk.confirm()
  }

  /**
   * What this device says of its log as it is now, signed. The authority publishes it: each statement that it signs is
   * one of the final order, and a second chain of them would be taken for a second history.
   */
  sign(now: number): SignedStatement {
    return this.#desk.sign(now)
  }

  /**
   * The history of one shown file, for somebody who knows the folder's id and a device's. Under the authority's last
   * statement, which is final; under one of this device about all it has, if there is no authority or `isOwn` is set.
   */
  proveHistory(request: ProofRequest, now: number): Uint8Array {
    const { suite } = this.#options
    const final = request.isOwn === true ? undefined : this.#state.final.last?.signed
    const parts = {
      suite,
      log: this.log,
      fold: this.#state.fold,
      keyring: this.#state.keyring,
      leaves: this.#state.mapLeaves(this.folderId),
    }
    return proveUnder(parts, final ?? this.sign(now), request)
  }

  /** What the folder shows now, for a blank device that this one invited: it has a tree before it has the history. */
  snapshot(now: number): SealedSnapshot {
    const { suite, keys, random } = this.#options
    return issueSnapshot({ suite, keys, random, state: this.#state }, this.sign(now))
  }

  /** Whether the history that has come since gives what a snapshot said; if not, its issuer did not tell the truth. */
  checkSnapshot(snapshot: Snapshot, now: number): SnapshotVerdict {
    const { suite, keys, random } = this.#options
    const blank = Replica.open({ suite, keys, random, store: new MemoryStore(), folderId: this.folderId })
    return checkSnapshot(snapshot, { log: this.log, statements: this.statements }, blank, now)
  }

  /** Makes all that was received durable. */
  commit(): void {
    this.#options.store.commit()
  }

  /** The next entry of this device begins a new chain. Called by itself when others know more of the chain than we do. */
  newIncarnation(): void {
    const { random, store } = this.#options
    this.#chain.newIncarnation(random)
    store.setFact(incarnationFact, fromHex(this.#chain.incarnation))
  }

  digest(): Digest {
    return this.#state.digest()
  }

  #author(now: number, act: (author: Author) => Uint8Array[]): Uint8Array[] {
    const { suite, keys, store } = this.#options
    if (this.#isOwnChainForked()) this.newIncarnation()
    const author = new Author({
      suite,
      keys,
      log: this.log,
      epochs: this.#epochs,
      chain: this.#chain,
      folderId: this.folderId,
      take: (batch, operations) => this.#take(batch, operations, now),
    })
    const { size } = this.log
    let written: Uint8Array[]
    try {
      written = act(author)
    } catch (error) {
      // Failed half way: what is in the log is sent to others, and must not be lost and written once more.
      if (this.log.size > size) store.commit()
      throw error
    }
    store.commit()
    return written
  }

  /**
   * Takes an own batch whose operations are known, so that they need not be opened again. Others may have come in with
   * it: who guesses what an entry will be can send what follows it first.
   */
  #take(batch: Batch, operations: readonly (Operation | undefined)[], now: number): void {
    const acceptance = this.log.accept(batch, 'me', now)
    if (acceptance.refused !== undefined || acceptance.accepted.length < batch.entries.length) {
      const { reason, detail } = acceptance.refused ?? { reason: 'incomplete', detail: '' }
      throw new HarpError('SYNC_FAULT', `own batch refused: ${reason} ${detail}`)
    }
    for (const [index, operation] of operations.entries()) {
      const own = acceptance.accepted[index]
      if (own !== undefined && operation !== undefined) this.#state.opener.keep(own.entry, operation)
    }
    this.#state.place(acceptance.accepted)
  }

  #absorb(acceptance: Acceptance): Acceptance {
    if (acceptance.accepted.length > 0) {
      this.#state.place(acceptance.accepted)
      if (acceptance.accepted.some(({ entry }) => this.#isOwnChain(entry))) this.#leaveChain()
    }
    return acceptance
  }

  /** At once: if it were forgotten in a crash, the device would go on where others know another entry of it. */
  #leaveChain(): void {
    this.newIncarnation()
    this.#options.store.commit()
  }

  #isOwnChain(place: { readonly deviceId: DeviceId; readonly incarnation: string } | undefined): boolean {
    return place?.deviceId === this.deviceId && place.incarnation === this.#chain.incarnation
  }

  /** Signed by this device and unknown here, though it cannot be taken yet: our end of the chain is not the last. */
  #isOwnWaiting({ pending, held, accepted }: Acceptance, bytes: Uint8Array): boolean {
    if (pending === 0 && (held.length === 0 || accepted.length > 0)) return false
    const batch = orReason(() => decodeBatch(this.#options.suite, bytes))
    return typeof batch !== 'string' && this.#isOwnChain(batch.entries[0]?.meta)
  }

  #resume(isRestored: boolean): void {
    const stored = this.#options.store.fact(incarnationFact)
    if (stored === undefined || stored.length !== shortIdLength || isRestored) {
      this.newIncarnation()
      // At once: the next start, which may come before anything is written, is not told that the store was restored.
      if (isRestored) {
        markRestored(this.#options.store)
        this.#options.store.commit()
      }
      return
    }
    this.#chain.use(toHex(stored))
    const [end] = this.#ownHeads()
    if (end !== undefined) this.#chain.resume(end)
    if (this.#isOwnChainForked()) this.newIncarnation()
  }

  #ownHeads(): LogEntry[] {
    return this.log.branchHeads().filter((head) => this.#isOwnChain(head))
  }

  #isOwnChainForked(): boolean {
    return this.#ownHeads().length > 1
  }
}

function endOf(batch: Batch): ChainEnd {
  const last = batch.entries.at(-1)
  if (last === undefined) throw new RangeError('a batch has at least one entry')
  return { hash: last.hash, seq: last.meta.seq, hlc: last.meta.hlc }
}
