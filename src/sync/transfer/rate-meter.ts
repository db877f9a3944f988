const slots = 10
const slotMs = 500

/** Bytes per second over the last five seconds. */
export class RateMeter {
  readonly #bytes = new Float64Array(slots)
  #slot = 0
  #total = 0

  get total(): number {
    return this.#total
  }

  add(bytes: number, now: number): void {
    this.#moveTo(now)
    this.#bytes[this.#slot % slots] = (this.#bytes[this.#slot % slots] ?? 0) + bytes
    this.#total += bytes
  }

  perSecond(now: number): number {
    this.#moveTo(now)
    let sum = 0
    for (const bytes of this.#bytes) sum += bytes
    return (sum * 1000) / (slots * slotMs)
  }

  #moveTo(now: number): void {
    const slot = Math.floor(now / slotMs)
    const steps = Math.min(slots, slot - this.#slot)
    for (let step = 1; step <= steps; step++) this.#bytes[(slot - steps + step) % slots] = 0
    if (slot > this.#slot) this.#slot = slot
  }
}
