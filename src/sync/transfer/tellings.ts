import type { DeviceId } from '../ids.ts'
import { idsOf, type ChunkWant } from './chunk-want.ts'
import type { Neighbour } from './neighbour.ts'
import type { Timers } from './timers.ts'
import { sharingLimits as limits, sharingTimes as times } from './transfer-limits.ts'

/** What neighbours are told of the chunks that this device has claimed: many at a time. */
export class Tellings {
  readonly #timers: Timers
  readonly #neighbours: ReadonlyMap<DeviceId, Neighbour>
  #got: ChunkWant[] = []
  #released: ChunkWant[] = []
  #isWaiting = false

  constructor(timers: Timers, neighbours: ReadonlyMap<DeviceId, Neighbour>) {
    this.#timers = timers
    this.#neighbours = neighbours
  }

  got(want: ChunkWant): void {
    this.#add(this.#got, want)
  }

  released(want: ChunkWant): void {
    this.#add(this.#released, want)
  }

  #add(list: ChunkWant[], want: ChunkWant): void {
    if (this.#neighbours.size === 0) return
    list.push(want)
    if (list.length >= limits.ids) this.#flush()
    else if (!this.#isWaiting) {
      this.#isWaiting = true
      this.#timers.after(times.gotMs, () => {
        this.#isWaiting = false
        this.#flush()
      })
    }
  }

  #flush(): void {
    const got = this.#got
    const released = this.#released
    this.#got = []
    this.#released = []
    for (const { wire, isListening } of this.#neighbours.values()) {
      if (!isListening) continue
      if (got.length > 0) wire.got(idsOf(got))
      if (released.length > 0) wire.release(idsOf(released))
    }
  }
}
