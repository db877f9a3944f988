import type { CryptoSuite } from '../../src/sync/crypto/suite.ts'
import { noCounts, type Counts } from './counts.ts'
import { runSchedule } from './run.ts'
import { makeSchedule, type Schedule } from './schedule.ts'

export interface SeedRun {
  readonly from: number
  readonly count: number
  readonly suite: CryptoSuite
  readonly devices?: number | undefined
}

export interface Summary {
  readonly schedules: number
  readonly seconds: number
  /** Of this process alone, whatever else the machine does. */
  readonly cpuSeconds: number
  readonly totals: Counts
  /** In how many schedules there was one at least. */
  readonly having: Readonly<Record<keyof Counts, number>>
  readonly authoritative: number
  /** The first schedule that violated an invariant. */
  readonly failed: Schedule | undefined
}

/** Runs schedules until one fails. */
export function runSeeds({ from, count, suite, devices }: SeedRun): Summary {
  const start = performance.now()
  const cpu = process.cpuUsage()
  const totals = noCounts()
  const having = noCounts()
  let authoritative = 0
  let failed: Schedule | undefined
  let schedules = 0
  for (let seed = from; seed < from + count && failed === undefined; seed++) {
    const schedule = makeSchedule(seed, devices)
    const { violation, counts } = runSchedule(schedule, suite)
    schedules++
    if (schedule.mode === 'server_authoritative') authoritative++
    for (const key of Object.keys(counts) as (keyof Counts)[]) {
      totals[key] += counts[key]
      if (counts[key] > 0) having[key]++
    }
    if (violation !== undefined) failed = schedule
  }
  const used = process.cpuUsage(cpu)
  const cpuSeconds = (used.user + used.system) / 1_000_000
  return {
    schedules,
    seconds: (performance.now() - start) / 1_000,
    cpuSeconds,
    totals,
    having,
    authoritative,
    failed,
  }
}

export function describeCounts(summary: Summary, suiteName: string): string {
  const { schedules, seconds, cpuSeconds, totals, having, authoritative } = summary
  const lines = [
    `${schedules} schedules in ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of one core: ${(schedules / cpuSeconds).toFixed(0)} per second), with ${suiteName}`,
    `${totals.entries} entries written, ${totals.messages} messages, ${totals.acts} things done by users, ${totals.notAllowed} refused for want of a role`,
    `with an authority: ${authoritative}; with at least one: ${(
      [
        'partitions',
        'crashes',
        'rollBacks',
        'forks',
        'revocations',
        'fenced',
        'keysHandedOut',
        'joins',
        'snapshots',
        'statements',
        'proofs',
        'forgeries',
        'faults',
      ] as const
    )
      .map((key) => `${key} ${having[key]} (${totals[key]})`)
      .join(', ')}`,
  ]
  return lines.join('\n')
}
