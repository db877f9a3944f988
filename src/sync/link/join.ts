import { StreamWire } from '../../net/stream-wire.ts'
import type { DeviceRecord } from '../format/membership.ts'
import type { DeviceId } from '../ids.ts'
import { FramePipe } from './frame-pipe.ts'
import { deviceName } from './hello.ts'
import type { Invitation } from './invitation.ts'
import type { JoinGrant } from './join-desk.ts'
import { decodeJoinAnswer, encodeJoinRequest, readOrUndefined } from './join-message.ts'
import type { JoinRefusal } from './join-message.ts'
import { invitationKeys, joinAnswerProof, joinProof, sameProof } from './join-proof.ts'
import type { JoinScene } from './join-proof.ts'
import { linkError, type LinkErrorCode } from './link-errors.ts'
import { frameLimits, linkLimits } from './link-limits.ts'
import type { LinkTimes } from './link-limits.ts'
import type { ConnectionRefusal, SecureConnection } from './secure-connection.ts'

/** What joining needs of the hub. */
export interface JoinDialer {
  readonly deviceId: DeviceId
  readonly times: LinkTimes
  /** One address, for a join; pins the device. */
  dialJoin(address: string, expected: DeviceId): Promise<SecureConnection | ConnectionRefusal>
}

const refusalCodes: Readonly<Record<JoinRefusal, LinkErrorCode>> = {
  failed: 'INVITATION_REFUSED',
  unknown: 'INVITATION_UNKNOWN',
  expired: 'INVITATION_EXPIRED',
  used: 'INVITATION_USED',
  'wrong-proof': 'INVITATION_WRONG_PROOF',
  'not-admin': 'INVITATION_NOT_ADMIN',
  busy: 'INVITATION_REFUSED',
}

/**
 * Asks the inviter to be let in, at one address after the other. The same device may ask again with the same
 * invitation. Throws HarpErrors JOIN_… and INVITATION_….
 */
export async function join(
  hub: JoinDialer,
  invitation: Invitation,
  record: DeviceRecord,
  name: string,
): Promise<JoinGrant> {
  const problems: string[] = []
  let metOthers = false
  for (const address of invitation.addresses) {
    const found = await hub.dialJoin(address, invitation.inviter)
    if ('peer' in found) return ask(found, hub, invitation, { record, name: deviceName(name) })
    metOthers ||= found.state === 'wrong-device'
    problems.push(found.message)
  }
  const detail = problems.length === 0 ? 'the join code has no address' : problems.join('; ')
  throw linkError(metOthers ? 'JOIN_WRONG_DEVICE' : 'JOIN_UNREACHABLE', detail)
}

async function ask(
  connection: SecureConnection,
  hub: JoinDialer,
  invitation: Invitation,
  self: { readonly record: DeviceRecord; readonly name: string },
): Promise<JoinGrant> {
  const { id, key } = invitationKeys(invitation.secret)
  const { folderId, inviter } = invitation
  const scene: JoinScene = { channel: connection.channel, folderId, joiner: hub.deviceId, inviter }
  const proof = joinProof(key, scene)
  const request = { folderId, invitation: id, device: self.record, name: self.name, proof }
  const { head, batches } = await exchange(connection, encodeJoinRequest(request), hub.times.grantMs)
  const answer = readOrUndefined(() => decodeJoinAnswer(head))
  if (answer === undefined) throw linkError('JOIN_UNPROVEN', 'the answer cannot be read')
  if (answer.state === 'refused') {
    throw linkError(refusalCodes[answer.reason], `the inviting device says: ${answer.reason}`)
  }
  if (!sameProof(joinAnswerProof(key, scene), answer.proof)) {
    throw linkError('JOIN_UNPROVEN', 'the answer is not proved')
  }
  if (batches.length !== answer.batches) throw unreachable(connection, 'the answer was cut off')
  return { batches, folderName: answer.folderName, role: answer.role }
}

interface Answer {
  readonly head: Uint8Array
  readonly batches: readonly Uint8Array[]
}

/** Sends the request, and collects what comes until it is whole or the other end closes. */
async function exchange(
  connection: SecureConnection,
  request: Uint8Array,
  timeoutMs: number,
): Promise<Answer> {
  const { socket } = connection
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const fail = (detail: string): void => reject(unreachable(connection, detail))
  const timer = setTimeout(() => {
    fail('no answer in time')
    socket.destroy()
  }, timeoutMs)
  const pipe = new FramePipe(new StreamWire(socket), {
    limits: frameLimits.joinAnswer,
    sendLimits: frameLimits.joinRequest,
    onFault: fail,
  })
  let answer: Uint8Array | undefined
  let bytes = 0
  const batches: Uint8Array[] = []
  pipe.setHandler({
    onFrame: (head, payload) => {
      bytes += payload.length
      const isTooMuch = batches.length >= linkLimits.grantBatches || bytes > linkLimits.grantBytes
      if (answer === undefined) answer = head
      else if (isTooMuch) pipe.destroy('too much')
      else batches.push(payload)
    },
    onDrain: () => {},
    onClose: (reason) => {
      if (answer === undefined) fail(reason)
      else resolve({ head: answer, batches })
    },
  })
  pipe.send(request)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.destroySoon()
  }
}

function unreachable(connection: SecureConnection, detail: string): Error {
  return linkError('JOIN_UNREACHABLE', `${connection.address}: ${detail}`)
}
