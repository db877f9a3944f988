import type { KeepPolicy } from '../folder/version-source.ts'
import type { DeviceId } from '../ids.ts'

/** Heads of frames on a stream of type `presence`. Both ends say all of them. Ids are 32 bytes each, one after the other. */
export type PresenceMessage = State | Addresses | AskHolds | Holds | Claim | Answer | Got | Release

export const keepNames = ['all', 'staggered', 'current', 'cache'] as const satisfies readonly (
  | KeepPolicy
  | 'cache'
)[]

/** How the sender keeps the folder. */
export interface State {
  readonly type: 'state'
  readonly keep: (typeof keepNames)[number]
  readonly isComplete: boolean
  readonly chunkBytes: number
  /** By the sender's clock, milliseconds of the Unix epoch: for people who wonder whose clock is wrong. */
  readonly time: number
}

export interface KnownAddresses {
  readonly device: DeviceId
  /** `host:port`. */
  readonly addresses: readonly string[]
  /** Since the sender was linked with it. */
  readonly ageSeconds: number
}

/** Where other members are, as the sender knows. */
export interface Addresses {
  readonly type: 'addresses'
  readonly known: readonly KnownAddresses[]
}

export interface AskHolds {
  readonly type: 'ask-holds'
  readonly number: number
  readonly ids: Uint8Array
}

/** One bit for each id, the first is the highest of the first byte; what is left of the last byte is 0. */
export interface Holds {
  readonly type: 'holds'
  readonly number: number
  readonly bits: Uint8Array
}

/** The sender is about to ask far devices for these. Numbers grow. */
export interface Claim {
  readonly type: 'claim'
  readonly number: number
  readonly ids: Uint8Array
}

/** By id of the claim: 0 nothing to say, 1 it is here, 2 the sender fetches it itself. */
export interface Answer {
  readonly type: 'answer'
  readonly number: number
  readonly verdicts: Uint8Array
}

/** The sender has these now. */
export interface Got {
  readonly type: 'got'
  readonly ids: Uint8Array
}

/** The sender does not fetch these any more. */
export interface Release {
  readonly type: 'release'
  readonly ids: Uint8Array
}
