import { HarpError } from '../../base/errors.ts'
import type { DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { orReason } from '../format/format-error.ts'
import {
  decodeAuthorityStatement,
  encodeAuthorityStatement,
  verifyStatement,
} from '../format/statement-codec.ts'
import type { SignedStatement } from '../format/statement.ts'
import type { LogStore } from '../store/log-store.ts'
import type { StatementOutcome } from './final-order.ts'
import type { FolderState } from './folder-state.ts'
import {
  clearRestored,
  mayLackStatements,
  nextAuthorityStatement,
  ownStatement,
  type StatementParts,
} from './statements.ts'

export interface StatementDeskOptions {
  readonly suite: CryptoSuite
  readonly keys: DeviceKeys
  readonly store: LogStore
}

/** Statements in and out: takes the authority's, publishes as the authority, signs for this device. */
export class StatementDesk {
  readonly #options: StatementDeskOptions
  readonly #state: FolderState

  constructor(options: StatementDeskOptions, state: FolderState) {
    this.#options = options
    this.#state = state
  }

  /** Never throws for what the bytes are. */
  receive(bytes: Uint8Array): StatementOutcome {
    const { suite, store } = this.#options
    const { authority, final, log } = this.#state
    const added = orReason(() => decodeAuthorityStatement(bytes))
    if (typeof added === 'string') return 'refused-format'
    if (added.signed.statement.folderId !== log.folderId) return 'refused-folder'
    if (log.genesis === undefined) return 'waiting'
    if (authority === undefined) return 'refused-issuer'
    if (!verifyStatement(suite, added.signed)) return 'refused-signature'
    const splitBefore = final.splitEvidence
    const outcome = final.accept(added, authority, { trusted: false })
    const isNewEvidence = final.splitEvidence !== splitBefore
    if (outcome === 'accepted' || isNewEvidence) store.append('statement', bytes)
    return outcome
  }

  publish(now: number): Uint8Array | undefined {
    const { keys, store } = this.#options
    const { authority, final } = this.#state
    if (authority !== keys.deviceId) {
      throw new HarpError('SYNC_NOT_AUTHORITY', 'this device is not the authority of the folder', {
        fix: 'only the device that the folder was founded with publishes the final order',
      })
    }
    this.#requirePublishing()
    const next = nextAuthorityStatement(this.#parts(), final, now)
    if (next === undefined) return undefined
    // What cannot be encoded counts nowhere, so not here either.
    const bytes = encodeAuthorityStatement(next)
    const outcome = final.accept(next, authority, { trusted: true })
    if (outcome !== 'accepted') throw new HarpError('SYNC_FAULT', `own statement: ${outcome}`)
    store.append('statement', bytes)
    store.commit()
    return bytes
  }

  /** The authority publishes: a second chain of statements by it would be taken for a second history. */
  sign(now: number): SignedStatement {
    const { authority, final } = this.#state
    if (authority !== this.#options.keys.deviceId) return ownStatement(this.#parts(), now)
    while (this.publish(now) !== undefined);
    const { last } = final
    if (last === undefined) throw new HarpError('SYNC_FAULT', 'the authority has published nothing')
    return last.signed
  }

  confirm(): void {
    if (this.#state.authority !== this.#options.keys.deviceId) return
    clearRestored(this.#options.store)
    this.#options.store.commit()
  }

  #requirePublishing(): void {
    if (this.#state.final.splitEvidence !== undefined) {
      throw new HarpError('SYNC_AUTHORITY_SPLIT', 'two histories signed by this authority exist', {
        fix: 'found the folder anew with another authority; nothing written is lost',
      })
    }
    if (!this.#state.isAuthorityMember()) {
      throw new HarpError('SYNC_NOT_ALLOWED', 'this authority was revoked, or holds no keys any more', {
        fix: 'nothing new becomes final; ask an admin for the role again, or found the folder anew',
      })
    }
    if (mayLackStatements(this.#options.store)) {
      throw new HarpError('SYNC_AUTHORITY_RESTORED', 'this authority may have published more than it knows', {
        fix: 'let it meet the other devices, so that it hears its later statements; then confirm them',
      })
    }
  }

  #parts(): StatementParts {
    const { opener, fold, final, log } = this.#state
    return {
      ...this.#options,
      log,
      rootsAt: (size) => this.#state.rootsAt(size),
      closedEpochs: () => opener.closedEpochs(),
      leaveOut: (epochs) => fold.leaveOut(epochs),
      unread: () => final.unread,
    }
  }
}
