import type { CryptoSuite } from '../../../src/sync/crypto/suite.ts'
import { runDisks, type DiskRunResult, type Faults } from './disk-run.ts'

/** What may go wrong besides what users do to each other. */
export const faultNames = ['kills', 'power', 'cuts', 'races', 'full', 'skew'] as const

export function faultsOf(names: readonly string[]): Faults {
  const has = (name: string): boolean => names.includes(name) || names.includes('all')
  return {
    kills: has('kills'),
    power: has('power'),
    cuts: has('cuts'),
    races: has('races'),
    full: has('full'),
    skew: has('skew'),
    looseNames: names.includes('loose'),
    office: names.includes('office') || names.includes('rot'),
    rot: names.includes('rot'),
  }
}

export interface DiskSeeds {
  readonly from: number
  readonly count: number
  readonly suite: CryptoSuite
  readonly faults: Faults
  readonly devices?: number | undefined
  /** All of them, and not until the first fails. */
  readonly goesOn?: boolean
}

export interface DiskSummary {
  readonly worlds: number
  readonly seconds: number
  readonly counts: Readonly<Record<string, number>>
  readonly failed: readonly { readonly seed: number; readonly result: DiskRunResult }[]
}

/** Runs worlds until one fails. */
export async function runDiskSeeds(seeds: DiskSeeds): Promise<DiskSummary> {
  const { from, count, suite, faults, devices, goesOn = false } = seeds
  const start = performance.now()
  const counts: Record<string, number> = {}
  const failed: { seed: number; result: DiskRunResult }[] = []
  let worlds = 0
  for (let seed = from; seed < from + count && (goesOn || failed.length === 0); seed++) {
    const result = await runDisks({ seed, suite, faults, devices })
    worlds++
    for (const [name, value] of Object.entries(result.counts)) counts[name] = (counts[name] ?? 0) + value
    if (result.violation !== undefined) failed.push({ seed, result })
  }
  return { worlds, seconds: (performance.now() - start) / 1_000, counts, failed }
}
