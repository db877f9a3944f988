import type { Counter, Histogram, Metrics } from '../../base/metrics.ts'
import type { Logger } from '../../base/logger.ts'
import { decisionReasons, type ReasonCode } from '../access/reasons.ts'
import type { AppActivities } from './app-activity.ts'

/** How a request ended, beyond the decision. */
export type Outcome =
  | 'answered'
  | 'dropped'
  | 'client-gone'
  | 'client-timeout'
  | 'upstream-refused'
  | 'upstream-timeout'
  | 'upstream-malformed'
  | 'upstream-closed'
  | 'tunnel-closed'
  | 'tunnel-idle'
  | 'tunnel-error'

const outcomes: readonly Outcome[] = [
  'answered',
  'dropped',
  'client-gone',
  'client-timeout',
  'upstream-refused',
  'upstream-timeout',
  'upstream-malformed',
  'upstream-closed',
  'tunnel-closed',
  'tunnel-idle',
  'tunnel-error',
]

export interface RequestEnd {
  readonly reason: ReasonCode
  readonly outcome: Outcome
  readonly startedAt: number
  readonly endedAt: number
  readonly peer: string
  readonly client: string
  readonly protocol: string
  readonly method: string
  /** Without query, which may hold secrets. */
  readonly path: string
  readonly app: string | null
  /** 0: nothing was answered. */
  readonly status: number
  readonly upstream: string | null
  readonly requestId: string | null
}

const durationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** One place for what happens when a request ends: a counter, a duration, what `harp apps` tells, an access log line. Cannot throw. */
export class RequestEvents {
  readonly #log: Logger
  readonly #isLogging: boolean
  readonly #byReason = new Map<ReasonCode, Counter>()
  readonly #byOutcome = new Map<Outcome, Counter>()
  readonly #byClass: readonly Counter[]
  readonly #duration: Histogram
  readonly #apps: AppActivities

  constructor(metrics: Metrics, apps: AppActivities, log: Logger) {
    this.#apps = apps
    this.#log = log
    this.#isLogging = log.isEnabled('info')
    for (const reason of Object.keys(decisionReasons) as ReasonCode[]) {
      this.#byReason.set(
        reason,
        metrics.counter('harp_gateway_requests_total', 'Requests by reason of the decision.', { reason }),
      )
    }
    for (const outcome of outcomes) {
      this.#byOutcome.set(
        outcome,
        metrics.counter('harp_gateway_request_outcomes_total', 'Requests by how they ended.', { outcome }),
      )
    }
    this.#byClass = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'].map((status) =>
      metrics.counter('harp_gateway_responses_total', 'Responses by status class.', { status }),
    )
    this.#duration = metrics.histogram(
      'harp_gateway_request_duration_seconds',
      'From the complete request head to the end of the response; tunnels are not counted.',
      durationBounds,
    )
  }

  requestEnded(end: RequestEnd): void {
    this.#byReason.get(end.reason)?.add(1)
    this.#byOutcome.get(end.outcome)?.add(1)
    this.#byClass[Math.floor(end.status / 100)]?.add(1)
    this.#apps.ended(end)
    const ms = end.endedAt - end.startedAt
    if (end.status !== 101) this.#duration.observe(ms / 1000)
    if (!this.#isLogging) return
    const { startedAt: _, endedAt: __, ...fields } = end
    this.#log.info({ ...fields, ms: Math.round(ms * 10) / 10 }, 'request')
  }
}
