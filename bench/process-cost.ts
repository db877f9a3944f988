/** What processes cost, as the kernel accounts it (Linux). */
import { readdirSync, readFileSync } from 'node:fs'

/** These processes and all that they started. */
export function withDescendants(pids: readonly number[]): number[] {
  const found = new Set(pids)
  for (const pid of found) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      for (const child of children.split(' ')) if (child.trim() !== '') found.add(Number(child))
    }
  }
  return [...found]
}

/** Seconds of CPU that the threads of these processes and their descendants have run so far. */
export function cpuSeconds(pids: readonly number[]): number {
  let nanoseconds = 0
  for (const pid of withDescendants(pids)) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const [onCpu = '0'] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')
      nanoseconds += Number(onCpu)
    }
  }
  return nanoseconds / 1e9
}

/** Proportional set size: memory in RAM, shared pages divided among those that share them. No kernel memory. */
export function proportionalKiB(pids: readonly number[]): number {
  let total = 0
  for (const pid of withDescendants(pids)) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    total += Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? '0')
  }
  return total
}

/** Memory in RAM, shared pages counted in full with each process. No kernel memory. */
export function residentKiB(pids: readonly number[]): number {
  let total = 0
  for (const pid of withDescendants(pids)) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    total += Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? '0')
  }
  return total
}

/** How many files this process, and so what it starts, may have open. */
export function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1] ?? '1024'
  return soft === 'unlimited' ? 1_048_576 : Number(soft)
}
