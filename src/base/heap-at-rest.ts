import { performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { Clock } from './clock.ts'
import { collector } from './collector.ts'

/** What is known of the memory of this thread, and what can be done about it. */
export interface HeapControl {
  /** Bytes that it has of the system, garbage included. */
  committed(): number
  /** Which part of the time since the last call the thread was working: 0 to 1. */
  utilization(): number
  collect(): void
}

const lookMs = 2_000
const restingBelow = 0.1
/** A collection holds up everything: for about a second for each million of files. */
const leastMsBetween = 60_000
/** And is worth it for so much more than what was left by the last: bytes, and a part of that. */
const worthBytes = 16 * 1024 * 1024
const worthPart = 0.25

/**
 * Gives memory back after much work. V8 collects when it is asked for memory, so what the opening of a large folder left
 * behind would stay for as long as nothing happens. After one full collection it goes on by itself: it makes itself small
 * over the next seconds, in small steps.
 */
export class HeapAtRest {
  readonly #heap: HeapControl
  readonly #clock: Clock
  #timer: NodeJS.Timeout | undefined
  #left = 0
  #lastCollected = Number.NEGATIVE_INFINITY

  constructor(heap: HeapControl, clock: Clock) {
    this.#heap = heap
    this.#clock = clock
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), lookMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  look(): void {
    if (this.#heap.utilization() > restingBelow) return
    const committed = this.#heap.committed()
    // What is left falls for some seconds after a collection.
    this.#left = Math.min(this.#left, committed)
    if (committed < this.#left * (1 + worthPart) + worthBytes) return
    const now = this.#clock.monotonic()
    if (now - this.#lastCollected < leastMsBetween) return
    this.#lastCollected = now
    this.#heap.collect()
    this.#left = this.#heap.committed()
  }
}

/** From now on, for this thread. Returns what ends it. */
export function restHeap(clock: Clock): () => void {
  const heap = ownHeap()
  if (heap === undefined) return () => {}
  const atRest = new HeapAtRest(heap, clock)
  atRest.start()
  return () => atRest.stop()
}

/** Undefined if the engine does not hand its collector out. */
function ownHeap(): HeapControl | undefined {
  const collect = collector()
  if (collect === undefined) return undefined
  let last = performance.eventLoopUtilization()
  return {
    committed: () => {
      const { total_heap_size: heap, external_memory: external } = getHeapStatistics()
      return heap + external
    },
    utilization: () => {
      const now = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(now, last)
      last = now
      return utilization
    },
    collect: () => collect('major'),
  }
}
