/** What something took: wall clock, and CPU of this process with all its threads. */

export interface Spent<T> {
  readonly result: T
  readonly seconds: number
  readonly cpuSeconds: number
}

export function spend<T>(run: () => T): Spent<T> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const result = run()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { result, seconds, cpuSeconds: (user + system) / 1e6 }
}

/** Adds up what several runs took. */
export class Tally {
  seconds = 0
  cpuSeconds = 0
  runs = 0

  add<T>(run: () => T): T {
    const { result, seconds, cpuSeconds } = spend(run)
    this.seconds += seconds
    this.cpuSeconds += cpuSeconds
    this.runs++
    return result
  }
}

export interface Latency {
  readonly median: number
  readonly p95: number
}

/** Milliseconds of each of these runs. */
export function latencies(runs: readonly (() => unknown)[]): Latency {
  const times: number[] = []
  for (const run of runs) {
    const start = performance.now()
    run()
    times.push(performance.now() - start)
  }
  times.sort((left, right) => left - right)
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  return { median: at(0.5), p95: at(0.95) }
}

/** Resident memory and what V8 holds, in bytes, after everything unused was given up. */
export function memoryInUse(): { readonly resident: number; readonly heap: number } {
  for (let round = 0; round < 3; round++) globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { resident: rss, heap: heapUsed + external }
}
