import type { DeviceId, EpochId } from '../ids.ts'

/** Bodies of the entries that are not sealed, so that members without keys can judge roles and signatures too. */

/** `cache` holds ciphertext and has no keys; `read` has keys and writes nothing; `admin` may grant and revoke. */
export const roles = ['cache', 'read', 'write', 'admin'] as const
export type Role = (typeof roles)[number]

export const folderModes = ['peer', 'server_authoritative'] as const
export type FolderMode = (typeof folderModes)[number]

/** The public half of a device. Its id is the hash of `signingKey`. */
export interface DeviceRecord {
  /** Ed25519, 32 bytes. */
  readonly signingKey: Uint8Array
  /** X25519, 32 bytes. */
  readonly agreementKey: Uint8Array
  /** Over label and `agreementKey`, by `signingKey`: 64 bytes. */
  readonly agreementSignature: Uint8Array
}

/** The first entry of a folder; it founds the first epoch, and makes `creator` admin and `authority` a writer. */
export interface Genesis {
  readonly suite: number
  readonly mode: FolderMode
  readonly creator: DeviceRecord
  /** Given if and only if the mode is `server_authoritative`; may be the creator. */
  readonly authority: DeviceRecord | undefined
  readonly chunker: ChunkerParameters
  /** 32 random bytes. */
  readonly salt: Uint8Array
  readonly epoch: EpochId
  readonly wraps: readonly DeviceWrap[]
}

/** In bytes of plaintext. */
export interface ChunkerParameters {
  readonly minimum: number
  readonly target: number
  readonly maximum: number
}

export interface Grant {
  readonly device: DeviceRecord
  readonly role: Role
  /** Keys of epochs for the new member; none for `cache`. Earlier epochs open through the rekey entries. */
  readonly wraps: readonly EpochWrap[]
}

export interface Revoke {
  readonly deviceId: DeviceId
}

/** A new epoch. Wrapped for exactly the members that may read in its causal past. */
export interface Rekey {
  readonly epoch: EpochId
  readonly wraps: readonly DeviceWrap[]
  /** The epochs whose keys are in `sealedKeys`, in this order: sorted, no doubles. */
  readonly previous: readonly EpochId[]
  /** The keys of `previous`, 32 bytes each, under a key derived from the new epoch's. */
  readonly sealedKeys: Uint8Array
}

/** `wrapped` is 80 bytes: ephemeral X25519 key, ciphertext, tag. */
export interface DeviceWrap {
  readonly deviceId: DeviceId
  readonly wrapped: Uint8Array
}

export interface EpochWrap {
  readonly epoch: EpochId
  readonly wrapped: Uint8Array
}
