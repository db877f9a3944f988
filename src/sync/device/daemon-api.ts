import type { Role } from '../format/membership.ts'

/**
 * What commands ask of the running daemon: plain JSON in and out, by HTTP over its Unix socket. Times are ISO 8601 UTC,
 * sizes bytes, rates bytes per second. Errors are HarpErrors. `folder` is a name or an id prefix, `path` absolute.
 * Ids of devices are texts as `deviceText` makes them, all other ids hex. `name-lookup.ts` finds folders and devices.
 */
export interface DaemonApi {
  status(): DeviceStatus
  addFolder(request: {
    path: string
    name?: string | undefined
    authority?: string | undefined
  }): Promise<FolderInfo>
  folders(): readonly FolderInfo[]
  pause(request: { folder: string }): Promise<FolderInfo>
  resume(request: { folder: string; acceptDeletions?: boolean | undefined }): Promise<FolderInfo>
  /** Stops syncing and keeps the files. */
  remove(request: { folder: string }): Promise<FolderInfo>
  invite(request: {
    folder: string
    role?: Role | undefined
    expiresMs?: number | undefined
  }): Promise<InviteInfo>
  join(request: { code: string; path?: string | undefined }): Promise<FolderInfo>
  log(request: { path: string }): Promise<readonly VersionInfo[]>
  restore(request: { path: string; version: string; to?: string | undefined }): Promise<RestoreInfo>
  deleted(request: { folder: string }): Promise<readonly DeletedInfo[]>
  proof(request: { path: string; reveal?: boolean | undefined }): Promise<ProofInfo>
  audit(request: { folder?: string | undefined; repair?: boolean | undefined }): Promise<readonly AuditInfo[]>
  /** Whose statements about a folder `harp verify` believes: its members, as this device's own log has them. */
  trust(request: { folder: string }): Promise<TrustInfo>
  /** What `harp backup-key` keeps besides the device: the keys of all folders, hex. */
  folderKeys(): Promise<readonly FolderKeysInfo[]>
}

export const folderStates = ['scanning', 'syncing', 'idle', 'paused', 'blocked'] as const
export type FolderStateName = (typeof folderStates)[number]

export interface DeviceStatus {
  readonly device: { readonly id: string; readonly name: string }
  /** Where this device listens, `host:port`. */
  readonly listening: readonly string[]
  readonly folders: readonly FolderStatus[]
}

export interface FolderInfo {
  readonly id: string
  readonly name: string
  readonly path: string
  readonly role: Role | null
  readonly state: FolderStateName
}

export interface FolderStatus extends FolderInfo {
  readonly files: number
  readonly bytes: number
  readonly needFiles: number
  readonly needBytes: number
  /** Of the last seconds, received. */
  readonly rate: number
  readonly etaSeconds: number | null
  /** What is going on, for people: a short line. */
  readonly activity: string
  readonly errors: readonly StatusError[]
  readonly peers: readonly PeerStatus[]
}

export interface StatusError {
  readonly code: string
  readonly path: string
  readonly message: string
  readonly fix: string
}

export interface PeerStatus {
  readonly id: string
  readonly name: string
  readonly connected: boolean
  readonly address: string | null
  /** How it is reached. */
  readonly path: 'direct' | null
}

export interface InviteInfo {
  readonly code: string
  readonly folder: string
  readonly role: Role
  readonly expires: string
}

export interface VersionInfo {
  /** The entry hash, 64 hex digits; commands show a prefix. */
  readonly version: string
  readonly device: string
  readonly deviceName: string
  readonly time: string
  readonly size: number
  readonly concurrent: boolean
  readonly current: boolean
  readonly final: boolean
  readonly deleted: boolean
}

export interface RestoreInfo {
  readonly path: string
  readonly version: string
  readonly size: number
}

export interface DeletedInfo {
  /** Relative to the folder. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'symlink'
  readonly device: string
  readonly deviceName: string
  readonly time: string
  /** The last version, for `harp restore`; null for directories. */
  readonly version: string | null
  readonly size: number
}

export interface ProofInfo {
  readonly folder: string
  readonly issuer: string
  /** Base64 of the encoded proof. */
  readonly proof: string
}

export interface TrustInfo {
  readonly folder: string
  readonly name: string
  readonly devices: readonly { readonly id: string; readonly name: string }[]
  /** The device whose statements are final, if the folder has an authority. */
  readonly authority: string | null
}

export interface AuditInfo {
  readonly folder: string
  readonly name: string
  readonly entries: number
  readonly files: number
  readonly chunks: number
  /** What does not agree and was not repaired, empty if all is well. */
  readonly findings: readonly StatusError[]
  readonly repaired: number
}

export interface FolderKeysInfo {
  readonly folder: string
  readonly name: string
  readonly keys: readonly { readonly epoch: string; readonly key: string }[]
}
