import { initialWindowBytes } from './frame.ts'

/** What a peer may still send on one stream. All that was consumed is granted again, half a window at a time. */
export class ReceiveWindow {
  sizeBytes = initialWindowBytes
  #creditBytes = initialWindowBytes
  #consumedBytes = 0
  #grantedAt: number
  /** Since the last grant, bytes had to wait for the reader. */
  #hasStalled = false

  constructor(now: number) {
    this.#grantedAt = now
  }

  /** The peer sent this much; false if it was not allowed to. */
  take(count: number): boolean {
    if (count > this.#creditBytes) return false
    this.#creditBytes -= count
    return true
  }

  /** The reader has used this much; true if it is time to `grant`. */
  consume(count: number): boolean {
    this.#consumedBytes += count
    return this.#consumedBytes >= this.sizeBytes / 2
  }

  /** The reader could not use what came: until the next grant, more would not help it. */
  stall(): void {
    this.#hasStalled = true
  }

  get hasStalled(): boolean {
    return this.#hasStalled
  }

  /** Half a window in this time: it is the window that keeps the peer from sending faster. */
  isTooSmall(now: number, roundTripMs: number): boolean {
    return now - this.#grantedAt < 2 * roundTripMs
  }

  /** The credit to announce: what was consumed, and what the window grows by. */
  grant(now: number, growthBytes: number): number {
    const credit = this.#consumedBytes + growthBytes
    this.sizeBytes += growthBytes
    this.#creditBytes += credit
    this.#consumedBytes = 0
    this.#grantedAt = now
    this.#hasStalled = false
    return credit
  }
}
