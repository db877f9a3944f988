import { createHmac, timingSafeEqual } from 'node:crypto'
import { labels } from '../crypto/labels.ts'
import { fromHex, shortIdLength, toHex, type DeviceId, type FolderId } from '../ids.ts'

/**
 * What a join proves: that both ends know the secret of an invitation, in this very TLS session, for this folder and
 * these two devices. The inviter keeps a key made from the secret, not the secret.
 */
export const proofLength = 32
export const secretLength = 16

export interface InvitationKeys {
  /** What the invitation is called: 32 hex digits. Tells nothing of the key. */
  readonly id: string
  readonly key: Uint8Array
}

export interface JoinScene {
  /** Of the TLS session. */
  readonly channel: Uint8Array
  readonly folderId: FolderId
  readonly joiner: DeviceId
  readonly inviter: DeviceId
}

export function invitationKeys(secret: Uint8Array): InvitationKeys {
  return {
    id: toHex(mac(secret, labels.invitationId).subarray(0, shortIdLength)),
    key: mac(secret, labels.invitationKey),
  }
}

/** By the joiner. */
export function joinProof(key: Uint8Array, scene: JoinScene): Uint8Array {
  return proof(key, labels.joinProof, scene)
}

/** By the inviter, so that the joiner takes a folder from nobody else. */
export function joinAnswerProof(key: Uint8Array, scene: JoinScene): Uint8Array {
  return proof(key, labels.joinAnswer, scene)
}

/** In a time that tells nothing. */
export function sameProof(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right)
}

function proof(key: Uint8Array, label: Uint8Array, scene: JoinScene): Uint8Array {
  const { channel, folderId, joiner, inviter } = scene
  return mac(key, label, channel, fromHex(joiner), fromHex(inviter), fromHex(folderId))
}

/** All parts have fixed lengths, so their concatenation can be read in one way only. */
function mac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(part)
  return new Uint8Array(hmac.digest())
}
