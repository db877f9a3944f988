import type { Logger } from '../../base/logger.ts'
import { gatewayErrors } from '../errors.ts'
import { WorkConnection, type WorkConnectionOptions } from './work-connection.ts'

export interface WorkConnectionLimits {
  /** Connections that carry bytes, or wait to. */
  readonly started: number
  /** Streams open to the server that it has not started. NOTE: Go's yamux resets more than 256 that it did not accept. */
  readonly pooled: number
  /** Requests of the server that wait for a place; more are dropped, and its users then wait in vain. */
  readonly owed: number
}

export const workConnectionLimits: WorkConnectionLimits = { started: 1_024, pooled: 128, owed: 1_024 }

export interface WorkConnectionsOptions {
  readonly limits: WorkConnectionLimits
  readonly log: Logger
  readonly connection: Omit<WorkConnectionOptions, 'onStarted' | 'onDone'>
}

/** All work connections of one session. Every request of the server is answered, at the latest when there is room. */
export class WorkConnections {
  readonly #options: WorkConnectionsOptions
  readonly #all = new Set<WorkConnection>()
  #startedCount = 0
  #owed = 0
  #isOverLimit = false
  #isDraining = false
  #onEmpty: (() => void) | null = null

  constructor(options: WorkConnectionsOptions) {
    this.#options = options
  }

  get startedCount(): number {
    return this.#startedCount
  }

  request(): void {
    if (this.#isDraining) return
    const { limits, log } = this.#options
    if (this.#owed < limits.owed) {
      this.#owed += 1
      this.#openOwed()
      return
    }
    if (this.#isOverLimit) return
    this.#isOverLimit = true
    log.warn(
      {
        code: 'TUNNEL_CLIENT_WORK_LIMIT',
        limit: limits.started,
        fix: gatewayErrors.TUNNEL_CLIENT_WORK_LIMIT.fix,
      },
      'too many connections at once',
    )
  }

  /** Ends those that carry nothing; resolves when the others have ended. */
  async drain(): Promise<void> {
    this.#isDraining = true
    this.#owed = 0
    for (const each of this.#all) if (!each.isStarted) each.destroy()
    if (this.#all.size === 0) return
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve
    })
  }

  destroy(): void {
    this.#isDraining = true
    this.#owed = 0
    for (const each of this.#all) each.destroy()
  }

  #openOwed(): void {
    const { limits, connection } = this.#options
    while (this.#owed > 0 && this.#hasRoom(limits)) {
      this.#owed -= 1
      const opened = new WorkConnection({
        ...connection,
        onStarted: () => {
          this.#startedCount += 1
          this.#openOwed()
        },
        onDone: () => this.#onDone(opened),
      })
      this.#all.add(opened)
      void opened.open()
    }
  }

  #hasRoom(limits: WorkConnectionLimits): boolean {
    return (
      this.#all.size - this.#startedCount < limits.pooled && this.#all.size < limits.started + limits.pooled
    )
  }

  #onDone(connection: WorkConnection): void {
    if (!this.#all.delete(connection)) return
    if (connection.isStarted) this.#startedCount -= 1
    if (this.#owed === 0) this.#isOverLimit = false
    if (this.#all.size === 0) this.#onEmpty?.()
    this.#openOwed()
  }
}
