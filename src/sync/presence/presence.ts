import type { Role } from '../format/membership.ts'
import type { DeviceId } from '../ids.ts'
import type { KeepPolicy } from '../folder/version-source.ts'

/** What another member said last of how it keeps a folder. Written down, so that it is known while the device is away. */
export interface MemberPresence {
  readonly device: DeviceId
  readonly role: Role
  /** What it does with old content. `cache`: whatever its quota lets it; nobody may rely on it. */
  readonly keep: KeepPolicy | 'cache'
  /** It has the content of all that its log shows; for a cache, all that it wants. */
  readonly isComplete: boolean
  readonly chunkBytes: number
  /** By this device's clock, milliseconds of the Unix epoch. */
  readonly heardAt: number
  /** By how much its clock was ahead of this device's when it spoke last; undefined: not in this run. Milliseconds. */
  readonly clockAheadMs?: number
}

/** What other members hold. One for each folder. */
export interface Presence {
  readonly members: ReadonlyMap<DeviceId, MemberPresence>
  /** Of what was said before, this device knows nothing. Milliseconds of the Unix epoch. */
  readonly since?: number
  /**
   * Asks connected members which of these chunks they hold right now (they look, and answer by what they found). Ids are
   * 32 bytes, at most 4,096 at a time. Devices that do not answer within the deadline are left out.
   */
  holders(ids: readonly Uint8Array[], deadlineMs: number): Promise<ReadonlyMap<DeviceId, readonly boolean[]>>
}
