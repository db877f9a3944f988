import type { CryptoSuite } from '../crypto/suite.ts'
import { decodeBatch } from '../format/batch-codec.ts'
import { orReason } from '../format/format-error.ts'
import { roles, type Role } from '../format/membership.ts'
import { fromHex, toHex, type DeviceId, type EntryHash } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Replica } from '../replica/replica.ts'
import type { LogStore } from '../store/log-store.ts'

/** By whom this device was invited, and as what: believed until the log says who is a member. */
export interface Invited {
  readonly by: DeviceId
  readonly role: Role
  /** The entry that lets it in, if the inviter told which. */
  readonly grant?: EntryHash | undefined
}

const inviterFact = 'inviter'
const roleFact = 'invited-role'
const grantFact = 'invited-grant'

/** Why this device is out of its folder: the revocation of itself, or of who let it in; undefined if neither is known. */
export interface Exclusion {
  readonly revocation: LogEntry | undefined
}

/**
 * Whether this device takes part in a folder, as its own log says. A revocation counts until the device is let in by an
 * invitation again: a role alone, which comes with the log, does not put back to work what its log showed before.
 */
export class OwnMembership {
  readonly #replica: Replica
  readonly #inviter: DeviceId | undefined
  readonly #invitedRole: Role | undefined
  readonly #grant: EntryHash | undefined
  readonly #beganEmpty: boolean
  #seen = -1
  #exclusion: Exclusion | undefined

  /** Written down before anything of the folder is taken in. */
  static note(store: LogStore, invited: Invited): void {
    store.setFact(inviterFact, fromHex(invited.by))
    store.setFact(roleFact, new TextEncoder().encode(invited.role))
    store.setFact(grantFact, invited.grant === undefined ? new Uint8Array(0) : fromHex(invited.grant))
    store.commit()
  }

  constructor(store: LogStore, replica: Replica) {
    this.#replica = replica
    this.#beganEmpty = replica.log.size === 0
    const inviter = store.fact(inviterFact)
    const role = store.fact(roleFact)
    const grant = store.fact(grantFact)
    this.#inviter = inviter === undefined ? undefined : toHex(inviter)
    const text = role === undefined ? '' : new TextDecoder().decode(role)
    this.#invitedRole = roles.find((known) => known === text)
    this.#grant = grant === undefined || grant.length === 0 ? undefined : toHex(grant)
  }

  /** The entry that lets this device in has not come yet: what is known of it is from before. */
  get isExpected(): boolean {
    const { log, role } = this.#replica
    if (this.#grant !== undefined) return log.entry(this.#grant) === undefined
    return this.#inviter !== undefined && role === undefined && log.size === 0
  }

  /** Believed to be a member whatever the log says so far. */
  get trusted(): DeviceId | undefined {
    if (this.isExpected) return this.#inviter
    return this.#grant === undefined && this.#replica.role === undefined ? this.#inviter : undefined
  }

  /**
   * Nothing was known of the folder when this began, and the entry that lets this device in has not come. All that comes is
   * checked from the folder's id on, so whoever has it may give it: the inviter may be gone.
   */
  get isBlank(): boolean {
    return this.#beganEmpty && this.isExpected
  }

  /** As the log has it; as it was granted, until that is in the log. */
  get role(): Role | undefined {
    return this.isExpected ? this.#invitedRole : this.#replica.role
  }

  /** Undefined as long as this device takes part, or is about to. */
  get exclusion(): Exclusion | undefined {
    if (this.isExpected) return undefined
    // Only entries that speak of members change it, and what a fork leaves of a role is no exclusion.
    const seen = this.#replica.log.memberships().length
    if (seen === this.#seen) return this.#exclusion
    this.#seen = seen
    this.#exclusion = this.#find()
    return this.#exclusion
  }

  #find(): Exclusion | undefined {
    const { log, deviceId } = this.#replica
    const grant = this.#grant === undefined ? undefined : log.entry(this.#grant)
    const since = log.membership
      .revokesOf(deviceId)
      .filter((revoke) => grant === undefined || !log.observes(grant, revoke))
    const [revocation] = since
    if (revocation !== undefined) return { revocation }
    // Without the grant's place in the log this may be a log that is still coming.
    if (grant === undefined || log.membership.grantedOf(deviceId, log.heads()) !== undefined) return undefined
    return { revocation: log.membership.revokesOf(grant.deviceId).at(-1) }
  }
}

/** The last entry of what an inviter hands out is the grant itself. */
export function grantIn(suite: CryptoSuite, batches: readonly Uint8Array[]): EntryHash | undefined {
  const last = batches.at(-1)
  if (last === undefined) return undefined
  // Whoever sends something else lets nobody in; the log will show it.
  const batch = orReason(() => decodeBatch(suite, last))
  const entry = typeof batch === 'string' ? undefined : batch.entries.at(-1)
  return entry?.meta.kind === 'grant' ? entry.hash : undefined
}
