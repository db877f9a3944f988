/** Calls back later. What was asked for cannot be taken back: who is closed by then does nothing. */
export interface Timers {
  after(ms: number, run: () => void): void
}

/** Keeps no process running. */
export const systemTimers: Timers = {
  after(ms, run) {
    setTimeout(run, ms).unref()
  },
}
