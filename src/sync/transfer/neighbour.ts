import type { DeviceId } from '../ids.ts'
import type { ChunkWant } from './chunk-want.ts'
import { sharingLimits as limits, sharingTimes as times } from './transfer-limits.ts'

/** What neighbours say to each other of chunks on their way. Carried by a stream of type `presence`. */
export interface NeighbourWire {
  /** "I am about to fetch these from far": 32 bytes each. */
  claim(number: number, ids: Uint8Array): void
  /** By id of a claim, one byte: see `verdicts`. */
  answer(number: number, verdicts: Uint8Array): void
  /** "These are here now, ask me." */
  got(ids: Uint8Array): void
  /** "I do not fetch these any more." */
  release(ids: Uint8Array): void
}

export const verdicts = { nothing: 0, here: 1, mine: 2 } as const

/** Several chunks that this device has claimed, until all neighbours have answered. */
export interface Claim {
  readonly number: number
  readonly wants: readonly ChunkWant[]
  readonly waiting: Set<Neighbour>
  readonly settlesAt: number
  isSettled: boolean
}

/** Of a device, also while it is away. */
export interface Trust {
  /** How often it was waited for in vain, lately. */
  strikes: number
  ignoredUntil: number
}

/** A device nearby that fetches for others as well. */
export class Neighbour {
  readonly device: DeviceId
  readonly wire: NeighbourWire
  readonly roundTripMs: () => number | undefined
  readonly trust: Trust
  /** What it has said it fetches, the oldest first. */
  readonly held = new Set<ChunkWant>()
  /** Those it has not answered, and some that it may answer late. */
  readonly claims = new Map<number, Claim>()
  /** Since it kept a promise, or since there is one. */
  progressAt = 0
  hasClaimed = false
  /** From a claim of its until the chunk was here. */
  #paceMs: number = times.paceMs
  #kept = 0
  #lookTokens: number = times.looks
  #lookedAt: number

  constructor(
    device: DeviceId,
    wire: NeighbourWire,
    roundTripMs: () => number | undefined,
    own: { readonly trust: Trust; readonly now: number },
  ) {
    this.device = device
    this.wire = wire
    this.roundTripMs = roundTripMs
    this.trust = own.trust
    this.#lookedAt = own.now
  }

  get isNear(): boolean {
    return (this.roundTripMs() ?? Infinity) <= times.nearMs
  }

  /** It waits for what it is promised: near, or it counts this device as near, as its claims show. */
  get isListening(): boolean {
    return this.isNear || this.hasClaimed
  }

  /** Near, and worth waiting for. */
  isBelieved(now: number): boolean {
    return this.isNear && this.trust.ignoredUntil <= now
  }

  /** Tells it of a claim, whose answer is awaited. */
  claimed(claim: Claim, ids: Uint8Array): void {
    this.claims.set(claim.number, claim)
    for (const oldest of this.claims.keys()) {
      if (this.claims.size <= limits.claims) break
      this.claims.delete(oldest)
    }
    this.wire.claim(claim.number, ids)
  }

  /** It is not waited for for a while, each time longer. */
  distrust(now: number): void {
    const { trust } = this
    trust.ignoredUntil = now + Math.min(times.ignoreLastMs, times.ignoreFirstMs * 2 ** trust.strikes)
    trust.strikes = Math.min(trust.strikes + 1, 16)
  }

  hold(want: ChunkWant, now: number): void {
    if (this.held.size === 0) this.progressAt = now
    this.held.add(want)
  }

  /** It has what it promised then. */
  kept(heldAt: number, now: number): void {
    this.progressAt = now
    this.#paceMs += (now - heldAt - this.#paceMs) / 8
    if (++this.#kept % times.forgiveAfter === 0 && this.trust.strikes > 0) this.trust.strikes--
  }

  /** It is not worth waiting for any longer: it promises and does not deliver, or others would be quicker. */
  isLate(now: number): boolean {
    const [first] = this.held
    if (first === undefined) return false
    if (now - this.progressAt > clamp(3 * this.#paceMs, times.silentFirstMs, times.silentLastMs)) return true
    const heldAt = first.share?.at ?? now
    return now - heldAt > clamp(6 * this.#paceMs, times.holdFirstMs, times.holdLastMs)
  }

  /** Looking up what is here costs time: so many ids a second for each device. */
  mayLook(ids: number, now: number): boolean {
    const more = ((now - this.#lookedAt) / 1000) * times.looks
    this.#lookTokens = Math.min(times.looks, this.#lookTokens + more)
    this.#lookedAt = now
    if (this.#lookTokens < ids) return false
    this.#lookTokens -= ids
    return true
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}
