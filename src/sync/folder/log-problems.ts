import type { Clock } from '../../base/clock.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { Replica } from '../replica/replica.ts'
import { fencedWrites, revoked, type DeviceWords } from './member-problems.ts'
import type { OwnMembership } from './own-membership.ts'
import type { Publisher } from './publisher.ts'

export interface LogProblemParts {
  readonly replica: Replica
  readonly own: OwnMembership
  readonly publisher: Publisher
  readonly words: DeviceWords
  readonly clock: Clock
}

const linkProblemMs = 600_000

/** What a person should know of a folder's log and of those who write it. */
export class LogProblems {
  readonly #parts: LogProblemParts
  #link: { readonly problem: FolderProblem; readonly until: number } | undefined

  constructor(parts: LogProblemParts) {
    this.#parts = parts
  }

  /** Of a link with another device, for a while. */
  noteLink(problem: FolderProblem): void {
    this.#link = { problem, until: this.#parts.clock.monotonic() + linkProblemMs }
  }

  get all(): readonly FolderProblem[] {
    const { publisher, clock } = this.#parts
    const problems = [...this.#ofMembers()]
    if (publisher.problem !== undefined) problems.push(publisher.problem)
    const { problem, until } = this.#link ?? {}
    if (problem !== undefined && clock.monotonic() < (until ?? 0)) problems.push(problem)
    return [...problems, ...this.#ofClocks()]
  }

  #ofMembers(): readonly FolderProblem[] {
    const { own, words, replica, clock } = this.#parts
    const { exclusion } = own
    if (exclusion !== undefined) return [revoked(words, exclusion)]
    return own.role === 'admin' ? fencedWrites(words, replica, clock.wall()) : []
  }

  #ofClocks(): readonly FolderProblem[] {
    const { held } = this.#parts.replica.log
    if (held.entries === 0) return []
    return [
      {
        code: 'FOLDER_CLOCK_AHEAD',
        path: '',
        message: `${held.entries} changes are held back: the clock of their device is more than 5 minutes ahead`,
        fix: 'set the clocks of the devices right',
      },
    ]
  }
}
