import { errorMessage, HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import { isDamage } from './store-repairs.ts'

/**
 * Why a folder stopped: the first failure of a store or a thread. A store that failed has dropped what it remembers, so
 * nothing more may be done with it until it is opened again.
 */
export class FolderFault {
  readonly #log: Logger
  readonly #onFault: () => void
  #problem: FolderProblem | undefined
  #isDamage = false

  constructor(log: Logger, onFault: () => void) {
    this.#log = log
    this.#onFault = onFault
  }

  /** Undefined as long as nothing failed. */
  get problem(): FolderProblem | undefined {
    return this.#problem
  }

  /** It is a store, and damaged. */
  get isDamage(): boolean {
    return this.#isDamage
  }

  /** Runs something that may meet a store that fails; or nothing, after one has. */
  guard(act: () => void): void {
    try {
      if (this.#problem === undefined) act()
    } catch (error) {
      this.note(error)
    }
  }

  note(error: unknown): void {
    if (this.#problem !== undefined) return
    this.#isDamage = isDamage(error)
    const { code, fix } = error instanceof HarpError ? error : { code: 'FOLDER_FAULT', fix: undefined }
    const message = errorMessage(error)
    this.#problem = { code, path: '', message, fix: fix ?? 'start harp again; report it if it stays' }
    this.#log.error({ code, error: message }, 'folder stopped')
    this.#onFault()
  }
}
