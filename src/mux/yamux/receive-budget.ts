import { initialWindowBytes } from './frame.ts'
import type { YamuxLimits } from './limits.ts'
import type { ReceiveWindow } from './receive-window.ts'

/** What all streams of a session together may receive ahead of their readers: windows, and bytes that wait. */
export class ReceiveBudget {
  readonly #limits: YamuxLimits
  #windowBytes = 0
  #heldBytes = 0

  constructor(limits: YamuxLimits) {
    this.#limits = limits
  }

  opened(): void {
    this.#windowBytes += initialWindowBytes
  }

  closed(windowBytes: number): void {
    this.#windowBytes -= windowBytes
  }

  /** By how much a window may be doubled; 0 where a limit is reached, or its reader does not keep up. */
  room(window: ReceiveWindow): number {
    const growth = Math.min(window.sizeBytes, this.#limits.maxWindowBytes - window.sizeBytes)
    const fits = this.#windowBytes + growth <= this.#limits.sessionWindowBytes
    return growth > 0 && fits && !window.hasStalled ? growth : 0
  }

  grew(bytes: number): void {
    this.#windowBytes += bytes
  }

  /** Counts bytes that wait for their reader; false if they are too many. */
  hold(bytes: number): boolean {
    if (this.#heldBytes + bytes > this.#limits.maxBufferedBytes) return false
    this.#heldBytes += bytes
    return true
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes
  }
}
