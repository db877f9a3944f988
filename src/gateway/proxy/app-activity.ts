/** What came of the requests to each app since the gateway started: for `harp apps`. */
import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import { detachedText } from '../../base/detached-text.ts'
import type { Outcome, RequestEnd } from './request-events.ts'

export interface AppActivity {
  /** That ended; a WebSocket that is open counts at its end. */
  readonly requests: number
  /** unused: none ended yet; fails: the last one got no answer of the app. */
  readonly state: 'unused' | 'answers' | 'fails'
  /** What the last client was answered. */
  readonly lastStatus: { readonly at: string; readonly status: number } | null
  readonly lastError: { readonly at: string; readonly problem: string } | null
}

interface Seen {
  requests: number
  isFailing: boolean
  /** 0: none yet. */
  status: number
  statusAt: number
  /** Empty: none yet. */
  problem: string
  problemAt: number
}

const maxApps = 10_000
const problems: Readonly<Partial<Record<Outcome, string>>> = {
  'upstream-refused': 'no connection to the app',
  'upstream-timeout': 'the app did not answer in time',
  'upstream-malformed': 'the app answered with something that is no HTTP',
  'upstream-closed': 'the app closed the connection before its answer was complete',
}

/** A few numbers for each app, kept at the end of each request. */
export class AppActivities {
  readonly #clock: Clock
  readonly #byApp: BoundedMap<string, Seen>

  constructor(clock: Clock) {
    this.#clock = clock
    this.#byApp = new BoundedMap({ maxEntries: maxApps, now: () => clock.monotonic() })
  }

  /** Of a request that was forwarded, or not. */
  ended({ app, outcome, status, endedAt }: RequestEnd): void {
    if (app === null) return
    const seen = this.#seen(app.toLowerCase())
    const problem = problems[outcome]
    seen.requests++
    if (status > 0) {
      seen.status = status
      seen.statusAt = endedAt
    }
    if (problem !== undefined || status > 0) seen.isFailing = problem !== undefined
    if (problem === undefined && status < 500) return
    seen.problem = problem ?? `the app answered with status ${status}`
    seen.problemAt = endedAt
  }

  of(appId: string): AppActivity {
    const seen = this.#byApp.get(appId)
    if (seen === undefined) return { requests: 0, state: 'unused', lastStatus: null, lastError: null }
    const { requests, isFailing, status, problem } = seen
    return {
      requests,
      state: isFailing ? 'fails' : 'answers',
      lastStatus: status === 0 ? null : { at: this.#wall(seen.statusAt), status },
      lastError: problem === '' ? null : { at: this.#wall(seen.problemAt), problem },
    }
  }

  #seen(appId: string): Seen {
    const known = this.#byApp.get(appId)
    if (known !== undefined) return known
    const seen = { requests: 0, isFailing: false, status: 0, statusAt: 0, problem: '', problemAt: 0 }
    this.#byApp.set(detachedText(appId), seen)
    return seen
  }

  #wall(monotonic: number): string {
    return new Date(this.#clock.wall() - (this.#clock.monotonic() - monotonic)).toISOString()
  }
}
