import type { DeviceId } from '../ids.ts'

/** What of a link decides which of two to one device stays. */
export interface LinkTraits {
  readonly peer: DeviceId
  readonly peerInstance: string
  readonly isDialled: boolean
}

/**
 * Whether a new link replaces the one that is there. Both ends come to the same answer whatever the order in which they
 * see the two: of the same two processes, the link that the greater device id dialled stays; and of two links dialled by
 * the same end the newer one, as nobody dials who has a link. A process that runs now is not the one of before: newer.
 */
export function replacesLink(own: DeviceId, old: LinkTraits, added: LinkTraits): boolean {
  if (old.peerInstance !== added.peerInstance) return true
  if (old.isDialled === added.isDialled) return true
  return added.isDialled === own > added.peer
}
