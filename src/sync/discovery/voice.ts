import type { Clock } from '../../base/clock.ts'
import type { HostPort } from '../../net/address.ts'
import type { RandomBytes } from '../crypto/suite.ts'
import type { LocalInterface } from './interfaces.ts'
import type { DiscoveryNetwork } from './network.ts'
import type { NonceBook } from './nonce-book.ts'
import type { PacketGate } from './packet-gate.ts'
import type { Sighting } from './sighting.ts'
import type { TagTable } from './tag-table.ts'

/** What all that speaks and hears on interfaces has in common. */
export interface VoiceParts {
  readonly network: DiscoveryNetwork
  readonly table: TagTable
  readonly nonces: NonceBook
  readonly gate: PacketGate
  readonly clock: Clock
  readonly random: RandomBytes
  readonly listening: () => HostPort | undefined
  /** Brings the table to the hour that it is. */
  readonly keepTime: () => void
  readonly onSighting: (sighting: Sighting) => void
  readonly traffic: { heard: number; sent: number }
}

/** One way of speaking and hearing on one interface. */
export interface Voice {
  readonly interface: LocalInterface
  readonly via: Sighting['via']
  /** Why it does not work, in a few words. */
  readonly problem: string | undefined
  /** When it failed for good, by the monotonic clock; undefined while it is open. */
  readonly failedAt: number | undefined
  /** From the beginning: there is somebody new to be found. */
  begin(): void
  /** The tags are others: those of another hour, or of other members. */
  renew(): void
  /** Says goodbye where that is usual. Never rejects. */
  close(): Promise<void>
}

/** From 0 to 1. */
export function fraction(random: RandomBytes): number {
  const [high = 0, low = 0] = random(2)
  return (high * 256 + low) / 65_535
}
