/**
 * What the table of settings says of one environment variable. The parser takes defaults and bounds from it and
 * docs/configuration.md is generated from it, so neither can drift from the other.
 */
export interface Setting {
  readonly kind: SettingKind
  /** As an admin would write it; empty: there is none. */
  readonly default: string
  /** Said in the documentation in place of `default`, where that follows from something else. */
  readonly defaultNote?: string
  /** The setting whose value stands in while this one is not given. */
  readonly defaultFrom?: string
  /** Smallest and largest value; milliseconds for durations. */
  readonly min?: number
  readonly max?: number
  readonly zero?: ZeroDuration
  /** What may be written for an enum. */
  readonly choices?: readonly string[]
  readonly part: SettingPart
  /** For an admin: what changes when the value does; for part `none`: why it changes nothing. */
  readonly description: string
}

export type SettingKind =
  | 'duration'
  | 'integer'
  | 'number'
  | 'address'
  | 'boolean'
  | 'enum'
  | 'text'
  | 'path'
  | 'list'
  | 'url'
  | 'secret'

/** The part of the gateway that acts on a setting; `none`: an internal of HaRP that does not exist here. */
export type SettingPart = 'gateway' | 'tunnels' | 'kubernetes' | 'none'

/**
 * What a duration of zero means: no limit; the longest timer there is (with a warning); at once. Without a word
 * zero is refused like any value below `min`.
 */
export type ZeroDuration = 'unlimited' | 'longest' | 'immediate'

/** Node's timers and HAProxy's count in signed 32 bits; a longer one would fire at once. */
export const longestTimerMs = 2_147_483_647

/** What HaRP makes of an unlimited timeout. */
export const practicallyUnlimitedMs = 24 * 86_400_000

export type SettingTable = Readonly<Record<string, Setting>>
