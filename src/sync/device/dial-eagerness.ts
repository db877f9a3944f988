import type { Clock } from '../../base/clock.ts'
import type { DeviceId } from '../ids.ts'

interface Eagerness {
  /** Dials that sightings may cause. */
  tokens: number
  filledAt: number
  /** When a better address may be tried again, and how often in a row that failed. */
  betterAt: number
  failures: number
}

const burst = 3
const everyMs = 5_000
const betterFirstMs = 2_000
const betterLastMs = 600_000

/** How much dialling a sighting may cause: anybody can repeat what it heard, as often as it likes. */
export class DialEagerness {
  readonly #clock: Clock
  readonly #devices = new Map<DeviceId, Eagerness>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Three times in a row, and then once in five seconds. */
  mayDial(device: DeviceId): boolean {
    const eagerness = this.#of(device)
    const now = this.#clock.monotonic()
    const filled = Math.floor((now - eagerness.filledAt) / everyMs)
    if (filled > 0) {
      eagerness.tokens = Math.min(burst, eagerness.tokens + filled)
      eagerness.filledAt = now
    }
    if (eagerness.tokens === 0) return false
    eagerness.tokens--
    return true
  }

  /** Beside a link that works: each try doubles the wait for the next, unless the address is a new one. */
  mayImprove(device: DeviceId, isNew: boolean): boolean {
    const eagerness = this.#of(device)
    const now = this.#clock.monotonic()
    if (now < eagerness.betterAt && !(isNew && this.mayDial(device))) return false
    eagerness.betterAt = now + Math.min(betterLastMs, betterFirstMs * 2 ** eagerness.failures)
    eagerness.failures = Math.min(eagerness.failures + 1, 16)
    return true
  }

  improved(device: DeviceId): void {
    this.#of(device).failures = 0
  }

  keepOnly(devices: ReadonlySet<DeviceId>): void {
    for (const device of this.#devices.keys()) if (!devices.has(device)) this.#devices.delete(device)
  }

  #of(device: DeviceId): Eagerness {
    const known = this.#devices.get(device)
    if (known !== undefined) return known
    const added = { tokens: burst, filledAt: this.#clock.monotonic(), betterAt: -Infinity, failures: 0 }
    this.#devices.set(device, added)
    return added
  }
}
