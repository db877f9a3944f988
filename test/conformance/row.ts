import type { ProfileName } from './profiles.ts'
import type { Scene } from './scene.ts'

/**
 * One case of the gateway's contract as a black-box test: it talks to a running gateway over sockets only and
 * throws when the gateway behaves otherwise. Rows share a gateway and run side by side, so each one takes its
 * own app, client address and session from the scene.
 */
export interface Row {
  /** The contract's number, `W<n>` for a weakness that is fixed, `T<n>` for the data path. */
  readonly row: number | `${'W' | 'T'}${number}`
  readonly title: string
  readonly profile: ProfileName
  /** It logs in for a tunnel, so it needs the gateway's tunnel address. */
  readonly needsTunnels?: true
  /** Where the ordinary deadline of its profile is too short. */
  readonly timeoutMs?: number
  run(scene: Scene): Promise<void>
}

/** Rows of `own` start processes, which a busy machine may take seconds to do. */
export function timeoutOf(row: Row): number {
  return row.timeoutMs ?? (row.profile === 'own' ? 60_000 : 20_000)
}
