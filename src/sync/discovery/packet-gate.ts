import type { Clock } from '../../base/clock.ts'

/** So many in a second and no more: what comes beyond is not looked at. */
export class PacketGate {
  readonly #perSecond: number
  readonly #clock: Clock
  #second = -1
  #count = 0

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond
    this.#clock = clock
  }

  enter(): boolean {
    const second = Math.floor(this.#clock.monotonic() / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#count = 0
    }
    this.#count++
    return this.#count <= this.#perSecond
  }
}
