import { encodeCbor, requireSame } from '../format/cbor.ts'
import type { CborValue } from '../format/cbor.ts'
import { asBytes, asTuple, Fields } from '../format/fields.ts'
import { FormatError } from '../format/format-error.ts'
import { roles, type DeviceRecord, type Role } from '../format/membership.ts'
import { idBytes, requireLength, requireText, requireUint } from '../format/rules.ts'
import { hashLength, shortIdLength, type FolderId } from '../ids.ts'
import { deviceName } from './hello.ts'
import { linkLimits } from './link-limits.ts'
import { proofLength } from './join-proof.ts'

/** Why a joiner is not let in; `busy`: too many tried of late, from that address or at all. */
export const joinRefusals = [
  'failed',
  'unknown',
  'expired',
  'used',
  'wrong-proof',
  'not-admin',
  'busy',
] as const
export type JoinRefusal = (typeof joinRefusals)[number]

export interface JoinRequestMessage {
  readonly folderId: FolderId
  /** Of the invitation: 32 hex digits. */
  readonly invitation: string
  readonly device: DeviceRecord
  readonly name: string
  readonly proof: Uint8Array
}

export type JoinAnswerMessage =
  | {
      readonly state: 'granted'
      readonly folderName: string
      readonly role: Role
      readonly proof: Uint8Array
      /** So many payloads follow, a frame each. */
      readonly batches: number
    }
  | { readonly state: 'refused'; readonly reason: JoinRefusal }

const nameBytes = 4 * linkLimits.nameCharacters
const mostItems = 64

export function encodeJoinRequest(request: JoinRequestMessage): Uint8Array {
  const { signingKey, agreementKey, agreementSignature } = request.device
  return encodeCbor(
    new Map<number, CborValue>([
      [1, 1],
      [2, idBytes(request.folderId, hashLength)],
      [3, idBytes(request.invitation, shortIdLength)],
      [
        4,
        [
          requireLength(signingKey, 32),
          requireLength(agreementKey, 32),
          requireLength(agreementSignature, 64),
        ],
      ],
      [5, requireText(request.name, nameBytes)],
      [6, requireLength(request.proof, proofLength)],
    ]),
  )
}

/** Throws FormatError, as all of these. */
export function decodeJoinRequest(bytes: Uint8Array): JoinRequestMessage {
  const fields = Fields.of(bytes, mostItems)
  fields.version(1)
  const [signingKey, agreementKey, signature] = asTuple(fields.list(4, 3), 3)
  const request: JoinRequestMessage = {
    folderId: fields.id(2, hashLength),
    invitation: fields.id(3, shortIdLength),
    device: {
      signingKey: asBytes(signingKey, 32),
      agreementKey: asBytes(agreementKey, 32),
      agreementSignature: asBytes(signature, 64),
    },
    name: fields.text(5),
    proof: fields.bytes(6, proofLength),
  }
  fields.end()
  requireSame(bytes, encodeJoinRequest(request))
  return { ...request, name: deviceName(request.name) }
}

export function encodeJoinAnswer(answer: JoinAnswerMessage): Uint8Array {
  const fields = new Map<number, CborValue>([[1, 1]])
  if (answer.state === 'granted') {
    fields.set(2, requireText(answer.folderName, nameBytes))
    fields.set(3, roles.indexOf(answer.role))
    fields.set(4, requireLength(answer.proof, proofLength))
    fields.set(5, requireUint(answer.batches, 0, linkLimits.grantBatches))
  } else fields.set(6, joinRefusals.indexOf(answer.reason))
  return encodeCbor(fields)
}

export function decodeJoinAnswer(bytes: Uint8Array): JoinAnswerMessage {
  const fields = Fields.of(bytes, mostItems)
  fields.version(1)
  const answer: JoinAnswerMessage = fields.has(6)
    ? { state: 'refused', reason: fields.choice(6, joinRefusals) }
    : {
        state: 'granted',
        folderName: fields.text(2),
        role: fields.choice(3, roles),
        proof: fields.bytes(4, proofLength),
        batches: fields.uint(5),
      }
  fields.end()
  requireSame(bytes, encodeJoinAnswer(answer))
  return answer.state === 'granted' ? { ...answer, folderName: deviceName(answer.folderName) } : answer
}

/** A reader of bytes of others: undefined where a codec refuses. */
export function readOrUndefined<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
