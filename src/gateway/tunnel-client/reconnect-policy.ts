/** How the last attempt ended, as far as the next one is concerned. */
export type AttemptEnd =
  /** No session: refused connection, no route, TLS, deadline. */
  | 'unreachable'
  /** The server said no: token, ban, version. */
  | 'refused'
  /** There was a session, and it broke. */
  | 'lost'

const firstMs = 200
const mostMs = 2_000
const firstRefusedMs = 4_000
const mostRefusedMs = 30_000
/** A session that lived this long counts as a success; a shorter one does not make us try faster. */
const settledMs = 5_000

/**
 * When to try again. Pure: it keeps a count, the caller keeps the time.
 *
 * The time between two starts counts, not the pause, so that an attempt that ran into its deadline is followed by the
 * next at once: a link that comes back is found within 2 s. A refusal waits longer, because it will hardly change and
 * because the gateway bans who fails too often: 30 to 45 s is less than its default of 10 failures in 300 s.
 */
export class ReconnectPolicy {
  readonly #random: () => number
  #failures = 0
  #refusals = 0

  /** `random` gives numbers from 0 to 1, as Math.random. */
  constructor(random: () => number) {
    this.#random = random
  }

  /** Milliseconds until the next attempt; `sinceStartMs` is the age of the one that ended. */
  delayAfter(end: AttemptEnd, sinceStartMs: number): number {
    if (end === 'refused') {
      const backOff = Math.min(mostRefusedMs, firstRefusedMs * 2 ** this.#refusals)
      this.#refusals += 1
      return backOff * (1 + this.#random() / 2)
    }
    this.#refusals = 0
    if (end === 'lost' && sinceStartMs >= settledMs) this.#failures = 0
    const backOff = Math.min(mostMs, firstMs * 2 ** this.#failures)
    this.#failures += 1
    const remainingMs = backOff * (0.5 + this.#random() / 2) - sinceStartMs
    // Everybody who lost the same server comes back spread over this time.
    const leastMs = end === 'lost' ? firstMs * this.#random() : 0
    return Math.max(leastMs, remainingMs)
  }
}

const firstRetryMs = 1_000
const mostRetryMs = 30_000

/** Milliseconds until a proxy that was refused `refusals` times (from 1 on) is registered again. */
export function proxyRetryDelay(refusals: number, random: () => number): number {
  const backOff = Math.min(mostRetryMs, firstRetryMs * 2 ** Math.min(refusals - 1, 10))
  return backOff * (0.75 + random() / 4)
}
