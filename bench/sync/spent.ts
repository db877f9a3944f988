/** What bringing one change across cost: time, CPU, bytes on the wire, memory. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { residentKiB, withDescendants } from '../process-cost.ts'
import type { Network } from './network.ts'
import type { SyncPair } from './pair.ts'

export interface Spent {
  readonly seconds: number
  /** Of each side; user and system. */
  readonly cpuSeconds: readonly number[]
  /** Both ways together; null where it cannot be told. */
  readonly wireBytes: number | null
  /** The most that was seen, of each side. */
  readonly peakKiB: readonly number[]
}

const watchMs = 100
const ticksPerSecond = 100

export async function spend(pair: SyncPair, network: Network, work: () => Promise<void>): Promise<Spent> {
  const peakKiB = pair.pids().map(() => 0)
  const watch = setInterval(() => {
    for (const [side, pids] of pair.pids().entries()) {
      peakKiB[side] = Math.max(peakKiB[side] ?? 0, residentNow(pids))
    }
  }, watchMs)
  try {
    const cpu = sides(pair)
    const bytes = network.bytes()
    const start = performance.now()
    await work()
    const seconds = (performance.now() - start) / 1_000
    if (pair.hasShortProcesses) await sleep(500)
    const after = sides(pair)
    const bytesAfter = network.bytes()
    return {
      seconds,
      cpuSeconds: after.map((each, side) => each - (cpu[side] ?? 0)),
      wireBytes: bytes === null || bytesAfter === null ? null : bytesAfter - bytes,
      peakKiB,
    }
  } finally {
    clearInterval(watch)
  }
}

/** The processes of each side; where they end meanwhile, what the benchmark's own ended children took is the first side. */
function sides(pair: SyncPair): number[] {
  return pair
    .pids()
    .map((pids, side) =>
      pair.hasShortProcesses && side === 0 ? ticksOf(process.pid).ended : allTicks(withDescendants(pids)),
    )
    .map((ticks) => ticks / ticksPerSecond)
}

function allTicks(pids: readonly number[]): number {
  return pids.map(ticksOf).reduce((sum, { own, ended }) => sum + own + ended, 0)
}

/** Clock ticks of a process with all its threads, also those that have ended; and of children that have ended. */
function ticksOf(pid: number): { readonly own: number; readonly ended: number } {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const field = (index: number): number => Number(fields[index])
  return { own: field(11) + field(12), ended: field(13) + field(14) }
}

function residentNow(pids: readonly number[]): number {
  const running = pids.filter((pid) => isThere(pid))
  try {
    return residentKiB(running)
  } catch {
    // NOTE: a process that has just ended has no memory to count.
    return 0
  }
}

function isThere(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).length > 0
  } catch {
    return false
  }
}
