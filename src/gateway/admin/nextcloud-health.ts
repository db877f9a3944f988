import type { Clock } from '../../base/clock.ts'
import { errorCode } from '../../base/errors.ts'
import { SingleFlight } from '../../base/single-flight.ts'
import type { NextcloudGet } from '../nextcloud/app-directory.ts'
import { parseNextcloudStatus, statusPath } from './nextcloud-status.ts'

export interface NextcloudHealthOptions {
  /** With a short deadline of its own: whoever asks for readiness waits for it. */
  readonly nextcloud: NextcloudGet
  readonly clock: Clock
  readonly maxAgeMs: number
}

export type NextcloudState =
  | { readonly kind: 'reachable'; readonly version: string }
  | { readonly kind: 'unusable'; readonly problem: string }

/** Whether Nextcloud answers, asked at most once per `maxAgeMs` however often readiness is. */
export class NextcloudHealth {
  readonly #options: NextcloudHealthOptions
  readonly #flight = new SingleFlight<'status', NextcloudState>()
  #known: { readonly state: NextcloudState; readonly askedAt: number } | null = null

  constructor(options: NextcloudHealthOptions) {
    this.#options = options
  }

  /** Never rejects. */
  async check(): Promise<NextcloudState> {
    const { clock, maxAgeMs } = this.#options
    if (this.#known !== null && clock.monotonic() - this.#known.askedAt < maxAgeMs) return this.#known.state
    return this.#flight.run('status', async () => {
      const askedAt = clock.monotonic()
      const state = await this.#ask()
      this.#known = { state, askedAt }
      return state
    })
  }

  async #ask(): Promise<NextcloudState> {
    try {
      const answer = await this.#options.nextcloud.get(statusPath, {})
      if (answer.status !== 200) return { kind: 'unusable', problem: `status ${answer.status}` }
      const status = parseNextcloudStatus(answer.body)
      if (status === null) return { kind: 'unusable', problem: 'what answers is not a Nextcloud' }
      if (!status.installed) return { kind: 'unusable', problem: 'Nextcloud is not installed yet' }
      if (status.maintenance) return { kind: 'unusable', problem: 'Nextcloud is in maintenance mode' }
      return { kind: 'reachable', version: status.version }
    } catch (error) {
      return { kind: 'unusable', problem: errorCode(error) }
    }
  }
}
