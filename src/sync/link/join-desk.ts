import { StreamWire } from '../../net/stream-wire.ts'
import { checkDeviceRecord, deviceIdOf } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { DeviceRecord, Role } from '../format/membership.ts'
import type { DeviceId, FolderId } from '../ids.ts'
import { FramePipe } from './frame-pipe.ts'
import { deviceName } from './hello.ts'
import { decodeJoinRequest, encodeJoinAnswer, readOrUndefined } from './join-message.ts'
import type { JoinRefusal, JoinRequestMessage } from './join-message.ts'
import { joinAnswerProof, joinProof, sameProof } from './join-proof.ts'
import type { JoinScene } from './join-proof.ts'
import { frameLimits, linkLimits } from './link-limits.ts'
import type { LinkTimes } from './link-limits.ts'
import type { SecureConnection } from './secure-connection.ts'

/** A device that wants to become a member; its record is checked, and its key is that of the connection. */
export interface JoinRequest {
  readonly folderId: FolderId
  readonly deviceId: DeviceId
  readonly device: DeviceRecord
  /** As it calls itself. */
  readonly name: string
  /** Where it comes from. */
  readonly address: string
  /** Which invitation it means: `InvitationKeys.id`. */
  readonly invitation: string
  /** Whether it knows the secret that this key was made from. */
  isProvedBy(key: Uint8Array): boolean
}

/** What a new member needs to begin with; the rest comes over its link. */
export interface JoinGrant {
  /** Encoded batches that it takes in first, in this order. */
  readonly batches: readonly Uint8Array[]
  readonly folderName: string
  readonly role: Role
}

/** A grant with the key of the invitation, which proves to the joiner that it is the right one who answers. */
export type JoinVerdict = { readonly grant: JoinGrant; readonly key: Uint8Array } | JoinRefusal

export interface JoinDeskOptions {
  readonly suite: CryptoSuite
  readonly deviceId: DeviceId
  readonly times: LinkTimes
  readonly onJoin: (request: JoinRequest) => Promise<JoinVerdict>
  /** The address did what nobody with an invitation does. */
  readonly onFailure: (address: string) => void
}

/** Answers one request on one connection, and closes it. */
export class JoinDesk {
  readonly #options: JoinDeskOptions

  constructor(options: JoinDeskOptions) {
    this.#options = options
  }

  /** `isBarred`: nothing is looked at. */
  serve(connection: SecureConnection, isBarred: boolean): void {
    const { socket, address } = connection
    const { times } = this.#options
    const fail = (): void => {
      this.#options.onFailure(address)
      socket.destroy()
    }
    const pipe = new FramePipe(new StreamWire(socket), {
      limits: frameLimits.joinRequest,
      sendLimits: frameLimits.joinAnswer,
      onFault: fail,
    })
    let timer = setTimeout(() => socket.destroy(), times.handshakeMs)
    let hasAsked = false
    pipe.setHandler({
      onFrame: (head) => {
        const request = hasAsked ? undefined : readOrUndefined(() => decodeJoinRequest(head))
        hasAsked = true
        if (request === undefined || !this.#isOf(connection, request)) {
          fail()
          return
        }
        clearTimeout(timer)
        timer = setTimeout(() => socket.destroy(), times.grantMs)
        if (isBarred) refuse(pipe, 'busy')
        else void this.#answer(connection, request, pipe)
      },
      onDrain: () => {},
      onClose: () => {
        clearTimeout(timer)
        socket.destroySoon()
      },
    })
  }

  /** The record is whole, and it is the connection's. */
  #isOf(connection: SecureConnection, request: JoinRequestMessage): boolean {
    const { suite } = this.#options
    return (
      deviceIdOf(suite, request.device.signingKey) === connection.peer &&
      checkDeviceRecord(suite, request.device)
    )
  }

  async #answer(connection: SecureConnection, message: JoinRequestMessage, pipe: FramePipe): Promise<void> {
    const { folderId, device, name, invitation, proof } = message
    const scene: JoinScene = {
      channel: connection.channel,
      folderId,
      joiner: connection.peer,
      inviter: this.#options.deviceId,
    }
    const request: JoinRequest = {
      folderId,
      deviceId: connection.peer,
      device,
      name,
      address: connection.address,
      invitation,
      isProvedBy: (key) => sameProof(joinProof(key, scene), proof),
    }
    const verdict = await this.#decide(request)
    if (typeof verdict === 'string') {
      if (verdict === 'unknown' || verdict === 'wrong-proof') this.#options.onFailure(connection.address)
      refuse(pipe, verdict)
    } else send(pipe, verdict.grant, joinAnswerProof(verdict.key, scene))
  }

  async #decide(request: JoinRequest): Promise<JoinVerdict> {
    try {
      const verdict = await this.#options.onJoin(request)
      if (typeof verdict === 'string') return verdict
      const { batches } = verdict.grant
      const bytes = batches.reduce((sum, batch) => sum + batch.length, 0)
      const fits = batches.length <= linkLimits.grantBatches && bytes <= linkLimits.grantBytes
      return fits ? verdict : 'failed'
    } catch {
      // NOTE: whoever grants has said in its own log what went wrong; the joiner is no one to tell.
      return 'failed'
    }
  }
}

function refuse(pipe: FramePipe, reason: JoinRefusal): void {
  pipe.send(encodeJoinAnswer({ state: 'refused', reason }))
  pipe.close('refused')
}

function send(pipe: FramePipe, grant: JoinGrant, proof: Uint8Array): void {
  const { batches, role } = grant
  const folderName = deviceName(grant.folderName)
  pipe.send(encodeJoinAnswer({ state: 'granted', folderName, role, proof, batches: batches.length }))
  for (const batch of batches) pipe.send(new Uint8Array(0), batch)
  pipe.close('granted')
}
