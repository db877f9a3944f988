/** Memory in RAM (RSS) of each process: at the start, the most during each workload, and at the end. */
import { setTimeout as sleep } from 'node:timers/promises'
import { residentKiB } from '../process-cost.ts'
import { formatTable } from '../report/tables.ts'
import type { ChainTarget } from './chain.ts'

export interface ResidentMemory {
  readonly target: string
  readonly role: string
  readonly kibAtStart: number
  readonly kibUnderLoad: Readonly<Record<string, number>>
  readonly kibAfter: number
}

const periodMs = 100
const settleMs = 5_000

interface Watched {
  readonly target: string
  readonly role: string
  readonly pid: number
  readonly kibAtStart: number
  readonly kibUnderLoad: Record<string, number>
}

export class MemoryWatch {
  readonly #watched: readonly Watched[]

  /** The targets have just been started. */
  constructor(targets: readonly ChainTarget[]) {
    this.#watched = targets.flatMap(({ name, pids, roles }) =>
      pids.map((pid, index) => ({
        target: name,
        role: roles[index] ?? '',
        pid,
        kibAtStart: residentKiB([pid]),
        kibUnderLoad: {},
      })),
    )
  }

  async during<T>(target: string, workload: string, work: () => Promise<T>): Promise<T> {
    const watched = this.#watched.filter((each) => each.target === target)
    const timer = setInterval(() => {
      for (const { pid, kibUnderLoad } of watched) {
        kibUnderLoad[workload] = Math.max(kibUnderLoad[workload] ?? 0, residentKiB([pid]))
      }
    }, periodMs)
    try {
      return await work()
    } finally {
      clearInterval(timer)
    }
  }

  /** After some seconds of rest. */
  async finish(): Promise<ResidentMemory[]> {
    await sleep(settleMs)
    return this.#watched.map(({ pid, ...rest }) => ({ ...rest, kibAfter: residentKiB([pid]) }))
  }
}

export function formatResidentMemory(
  memory: readonly ResidentMemory[],
  workloadNames: readonly string[],
): string[] {
  if (memory.length === 0) return []
  const mib = (kib: number | undefined): string => (kib === undefined ? '-' : (kib / 1_024).toFixed(0))
  const rows = memory.map((each) => [
    `${each.target}: ${each.role}`,
    mib(each.kibAtStart),
    ...workloadNames.map((name) => mib(each.kibUnderLoad[name])),
    mib(each.kibAfter),
  ])
  const head = ['', 'at start', ...workloadNames, `after ${settleMs / 1_000} s of rest`]
  return [`Resident memory in MiB, the most during each workload\n${formatTable([head, ...rows])}`]
}
