import type { FolderStateName } from '../device/daemon-api.ts'
import type { FolderProblem } from '../plan/wanted.ts'

/**
 * What a folder does with content on this device: a member with keys keeps the user's files and the log in agreement
 * (`content-side.ts`), a cache holds sealed chunks for others (`../cache/cache-side.ts`).
 */
export interface FolderSide {
  readonly state: FolderStateName
  /** What is going on, in a few words; empty if nothing is. */
  readonly activity: string
  readonly problems: readonly FolderProblem[]
  /** Files and bytes that shall be here and are not yet. A cache does not know of files: 0, and bytes as far as known. */
  need(): { readonly files: number; readonly bytes: number }
  start(): void
  /** Never rejects. */
  stop(): Promise<void>
  /** Once a second. */
  tick(): void
  /** The log shows something else now. */
  logChanged(): void
  /** A device came that may have what was not to be had. */
  retry(): void
  /** A person has looked at what blocked it. */
  unblock(acceptDeletions: boolean): void
}
