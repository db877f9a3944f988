import { z } from 'zod'
import type { DeviceId, FolderId } from '../ids.ts'

/** What the files of a home hold, as JSON. */

export interface FolderRecord {
  readonly id: FolderId
  readonly name: string
  /** Absolute. */
  readonly path: string
  readonly paused: boolean
}

export interface PeerRecord {
  readonly name: string
  /** `host:port`. */
  readonly addresses: readonly string[]
}

export interface DeviceRecordFile {
  readonly name: string
  readonly signingSeed: string
  readonly agreementSecret: string
}

/** That this device was made again from a backup: what it knows may be older than what it has sent. */
export interface RestoredFact {
  readonly time: string
  readonly folders: readonly {
    readonly folder: FolderId
    readonly name: string
    readonly keys: readonly { readonly epoch: string; readonly key: string }[]
  }[]
}

const id = z.string().regex(/^[0-9a-f]{64}$/)
const epochId = z.string().regex(/^[0-9a-f]{32}$/)

export const folderFile = z.array(
  z.object({ id, name: z.string(), path: z.string(), paused: z.boolean() }),
) satisfies z.ZodType<readonly FolderRecord[]>

export const peerFile = z.record(
  id,
  z.object({ name: z.string(), addresses: z.array(z.string()) }),
) satisfies z.ZodType<Readonly<Record<DeviceId, PeerRecord>>>

export const deviceFile = z.object({
  name: z.string(),
  signingSeed: id,
  agreementSecret: id,
}) satisfies z.ZodType<DeviceRecordFile>

export const folderKeysList = z.array(
  z.object({
    folder: id,
    name: z.string(),
    keys: z.array(z.object({ epoch: epochId, key: id })),
  }),
)

export const restoredFile = z.object({
  time: z.string(),
  folders: folderKeysList,
}) satisfies z.ZodType<RestoredFact>
