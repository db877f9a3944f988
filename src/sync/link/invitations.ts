import type { Clock } from '../../base/clock.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import { roles, type Role } from '../format/membership.ts'
import { fromHex, toHex, type DeviceId, type FolderId } from '../ids.ts'
import { deviceName } from './hello.ts'
import { encodeInvitation } from './invitation.ts'
import type { JoinRequest } from './join-desk.ts'
import type { JoinRefusal } from './join-message.ts'
import { invitationKeys, proofLength, secretLength } from './join-proof.ts'
import { linkError } from './link-errors.ts'

/** Where the book is kept: one text, replaced as a whole and at once. */
export interface TextStore {
  load(): string | undefined
  save(text: string): void
}

/** One that was given out. The secret is not in it: only what a proof is checked with. */
interface IssuedInvitation {
  /** 32 hex digits. */
  readonly id: string
  /** 64 hex digits. */
  readonly key: string
  readonly folderId: FolderId
  readonly role: Role
  readonly expiresMs: number
  readonly usedBy: DeviceId | null
}

export type Admission =
  | {
      readonly state: 'admitted'
      readonly role: Role
      /** For `JoinVerdict`. */
      readonly key: Uint8Array
      /**
       * This device was admitted with it before. It may have missed the answer; it may also have been revoked since, and
       * then must not come back with it.
       */
      readonly isRepeat: boolean
    }
  | { readonly state: 'refused'; readonly reason: JoinRefusal }

export interface InvitationsOptions {
  readonly suite: CryptoSuite
  readonly store: TextStore
  readonly clock: Clock
  readonly random: RandomBytes
}

export interface NewInvitation {
  readonly folderId: FolderId
  readonly folderName: string
  readonly inviter: DeviceId
  readonly addresses: readonly string[]
  readonly role: Role
  readonly validMs: number
}

const mostOpen = 256
/** With those that were used or have expired, which are remembered to say so. */
const mostKept = 1_024
const keptAfterExpiryMs = 7 * 86_400_000

/** The inviter's book of invitations: each good for one device, until it expires, also after a restart. */
export class Invitations {
  readonly #options: InvitationsOptions
  /** The oldest first. */
  #issued: readonly IssuedInvitation[]

  /** Throws HarpError INVITATION_BOOK if what is stored cannot be understood. */
  constructor(options: InvitationsOptions) {
    this.#options = options
    this.#issued = readBook(options.store.load())
  }

  /** The join code, which is not kept. Throws HarpError INVITATION_TOO_MANY. */
  create(wanted: NewInvitation): { readonly code: string; readonly expiresMs: number } {
    const { suite, random, clock } = this.#options
    const now = clock.wall()
    const known = this.#issued.filter((each) => each.expiresMs + keptAfterExpiryMs > now)
    if (known.filter((each) => isOpen(each, now)).length >= mostOpen) {
      throw linkError('INVITATION_TOO_MANY', `${mostOpen} invitations are open`)
    }
    const secret = random(secretLength)
    const { id, key } = invitationKeys(secret)
    const { folderId, inviter, addresses, role } = wanted
    const expires = Math.ceil((now + wanted.validMs) / 1_000)
    const expiresMs = expires * 1_000
    const folderName = deviceName(wanted.folderName)
    const code = encodeInvitation(suite, { folderId, inviter, addresses, secret, role, expires, folderName })
    const issued: IssuedInvitation = { id, key: toHex(key), folderId, role, expiresMs, usedBy: null }
    this.#replace(withinLimit([...known, issued], now))
    return { code, expiresMs }
  }

  /** How many may still be used. */
  openCount(folderId: FolderId): number {
    const now = this.#options.clock.wall()
    return this.#issued.filter((each) => each.folderId === folderId && isOpen(each, now)).length
  }

  /** Those of this folder that nobody has used. Returns how many there were. */
  withdrawOpen(folderId: FolderId): number {
    const now = this.#options.clock.wall()
    const left = this.#issued.filter((each) => each.folderId !== folderId || !isOpen(each, now))
    const count = this.#issued.length - left.length
    if (count > 0) this.#replace(left)
    return count
  }

  /** None of this folder is good any more. */
  withdraw(folderId: FolderId): void {
    const left = this.#issued.filter((each) => each.folderId !== folderId)
    if (left.length < this.#issued.length) this.#replace(left)
  }

  /**
   * Whether a joiner is to be let in. From then on the invitation is used, also if nothing is granted after all: by this
   * device, which may ask again. It is lasting when this returns.
   */
  admit(request: Pick<JoinRequest, 'folderId' | 'deviceId' | 'invitation' | 'isProvedBy'>): Admission {
    const found = this.#issued.find((each) => each.id === request.invitation)
    if (found === undefined || found.folderId !== request.folderId) return refused('unknown')
    const key = fromHex(found.key)
    // NOTE: first of all, so that nobody learns what became of an invitation who has none.
    if (!request.isProvedBy(key)) return refused('wrong-proof')
    if (found.usedBy !== null && found.usedBy !== request.deviceId) return refused('used')
    if (found.expiresMs <= this.#options.clock.wall()) return refused('expired')
    const isRepeat = found.usedBy === request.deviceId
    if (!isRepeat) {
      const used: IssuedInvitation = { ...found, usedBy: request.deviceId }
      this.#replace(this.#issued.map((each) => (each === found ? used : each)))
    }
    return { state: 'admitted', role: found.role, key, isRepeat }
  }

  #replace(issued: readonly IssuedInvitation[]): void {
    this.#options.store.save(JSON.stringify({ version: 1, invitations: issued }))
    this.#issued = issued
  }
}

function refused(reason: JoinRefusal): Admission {
  return { state: 'refused', reason }
}

function isOpen(invitation: IssuedInvitation, now: number): boolean {
  return invitation.usedBy === null && invitation.expiresMs > now
}

/** Open ones always stay. */
function withinLimit(issued: readonly IssuedInvitation[], now: number): readonly IssuedInvitation[] {
  let excess = issued.length - mostKept
  return issued.filter((each) => excess <= 0 || isOpen(each, now) || excess-- <= 0)
}

function readBook(text: string | undefined): readonly IssuedInvitation[] {
  if (text === undefined) return []
  let book: unknown
  try {
    book = JSON.parse(text)
  } catch (error) {
    throw linkError('INVITATION_BOOK', 'the list of invitations is no JSON', error)
  }
  const fields = isObject(book) ? book : {}
  const list: unknown = fields['version'] === 1 ? fields['invitations'] : undefined
  if (!Array.isArray(list)) throw linkError('INVITATION_BOOK', 'the list of invitations is something else')
  return list.map(readIssued)
}

function readIssued(value: unknown): IssuedInvitation {
  if (isObject(value)) {
    const { id, key, folderId, role, expiresMs, usedBy } = value
    const knownRole = roles.find((each) => each === role)
    if (
      isHex(id, 32) &&
      isHex(key, 2 * proofLength) &&
      isHex(folderId, 64) &&
      knownRole !== undefined &&
      typeof expiresMs === 'number' &&
      (usedBy === null || isHex(usedBy, 64))
    ) {
      return { id, key, folderId, role: knownRole, expiresMs, usedBy }
    }
  }
  throw linkError('INVITATION_BOOK', 'the list of invitations holds something else')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isHex(value: unknown, digits: number): value is string {
  return typeof value === 'string' && value.length === digits && /^[\da-f]*$/.test(value)
}
