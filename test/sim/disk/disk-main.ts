import type { CryptoSuite } from '../../../src/sync/crypto/suite.ts'
import { runDisks } from './disk-run.ts'
import { faultNames, faultsOf, runDiskSeeds } from './disk-seeds.ts'

export interface DiskMainOptions {
  readonly suite: CryptoSuite
  readonly from: number
  readonly count: number
  /** One world, with its trace. */
  readonly seed?: number | undefined
  readonly devices?: number | undefined
  readonly faults: string
  readonly goesOn: boolean
}

const traceLines = 60

/** `npm run sim -- --disk`. Returns an exit code. */
export async function diskMain(options: DiskMainOptions): Promise<number> {
  const { suite, from, count, seed, devices, goesOn } = options
  const names = options.faults === 'none' ? [] : options.faults.split(',')
  const unknown = names.find((name) => ![...faultNames, 'all', 'loose', 'office', 'rot'].includes(name))
  if (unknown !== undefined) {
    console.log(`--faults: none, all, loose, office, rot, ${faultNames.join(', ')}`)
    return 2
  }
  const faults = faultsOf(names)
  if (seed !== undefined) {
    const { violation, trace } = await runDisks({ seed, suite, devices, faults, tellsLog: true })
    console.log(trace.join('\n'))
    console.log(`seed ${seed}: ${violation?.message ?? 'all invariants hold'}`)
    return violation === undefined ? 0 : 1
  }
  const { worlds, seconds, counts, failed } = await runDiskSeeds({
    suite,
    from,
    count,
    devices,
    faults,
    goesOn,
  })
  console.log(`${worlds} worlds in ${seconds.toFixed(1)} s: ${JSON.stringify(counts)}`)
  for (const { seed: one, result } of failed) {
    console.log(`seed ${one}: ${result.violation?.message.slice(0, 1_000)}`)
    if (!goesOn) console.log(result.trace.slice(-traceLines).join('\n'))
    console.log(`again: npm run sim -- --disk --faults ${options.faults} --seed ${one}`)
  }
  return failed.length === 0 ? 0 : 1
}
