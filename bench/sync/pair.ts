/** Two devices under test that keep one folder, the first of which is changed. */
import type { OwnProcess } from '../own-process.ts'
import type { Network } from './network.ts'

export interface PairPlace {
  /** Empty; for homes and folders. */
  readonly directory: string
  readonly network: Network
}

export interface SyncPeer {
  readonly name: string
  /** For the head of the report. */
  readonly description: string
  /** Both devices are up, linked, and have an empty folder that they share. */
  startPair(place: PairPlace): Promise<SyncPair>
  /** One device with a folder and nobody to share it with; null if the program has no such thing. */
  startAlone(place: PairPlace): Promise<SyncDevice | null>
}

export interface SyncPair {
  /** The folder that is changed, and the one that follows it. */
  readonly from: string
  readonly to: string
  /** Of each side; may change from call to call. */
  readonly pids: () => readonly (readonly number[])[]
  /** What ends within a measurement, so that its CPU is that of the benchmark's own children. */
  readonly hasShortProcesses: boolean
  readonly failure: string | null
  /** The folder may be changed now without being looked at. */
  hold(): Promise<void>
  /** Looks at the folder, and resolves when both devices say that they are done and `hasArrived` agrees. */
  bring(hasArrived: () => boolean): Promise<void>
  /** Entries of the log, where there is one. */
  entries(): Promise<number | null>
  stop(): Promise<void>
}

export interface SyncDevice {
  readonly folder: string
  readonly pid: number
  /** The folder may be changed now without being looked at. */
  hold(): Promise<void>
  /** Looks at the folder, and resolves when it knows all of it. */
  look(files: number): Promise<void>
  /** Ends its process and starts it anew; resolves when it has looked at all its files. */
  restart(files: number): Promise<void>
  stop(): Promise<void>
}

/** Resolves when `ask` says so. */
export async function until(ask: () => Promise<boolean>, what: string, seconds = 1_200): Promise<void> {
  const endsAt = performance.now() + seconds * 1_000
  while (!(await ask())) {
    if (performance.now() > endsAt) throw new Error(`${what}: not done after ${seconds} s`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/** Often enough to tell, rarely enough to cost nothing. */
const pollMs = 100

export function firstFailure(processes: readonly OwnProcess[]): string | null {
  return processes.map(({ failure }) => failure).find((each) => each !== null) ?? null
}
