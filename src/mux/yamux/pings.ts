import { maxUint32 } from './frame.ts'

interface PendingPing {
  readonly id: number
  readonly sentAt: number
  readonly expiresAt: number
  readonly onResult: (roundTripMs: number | null) => void
}

const maxPending = 64

/** The pings whose answers are awaited, the latest round trip, and the shortest of all: that of a wire at rest. */
export class Pings {
  roundTripMs: number | null = null
  leastRoundTripMs: number | null = null
  #pending: PendingPing[] = []
  #nextId = 0

  /** When the first of them is late. */
  get deadlineAt(): number {
    return this.#pending.reduce((at, ping) => Math.min(at, ping.expiresAt), Number.POSITIVE_INFINITY)
  }

  /** The id to send; null if too many are under way. */
  add(now: number, timeoutMs: number, onResult: (roundTripMs: number | null) => void): number | null {
    if (this.#pending.length >= maxPending) return null
    const id = this.#nextId
    this.#nextId = id === maxUint32 ? 0 : id + 1
    this.#pending.push({ id, sentAt: now, expiresAt: now + timeoutMs, onResult })
    return id
  }

  /** An answer; one that was not asked for changes nothing. */
  answered(id: number, now: number): void {
    const index = this.#pending.findIndex((ping) => ping.id === id)
    const [ping] = index === -1 ? [] : this.#pending.splice(index, 1)
    if (ping === undefined) return
    this.roundTripMs = now - ping.sentAt
    this.leastRoundTripMs = Math.min(this.leastRoundTripMs ?? Number.POSITIVE_INFINITY, this.roundTripMs)
    ping.onResult(this.roundTripMs)
  }

  /** Takes out those that are late by now. */
  takeExpired(now: number): readonly ((roundTripMs: null) => void)[] {
    const expired = this.#pending.filter((ping) => ping.expiresAt <= now)
    if (expired.length > 0) this.#pending = this.#pending.filter((ping) => ping.expiresAt > now)
    return expired.map((ping) => ping.onResult)
  }
}
