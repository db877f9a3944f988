import { HarpError } from '../../base/errors.ts'
import { freeMemory } from '../../base/free-memory.ts'
import { deviceIdOf, type DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { orReason } from '../format/format-error.ts'
import { decodeAuthorityStatement, frontierHash } from '../format/statement-codec.ts'
import type { AuthorityStatement } from '../format/statement.ts'
import type { DeviceId, FolderId } from '../ids.ts'
import type { AcceptedEntry } from '../log/acceptance.ts'
import type { LogEntry } from '../log/log-entry.ts'
import { Log } from '../log/log.ts'
import { MapLeaves } from '../proof/map-leaves.ts'
import { MerkleLog } from '../proof/merkle-log.ts'
import type { LogStore, StoredRecord } from '../store/log-store.ts'
import { TreeView } from '../tree/tree-view.ts'
import type { UnreadEpochs } from './epochs.ts'
import { FinalOrder, type Roots } from './final-order.ts'
import { Fold } from './fold.ts'
import { Keyring } from './keyring.ts'
import { Opener } from './opener.ts'
import { Timeline } from './timeline.ts'

/** What anybody who has all of it computes alike: equal entries, equal digests (invariant I1). */
export interface Digest {
  readonly size: number
  readonly frontier: string
  /** Root of the Merkle tree over the entries in linear order. */
  readonly order: string
  readonly tree: string
  readonly mapRoot: string | undefined
}

/** Set if a stored statement turned out wrong when the keys to judge it came. */
const wrongStatementFact = 'wrong-statement'

/**
 * Everything that follows from the entries of a folder and the keys of this device, kept in step: log, linear order,
 * final order, opened bodies, tree, state map. It writes nothing of its own.
 */
export class FolderState {
  readonly log: Log
  readonly keyring: Keyring
  readonly opener: Opener
  readonly timeline = new Timeline()
  readonly fold: Fold
  readonly final: FinalOrder
  readonly view: TreeView<LogEntry>
  readonly #suite: CryptoSuite
  readonly #store: LogStore
  #leaves: MapLeaves | undefined
  #authority: DeviceId | undefined

  constructor(suite: CryptoSuite, store: LogStore, keys: DeviceKeys) {
    this.#suite = suite
    this.#store = store
    this.log = new Log(suite, store)
    this.keyring = new Keyring(suite, keys)
    this.opener = new Opener(suite, this.log, this.keyring)
    this.fold = new Fold(this.log, this.timeline, new MerkleLog(suite))
    this.view = new TreeView(this.fold.tree)
    this.final = new FinalOrder({
      suite,
      log: this.log,
      timeline: this.timeline,
      changed: (position) => this.fold.changed(position),
      covered: (from, to) => this.fold.covered(from, to),
      leaveOut: (epochs) => this.fold.leaveOut(epochs),
      rootsAt: (size) => this.rootsAt(size),
      isAuthorityMember: () => this.isAuthorityMember(),
    })
  }

  /** Whose statements are final; undefined in peer mode, and before the first entry has come. */
  get authority(): DeviceId | undefined {
    const record = this.log.genesis?.authority
    if (record !== undefined) this.#authority ??= deviceIdOf(this.#suite, record.signingKey)
    return this.#authority
  }

  /** Whether it still has a role with which it reads. */
  isAuthorityMember(): boolean {
    const { authority, log } = this
    const role = authority === undefined ? undefined : log.membership.grantedOf(authority, log.heads())
    return role !== undefined && role !== 'cache'
  }

  /** What the authority could not read when it published last; undefined in peer mode. */
  get unread(): UnreadEpochs | undefined {
    const { authority, final } = this
    if (authority === undefined) return undefined
    return {
      authority,
      epochs: final.unread,
      statements: final.count,
      covers: (entry) => final.covers(entry),
    }
  }

  /** Everything that was committed to the store. */
  load(): void {
    const trusted = this.#store.fact(wrongStatementFact) === undefined
    for (const record of this.#store.records()) {
      if (record.type === 'batch') {
        const loaded = this.log.load(record)
        this.place(loaded)
        // Nothing that was read out of operations lies in these bytes; all of a large log would wait to be collected.
        if (loaded.every(({ entry }) => entry.kind === 'operation')) freeMemory(record.bytes)
      } else if (this.authority !== undefined) {
        this.final.accept(storedStatement(record), this.authority, { trusted })
      }
    }
  }

  /** Entries that the log has just taken in get their place in the order, and their bodies opened. */
  place(accepted: readonly AcceptedEntry[]): void {
    const { folderId } = this.log
    if (folderId === undefined || accepted.length === 0) return
    const openedLate = this.opener.open(accepted, folderId)
    this.fold.changed(this.timeline.insert(accepted.map(({ entry }) => entry)))
    if (openedLate.length > 0) this.fold.changed(0)
    if (accepted.some(({ entry }) => entry.kind === 'revoke' || entry.kind === 'grant')) this.final.refresh()
    if (openedLate.length > 0 && this.#isWhole() && !this.final.recheck()) {
      // It is in the store; when that is loaded the next time, no statement is taken for checked.
      this.#store.setFact(wrongStatementFact, new Uint8Array([1]))
    }
  }

  /** The two roots after the first `size` entries in order. */
  rootsAt(size: number): Roots {
    this.fold.advance(size)
    return { logRoot: this.fold.merkle.root(), mapRoot: this.#mapRoot(), isWhole: this.#isWhole() }
  }

  digest(): Digest {
    const { logRoot, mapRoot, isWhole } = this.rootsAt(this.log.size)
    return {
      size: this.log.size,
      frontier: frontierHash(this.#suite, this.log.frontier()),
      order: logRoot,
      tree: this.fold.tree.digest(),
      mapRoot: isWhole ? mapRoot : undefined,
    }
  }

  /** Undefined as long as the key of the first epoch is unknown. */
  mapLeaves(folderId: FolderId): MapLeaves | undefined {
    const mapKey = this.keyring.mapKey(folderId)
    if (mapKey === undefined) return undefined
    this.#leaves ??= new MapLeaves(this.#suite, mapKey, this.fold.tree)
    return this.#leaves
  }

  #mapRoot(): string | undefined {
    const { folderId } = this.log
    return folderId === undefined ? undefined : this.mapLeaves(folderId)?.root()
  }

  #isWhole(): boolean {
    const { folderId } = this.log
    if (folderId === undefined || this.keyring.mapKey(folderId) === undefined) return false
    return this.opener.closed === 0 || this.opener.closedEpochs().every((epoch) => this.fold.leavesOut(epoch))
  }
}

function storedStatement({ number, bytes }: StoredRecord): AuthorityStatement {
  const statement = orReason(() => decodeAuthorityStatement(bytes))
  if (typeof statement !== 'string') return statement
  throw new HarpError('SYNC_LOG_CORRUPT', `record ${number} of the log is no statement (${statement})`, {
    fix: 'restore the store from a backup, or remove it and fetch the folder from another device',
  })
}
