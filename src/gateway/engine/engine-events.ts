import { errorCode } from '../../base/errors.ts'
import type { Counter, Histogram, Metrics } from '../../base/metrics.ts'

/** call: one of ours; version: the question before it; reading and pull: passed through from AppAPI. */
export type EngineCallKind = (typeof kinds)[number]

/** left: nobody waits for the answer any more. Any status of an engine is an answer. */
export type EngineCallResult = (typeof results)[number]

const kinds = ['call', 'version', 'reading', 'pull'] as const
const results = ['answered', 'unreachable', 'timeout', 'busy', 'bad-answer', 'too-large', 'left'] as const
const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 600]
const resultsByCode = new Map<string, EngineCallResult>([
  ['ENGINE_UNREACHABLE', 'unreachable'],
  ['ENGINE_TIMEOUT', 'timeout'],
  ['ENGINE_BUSY', 'busy'],
  ['ENGINE_BAD_ANSWER', 'bad-answer'],
  ['ENGINE_ANSWER_TOO_LARGE', 'too-large'],
])

/** Calls to all engines, counted and timed. */
export class EngineEvents {
  readonly #counters = new Map<string, Counter>()
  readonly #durations = new Map<EngineCallKind, Histogram>()

  constructor(metrics: Metrics) {
    for (const kind of kinds) {
      for (const result of results) {
        const help = 'Calls to Docker engines, by kind and how they ended.'
        this.#counters.set(
          `${kind} ${result}`,
          metrics.counter('harp_engine_calls_total', help, { kind, result }),
        )
      }
      this.#durations.set(
        kind,
        metrics.histogram(
          'harp_engine_call_duration_seconds',
          'From a call to a Docker engine, its wait for a turn included, to the end of the answer or the failure.',
          durationBounds,
          { kind },
        ),
      )
    }
  }

  ended(kind: EngineCallKind, result: EngineCallResult, ms: number): void {
    this.#counters.get(`${kind} ${result}`)?.add(1)
    this.#durations.get(kind)?.observe(ms / 1000)
  }
}

/** Of a call that rejected. */
export function failureResult(error: unknown): EngineCallResult {
  return resultsByCode.get(errorCode(error)) ?? 'left'
}
