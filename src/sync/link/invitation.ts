import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { concatBytes, encodeCbor, requireSame, sameBytes } from '../format/cbor.ts'
import type { CborValue } from '../format/cbor.ts'
import { Fields } from '../format/fields.ts'
import { FormatError } from '../format/format-error.ts'
import { roles, type Role } from '../format/membership.ts'
import { idBytes, requireLength, requireText, requireUint } from '../format/rules.ts'
import { hashLength, type DeviceId, type FolderId } from '../ids.ts'
import { decodeBase32, encodeBase32 } from '../format/base32.ts'
import { addressItems, deviceName, readAddresses } from './hello.ts'
import { linkError } from './link-errors.ts'
import { linkLimits } from './link-limits.ts'
import { secretLength } from './join-proof.ts'

/** What a join code says. Whoever has it may join, once. */
export interface Invitation {
  readonly folderId: FolderId
  readonly inviter: DeviceId
  /** `host:port` each. */
  readonly addresses: readonly string[]
  /** 16 random bytes. */
  readonly secret: Uint8Array
  readonly role: Role
  /** Seconds since 1970. */
  readonly expires: number
  readonly folderName: string
}

const prefix = 'harp-'
const version = 1
const lengthBytes = 2
const checkBytes = 4
const nameBytes = 4 * linkLimits.nameCharacters
/** No honest code is half as long. */
const longestText = 8_192
/** A clock here that is a little ahead spoils nothing: the inviter's decides. */
const leewayMs = 300_000

/** One word: length, content and a checksum. */
export function encodeInvitation(suite: CryptoSuite, invitation: Invitation): string {
  const content = encodeContent(invitation)
  const framed = concatBytes(Uint8Array.of(content.length >> 8, content.length & 0xff), content)
  return prefix + encodeBase32(concatBytes(framed, checkOf(suite, framed)))
}

/**
 * Case, spaces and line breaks do not matter. Throws HarpError INVITATION_MALFORMED, _TRUNCATED, _DAMAGED, _VERSION or
 * _EXPIRED.
 */
export function decodeInvitation(suite: CryptoSuite, text: string, wallMs: number): Invitation {
  const word = text.slice(0, longestText).replaceAll(/\s/g, '').toLowerCase()
  if (!word.startsWith(prefix)) throw linkError('INVITATION_MALFORMED', `a join code begins with ${prefix}`)
  const bytes = decodeBase32(word.slice(prefix.length))
  if (bytes === undefined) {
    throw linkError('INVITATION_DAMAGED', 'the join code holds characters that none has')
  }
  const length = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
  const end = lengthBytes + length
  if (bytes.length < lengthBytes || bytes.length < end + checkBytes) {
    throw linkError('INVITATION_TRUNCATED', 'the join code is cut off')
  }
  const check = checkOf(suite, bytes.subarray(0, end))
  if (bytes.length > end + checkBytes || !sameBytes(check, bytes.subarray(end))) {
    throw linkError('INVITATION_DAMAGED', 'the join code and its checksum do not agree')
  }
  const invitation = readContent(bytes.slice(lengthBytes, end))
  if (invitation.expires * 1_000 + leewayMs < wallMs) {
    throw linkError('INVITATION_EXPIRED', `the invitation to ${invitation.folderName} has expired`)
  }
  return invitation
}

function encodeContent(invitation: Invitation): Uint8Array {
  return encodeCbor(
    new Map<number, CborValue>([
      [1, version],
      [2, idBytes(invitation.folderId, hashLength)],
      [3, idBytes(invitation.inviter, hashLength)],
      [4, addressItems(invitation.addresses)],
      [5, requireLength(invitation.secret, secretLength)],
      [6, roles.indexOf(invitation.role)],
      [7, requireUint(invitation.expires)],
      [8, requireText(invitation.folderName, nameBytes)],
    ]),
  )
}

function readContent(content: Uint8Array): Invitation {
  try {
    const fields = Fields.of(content, 64)
    if (fields.uint(1) > version) {
      throw linkError('INVITATION_VERSION', 'the join code has a newer version than this program knows')
    }
    const invitation: Invitation = {
      folderId: fields.id(2, hashLength),
      inviter: fields.id(3, hashLength),
      addresses: readAddresses(fields.list(4, linkLimits.addresses)),
      secret: fields.bytes(5, secretLength),
      role: fields.choice(6, roles),
      expires: fields.uint(7),
      folderName: fields.text(8),
    }
    fields.end()
    requireSame(content, encodeContent(invitation))
    return { ...invitation, folderName: deviceName(invitation.folderName) }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw linkError('INVITATION_MALFORMED', `the join code cannot be read: ${error.message}`, error)
  }
}

function checkOf(suite: CryptoSuite, framed: Uint8Array): Uint8Array {
  return suite.hash(labels.joinCode, framed).subarray(0, checkBytes)
}
