import { HarpError } from '../../base/errors.ts'
import { folderScope, unwrapEpochKey } from '../crypto/epoch-keys.ts'
import { deviceIdOf, type DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import { makeSnapshot } from '../exchange/make-snapshot.ts'
import { openSnapshot, type SnapshotReason } from '../exchange/open-snapshot.ts'
import type { SealedSnapshot, Snapshot } from '../exchange/snapshot.ts'
import { decodeBatch } from '../format/batch-codec.ts'
import { orReason } from '../format/format-error.ts'
import { decodeGrant } from '../format/membership-codec.ts'
import type { SignedStatement } from '../format/statement.ts'
import type { DeviceId, EpochId, FolderId } from '../ids.ts'
import type { FolderState } from './folder-state.ts'

export interface SnapshotParts {
  readonly suite: CryptoSuite
  readonly keys: DeviceKeys
  readonly random: RandomBytes
  readonly state: FolderState
}

/** What the folder shows now, under a statement that was made from all of it. For members that can read, and no others. */
export function issueSnapshot(parts: SnapshotParts, signed: SignedStatement): SealedSnapshot {
  const { suite, keys, random, state } = parts
  const { log, keyring, fold, view, final } = state
  const { folderId } = signed.statement
  const leaves = state.mapLeaves(folderId)
  const mapKey = keyring.mapKey(folderId)
  const epoch = log.membership.epochs(log.heads()).findLast((known) => keyring.key(known) !== undefined)
  const epochKey = epoch === undefined ? undefined : keyring.key(epoch)
  if (leaves === undefined || mapKey === undefined || epoch === undefined || epochKey === undefined) {
    throw new HarpError('SYNC_NO_KEY', 'a snapshot shows the folder, and this device cannot read it', {
      fix: 'ask a device whose role is read, write or admin',
    })
  }
  fold.advance()
  leaves.map()
  const statements = { count: final.count, lastHash: final.lastHash }
  const source = { signed, statements, log, view, nodes: fold.tree.nodes(), leaves, mapKey }
  return makeSnapshot(source, { suite, keys, random, epoch, epochKey })
}

export interface Invitation {
  readonly folderId: FolderId
  /** The member whose snapshot is believed until the history is here: who invited this device. */
  readonly issuer: DeviceId
  /** The encoded batch with the grant for this device, which holds the keys. It cannot be judged before the history is here. */
  readonly grant: Uint8Array
}

/** A snapshot for a device that has nothing yet but its invitation. */
export function openInvitedSnapshot(
  suite: CryptoSuite,
  keys: DeviceKeys,
  sealed: SealedSnapshot,
  invitation: Invitation,
): Snapshot | SnapshotReason {
  const granted = grantedKeys(suite, keys, invitation)
  const { folderId, issuer } = invitation
  return openSnapshot(suite, sealed, { folderId, issuer, epochKey: (epoch) => granted.get(epoch) })
}

function grantedKeys(suite: CryptoSuite, keys: DeviceKeys, invitation: Invitation): Map<EpochId, Uint8Array> {
  const granted = new Map<EpochId, Uint8Array>()
  const batch = orReason(() => decodeBatch(suite, invitation.grant))
  if (typeof batch === 'string') return granted
  for (const { meta, body } of batch.entries) {
    const grant = meta.kind === 'grant' ? orReason(() => decodeGrant(body)) : undefined
    if (grant === undefined || typeof grant === 'string') continue
    if (deviceIdOf(suite, grant.device.signingKey) !== keys.deviceId) continue
    for (const wrap of grant.wraps) {
      const key = unwrapEpochKey(suite, keys, wrap, folderScope(invitation.folderId))
      if (key !== undefined) granted.set(wrap.epoch, key)
    }
  }
  return granted
}
