import type { ChunkRows } from '../content/content.ts'
import type { EntryHash } from '../ids.ts'

/** The chunks of versions, as the log tells them. */
export interface VersionSource {
  /** Undefined if the chunk list, or a part of the manifest, is not on this device. */
  rows(version: EntryHash): ChunkRows | undefined
  /** Ids of the chunks that hold the version's manifest, if it is too long for its entry. */
  pieces(version: EntryHash): readonly Uint8Array[]
}

/** What a device does with content that is no longer current. */
export const keepPolicies = ['all', 'staggered', 'current'] as const
export type KeepPolicy = (typeof keepPolicies)[number]
