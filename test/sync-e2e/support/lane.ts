/**
 * One direction of a slow line: so many bytes a second for all who use it together, each of them behind its own, and every
 * byte so much later. Nothing is lost but time: while the line is cut, everything waits.
 */
export interface LaneOptions {
  readonly bytesPerSecond: number
  readonly delayMs: number
}

/** At the far end of a flow. */
export interface FlowEnd {
  onBytes(bytes: Uint8Array): void
  /** The last one. */
  onEnd(): void
  /** Not now: the one behind it has enough. `Lane.wake` when it has not any more. */
  isBlocked(): boolean
  /** There is room for more at the near end. */
  onRoom(): void
}

const quantum = 16_384
/** Of one flow, before its sender has to wait. */
const mostWaiting = 65_536
/** What was not used for so long may be used later, because timers come late. */
const creditMs = 10

export class Lane {
  #options: LaneOptions
  readonly #flows: Flow[] = []
  readonly #underWay: { readonly at: number; readonly flow: Flow; readonly bytes: Uint8Array | null }[] = []
  #freeAt = 0
  #isCut = false
  #sending: NodeJS.Timeout | undefined
  #arriving: NodeJS.Timeout | undefined
  /** Bytes that were sent so far. */
  bytes = 0

  constructor(options: LaneOptions) {
    this.#options = options
  }

  set rate(bytesPerSecond: number) {
    this.#options = { ...this.#options, bytesPerSecond }
  }

  open(end: FlowEnd): Flow {
    const flow = new Flow(end, () => this.wake())
    this.#flows.push(flow)
    return flow
  }

  cut(): void {
    this.#isCut = true
    clearTimeout(this.#sending)
    clearTimeout(this.#arriving)
    this.#sending = undefined
    this.#arriving = undefined
  }

  heal(): void {
    this.#isCut = false
    this.wake()
    this.#waitForArrival()
  }

  wake(): void {
    if (this.#isCut || this.#sending !== undefined) return
    this.#sending = setTimeout(
      () => {
        this.#sending = undefined
        this.#send()
      },
      Math.max(0, this.#freeAt - performance.now()),
    )
  }

  /** Flows take turns. */
  #send(): void {
    const now = performance.now()
    const index = this.#flows.findIndex((flow) => flow.hasNext)
    if (this.#freeAt <= now && index >= 0) {
      const [flow] = this.#flows.splice(index, 1)
      const bytes = flow?.next(quantum) ?? null
      if (flow !== undefined && bytes !== null) this.#flows.push(flow)
      const length = bytes?.length ?? 0
      this.bytes += length
      this.#freeAt = Math.max(this.#freeAt, now - creditMs) + (length / this.#options.bytesPerSecond) * 1_000
      if (flow !== undefined) this.#underWay.push({ at: now + this.#options.delayMs, flow, bytes })
      this.#waitForArrival()
    }
    if (this.#flows.some((flow) => flow.hasNext)) this.wake()
  }

  #waitForArrival(): void {
    const [first] = this.#underWay
    if (this.#isCut || first === undefined || this.#arriving !== undefined) return
    this.#arriving = setTimeout(
      () => {
        this.#arriving = undefined
        const now = performance.now()
        while ((this.#underWay[0]?.at ?? Infinity) <= now) {
          const arrived = this.#underWay.shift()
          if (arrived?.bytes === null) arrived.flow.end.onEnd()
          else if (arrived !== undefined) arrived.flow.end.onBytes(arrived.bytes)
        }
        this.#waitForArrival()
      },
      Math.max(0, first.at - performance.now()),
    )
  }
}

export class Flow {
  readonly end: FlowEnd
  readonly #onMore: () => void
  #waiting: Uint8Array[] = []
  #length = 0
  #isEnding = false

  constructor(end: FlowEnd, onMore: () => void) {
    this.end = end
    this.#onMore = onMore
  }

  get hasNext(): boolean {
    return (this.#waiting.length > 0 || this.#isEnding) && !this.end.isBlocked()
  }

  /** False: no more until `onRoom`. */
  push(bytes: Uint8Array): boolean {
    if (this.#isEnding) return true
    this.#waiting.push(bytes)
    this.#length += bytes.length
    this.#onMore()
    return this.#length < mostWaiting
  }

  /** After what was pushed. */
  finish(): void {
    this.#isEnding = true
    this.#onMore()
  }

  /** Nobody is there any more. */
  drop(): void {
    this.#waiting = []
    this.#length = 0
    this.finish()
  }

  /** Null: that was all. */
  next(most: number): Uint8Array | null {
    const [first] = this.#waiting
    if (first === undefined) return null
    if (first.length <= most) this.#waiting.shift()
    else this.#waiting[0] = first.subarray(most)
    const bytes = first.subarray(0, most)
    const hadRoom = this.#length < mostWaiting
    this.#length -= bytes.length
    if (!hadRoom && this.#length < mostWaiting) this.end.onRoom()
    return bytes
  }
}
