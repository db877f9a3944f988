import { HarpError } from '../../base/errors.ts'
import type { FolderProblem } from '../plan/wanted.ts'
import type { Replica } from '../replica/replica.ts'

const publishMs = 2_000

/** The authority's statements make the order final; what came within two seconds shares one. */
export class Publisher {
  readonly #replica: Replica
  #last = 0
  /** Why nothing is published. */
  problem: FolderProblem | undefined

  constructor(replica: Replica) {
    this.#replica = replica
  }

  /** True if there is a statement to announce. Throws what a store throws. */
  tick(now: number): boolean {
    const replica = this.#replica
    if (replica.mode !== 'server_authoritative' || now - this.#last < publishMs) return false
    if (replica.finalLength === replica.order.length) return false
    this.#last = now
    try {
      const isNew = replica.publish(now) !== undefined
      this.problem = undefined
      return isNew
    } catch (error) {
      if (!(error instanceof HarpError) || error.code.startsWith('SYNC_STORE')) throw error
      if (error.code === 'SYNC_NOT_AUTHORITY') return false
      const isRestored = error.code === 'SYNC_AUTHORITY_RESTORED'
      const fix = isRestored ? 'connect all other devices, then: harp folder resume' : (error.fix ?? '')
      this.problem = { code: error.code, path: '', message: error.message, fix }
      return false
    }
  }
}
