import type { Clock } from '../../base/clock.ts'
import type { DeviceId } from '../ids.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Presence } from '../presence/presence.ts'
import type { Replica } from '../replica/replica.ts'
import type { KeepPolicy } from './version-source.ts'

export interface OtherPolicy {
  readonly device: DeviceId
  readonly keep: KeepPolicy
}

export interface OtherPoliciesParts {
  readonly replica: Replica
  /** Undefined: nobody has said anything. */
  readonly presence: () => Presence | undefined
  readonly clock: Clock
}

const dayMs = 86_400_000
/** Who has not said yet what it keeps may keep everything: for so long after it was let in, or could be heard here. */
const newcomerMs = 30 * dayMs
/** Who was not heard of for so long does not hold up the others any more. */
const silentMs = 90 * dayMs
const againMs = 5_000

/**
 * What the other members of a folder do with old content, as far as it counts: what one of them wants is not dropped
 * here before it has it. Caches promise nothing, and devices that were revoked have no say.
 */
export class OtherPolicies {
  readonly #parts: OtherPoliciesParts
  #last: readonly OtherPolicy[] = []
  #askAgainAt = Number.NEGATIVE_INFINITY
  #memberships = -1

  constructor(parts: OtherPoliciesParts) {
    this.#parts = parts
  }

  /** A moment old at most; of who was let in right now at once: what is written from now on may be wanted. */
  get all(): readonly OtherPolicy[] {
    const { clock, replica } = this.#parts
    const now = clock.monotonic()
    const memberships = replica.log.memberships().length
    if (now >= this.#askAgainAt || memberships !== this.#memberships) {
      this.#last = this.#look()
      this.#askAgainAt = now + againMs
      this.#memberships = memberships
    }
    return this.#last
  }

  /** Whether anybody may want content that is not current any more. */
  get wantOld(): boolean {
    return this.all.some(({ keep }) => keep !== 'current')
  }

  /** What is done with content that is replaced right now: who keeps none itself may have to for others. */
  whenReplaced(own: KeepPolicy): KeepPolicy {
    return own === 'current' && this.wantOld ? 'staggered' : own
  }

  #look(): OtherPolicy[] {
    const { replica, presence, clock } = this.#parts
    const { membership } = replica.log
    const heard = presence()
    const known = heard?.members
    const now = clock.wall()
    const found: OtherPolicy[] = []
    for (const { deviceId: device, role } of membership.members(replica.log.heads())) {
      if (device === replica.deviceId || role === 'cache') continue
      const said = known?.get(device)
      if (said === undefined) {
        const since = Math.max(latest(membership.grantsOf(device)), heard?.since ?? 0)
        if (now - since < newcomerMs) found.push({ device, keep: 'all' })
      } else if (said.keep !== 'cache' && now - said.heardAt < silentMs) {
        found.push({ device, keep: said.keep })
      }
    }
    return found
  }
}

function latest(grants: readonly LogEntry[]): number {
  return grants.reduce((last, { hlc }) => Math.max(last, hlc.ms), 0)
}
