import { z } from 'zod'
import type { DeviceId, FolderId } from '../ids.ts'

/** What the files of a home hold, as JSON. */

export interface FolderRecord {
  readonly id: FolderId
  readonly name: string
  /** Absolute. */
  readonly path: string
  readonly paused: boolean
  /** Of a cache: bytes that it may hold. */
  readonly quota?: number | undefined
}

export interface PeerRecord {
  readonly name: string
  /** `host:port`. */
  readonly addresses: readonly string[]
  /** How those became known; `said` unless named. */
  readonly origins?: Readonly<Record<string, AddressOrigin>> | undefined
}

const addressOrigins = ['reached', 'said', 'member', 'invitation'] as const
export type AddressOrigin = (typeof addressOrigins)[number]

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

/** When `harp backup-key` was last used, and of which folders it had the keys. */
export interface BackupNote {
  readonly time: string
  readonly folders: readonly FolderId[]
}

const id = z.string().regex(/^[0-9a-f]{64}$/)
const epochId = z.string().regex(/^[0-9a-f]{32}$/)

export const folderFile = z.array(
  z.object({
    id,
    name: z.string(),
    path: z.string(),
    paused: z.boolean(),
    quota: z.number().int().positive().optional(),
  }),
) satisfies z.ZodType<readonly FolderRecord[]>

export const peerFile = z.record(
  id,
  z.object({
    name: z.string(),
    addresses: z.array(z.string()),
    origins: z.record(z.string(), z.enum(addressOrigins)).optional(),
  }),
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

export const backupNote = z.object({
  time: z.string(),
  folders: z.array(id),
}) satisfies z.ZodType<BackupNote>

export const restoredFile = z.object({
  time: z.string(),
  folders: folderKeysList,
}) satisfies z.ZodType<RestoredFact>
