import type { Role } from '../format/membership.ts'
import type { Path } from '../link/own-networks.ts'

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
  /** Of a cache, in bytes: it is kept from now on. */
  setQuota(request: { folder: string; quota: number }): FolderInfo
  invite(request: {
    folder: string
    role?: Role | undefined
    expiresMs?: number | undefined
  }): Promise<InviteInfo>
  /** `quota`: bytes, for the role `cache` only; `path` may then be left out. */
  join(request: { code: string; path?: string | undefined; quota?: number | undefined }): Promise<FolderInfo>
  members(request: { folder: string }): readonly MemberInfo[]
  /** Takes a device's role, and gives the folder a new key that it does not get. */
  revoke(request: { folder: string; device: string }): Promise<RevokeInfo>
  /** All devices that share a folder with this one. */
  peers(): readonly PeerInfo[]
  /** What `harp doctor sync` looks at. */
  doctor(): Promise<readonly CheckInfo[]>
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
  readonly discovery: DiscoveryStatus
  readonly folders: readonly FolderStatus[]
}

/** How other devices on the local networks are found. */
export interface DiscoveryStatus {
  readonly enabled: boolean
  readonly interfaces: readonly {
    readonly name: string
    readonly address: string
    /** Null: nothing is known to be wrong. */
    readonly beacons: string | null
    readonly mdns: string | null
  }[]
  /** Multicast is refused or absent, and the like. */
  readonly errors: readonly StatusError[]
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
  /** Of the role `cache` only. */
  readonly cache: CacheStatus | null
}

export interface CacheStatus {
  readonly quotaBytes: number
  readonly usedBytes: number
  readonly chunks: number
  /** Asked for by others since the start: how much of it was here. */
  readonly hitBytes: number
  readonly missBytes: number
  readonly evictedBytes: number
}

export interface MemberInfo {
  readonly id: string
  readonly name: string
  /** Of a revoked device: the one that it had. */
  readonly role: Role
  readonly state: 'member' | 'revoked' | 'forked'
  /** Itself. */
  readonly self: boolean
  readonly connected: boolean
  /** Who granted it its role, and when, by the entry; null for the one who began the folder. */
  readonly grantedBy: string | null
  readonly since: string
  readonly revokedBy: string | null
  readonly revokedAt: string | null
  /** Entries that it wrote without having heard of its revocation and that count as later: shown to nobody. */
  readonly fencedEntries: number
  /** What it does with old content, as it said last; null if it never did. */
  readonly keep: 'all' | 'staggered' | 'current' | 'cache' | null
  /** When its daemon was last heard of; null: not since this device is a member. */
  readonly lastSeen: string | null
}

export interface RevokeInfo {
  readonly folder: string
  readonly device: string
  readonly name: string
  /** Connected members that have heard of it by now, and all others that have not. */
  readonly told: number
  readonly untold: number
  /** Open invitations of this device to this folder that are good no more. */
  readonly withdrawn: number
}

export interface PeerInfo {
  readonly id: string
  readonly name: string
  readonly connected: boolean
  readonly address: string | null
  /** `lan`: over an address of a network that this device is in; `direct`: over another one. */
  readonly path: Path | null
  /** Whether this end dialled. */
  readonly dialled: boolean | null
  readonly roundTripMs: number | null
  /** Since when it is connected, or was last. */
  readonly since: string | null
  /** Of all links with it since the daemon began. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** Addresses that are known, with how they became known and what the last attempt came to. */
  readonly addresses: readonly {
    readonly address: string
    readonly via: 'beacon' | 'mdns' | 'reached' | 'said' | 'member' | 'invitation'
    readonly problem: string | null
  }[]
  readonly folders: readonly { readonly id: string; readonly name: string; readonly role: Role }[]
  /** Why it is not connected, or not in a better way, with what to do; null if all is well. */
  readonly hint: string | null
}

export interface CheckInfo {
  readonly name: string
  readonly result: 'ok' | 'warning' | 'failed'
  readonly message: string
  /** What to do about it; null if nothing. */
  readonly fix: string | null
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
  readonly path: Path | null
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
