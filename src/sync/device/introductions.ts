import type { Clock } from '../../base/clock.ts'
import { HarpError } from '../../base/errors.ts'
import { deviceText } from '../format/device-text.ts'
import type { DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { Role } from '../format/membership.ts'
import type { Folder } from '../folder/folder.ts'
import { grantIn } from '../folder/own-membership.ts'
import type { FolderId } from '../ids.ts'
import { decodeInvitation, type Invitation } from '../link/invitation.ts'
import type { Invitations } from '../link/invitations.ts'
import { join } from '../link/join.ts'
import type { JoinRequest, JoinVerdict } from '../link/join-desk.ts'
import type { LinkHub } from '../link/link-hub.ts'
import type { InviteInfo } from './daemon-api.ts'
import type { FolderPlace, FolderRegistry } from './folder-registry.ts'
import type { PeerBook } from './peer-book.ts'

export interface IntroductionParts {
  readonly suite: CryptoSuite
  readonly clock: Clock
  readonly keys: DeviceKeys
  readonly name: string
  readonly registry: FolderRegistry
  readonly peers: PeerBook
  readonly invitations: Invitations
  readonly hub: () => LinkHub
  readonly foldersChanged: () => void
}

const dayMs = 86_400_000

/** How devices become members: invitations given out, and taken. */
export class Introductions {
  readonly #parts: IntroductionParts

  constructor(parts: IntroductionParts) {
    this.#parts = parts
  }

  invite(folder: Folder, role: Role = 'write', validMs: number = dayMs): InviteInfo {
    if (folder.role !== 'admin') throw notAdmin(folder)
    const { invitations, keys, hub } = this.#parts
    const addresses = hub().reachable.slice(0, 8)
    const { code, expiresMs } = invitations.create({
      folderId: folder.id,
      folderName: folder.name,
      inviter: keys.deviceId,
      addresses,
      role,
      validMs,
    })
    return { code, folder: folder.id, role, expires: new Date(expiresMs).toISOString() }
  }

  /** Asks the inviter to be let in. `place`: where the folder shall be; throws if it cannot be there. */
  async join(code: string, place: (invitation: Invitation) => FolderPlace): Promise<Folder> {
    const { suite, clock, keys, name, registry, peers, hub } = this.#parts
    const invitation = decodeInvitation(suite, code, clock.wall())
    const { folderId, inviter, addresses } = invitation
    const where = place(invitation)
    const grant = await join(hub(), invitation, keys.record, name)
    peers.introduce(inviter, addresses)
    const invited = { by: inviter, role: grant.role, grant: grantIn(suite, grant.batches) }
    const known = registry.get(folderId)
    const folder =
      known === undefined ? registry.join(folderId, invited, where) : await registry.rejoin(known, invited)
    for (const batch of grant.batches) folder.replica.receive(batch, inviter, clock.wall())
    return folder
  }

  /** A device that was invited is here. */
  async admit(request: JoinRequest): Promise<JoinVerdict> {
    const { registry, invitations, peers, clock, suite } = this.#parts
    const folder = registry.get(request.folderId)
    if (folder === undefined) return 'unknown'
    const admission = invitations.admit(request)
    if (admission.state === 'refused') return admission.reason
    if (folder.role !== 'admin') return 'not-admin'
    const { replica } = folder
    const isMember = replica.log.membership.roleOf(request.deviceId, replica.log.heads()) !== undefined
    // Admitted before and no member any more: somebody has revoked it since.
    if (admission.isRepeat && !isMember) return 'used'
    const batches = replica.grant(request.device, admission.role, clock.wall())
    peers.introduce(request.deviceId, [])
    peers.rename(request.deviceId, request.name || deviceText(suite, request.deviceId).slice(0, 7))
    folder.announce()
    this.#parts.foldersChanged()
    return { grant: { batches, folderName: folder.name, role: admission.role }, key: admission.key }
  }

  /** Codes that nobody has used yet are good no more: one of them may be on a machine that is lost. */
  withdrawOpen(folderId: FolderId): number {
    return this.#parts.invitations.withdrawOpen(folderId)
  }

  /** Nobody can join it by this device any more. */
  forget(folderId: FolderId): void {
    this.#parts.invitations.withdraw(folderId)
  }
}

function notAdmin(folder: Folder): HarpError {
  return new HarpError('SYNC_NOT_ALLOWED', `only an admin of ${folder.name} may invite`, {
    fix: 'invite from the device that began the folder, or ask one of its admins for the role admin',
  })
}
