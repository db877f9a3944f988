import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { nodeSuite } from '../../src/sync/crypto/node-suite.ts'
import { fakeSuite } from '../sync/support/fake-suite.ts'
import { diskMain } from './disk/disk-main.ts'
import { minimise } from './minimise.ts'
import { runSchedule } from './run.ts'
import { makeSchedule, type Schedule } from './schedule.ts'
import { describeCounts, runSeeds } from './seeds.ts'
import { describeStep } from './trace-text.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    real: { type: 'boolean', default: false },
    devices: { type: 'string' },
    trace: { type: 'string' },
    out: { type: 'string' },
    'no-minimise': { type: 'boolean', default: false },
    disk: { type: 'boolean', default: false },
    faults: { type: 'string', default: 'all' },
    'keep-going': { type: 'boolean', default: false },
  },
})

const suite = values.real ? nodeSuite : fakeSuite
const devices = values.devices === undefined ? undefined : Number(values.devices)

function main(): number {
  if (values.trace !== undefined) {
    return report(JSON.parse(readFileSync(values.trace, 'utf8')) as Schedule)
  }
  if (values.seed !== undefined) return report(makeSchedule(Number(values.seed), devices))
  const from = Number(values.from)
  const summary = runSeeds({ from, count: Number(values.seeds), suite, devices })
  console.log(
    describeCounts(summary, values.real ? 'the real suite' : 'the FAKE suite: its signatures hold nothing'),
  )
  return summary.failed === undefined ? 0 : report(summary.failed)
}

/** Runs one schedule; a failing one is cut down and printed, and kept for `--trace`. */
function report(schedule: Schedule): number {
  const { violation } = runSchedule(schedule, suite)
  if (violation === undefined) {
    console.log(`seed ${schedule.seed}: all invariants hold`)
    return 0
  }
  console.log(`seed ${schedule.seed}: ${violation.message}`)
  if (values['no-minimise']) return 1
  const small = minimise(schedule, violation.invariant, (candidate) => runSchedule(candidate, suite))
  const { devices: count, mode, authority, steps } = small.schedule
  console.log(
    `\nminimised in ${small.runs} runs to ${steps.length} steps: ${small.result.violation?.message}`,
  )
  console.log(`${count} devices, ${mode}${mode === 'peer' ? '' : `, authority ${authority}`}`)
  for (const step of steps) console.log(`  ${describeStep(step)}`)
  const file = values.out ?? join(tmpdir(), `harp-sim-${schedule.seed}.json`)
  writeFileSync(file, `${JSON.stringify(small.schedule, undefined, 1)}\n`)
  console.log(`\nagain: npm run sim -- --trace ${file}${values.real ? ' --real' : ''}`)
  return 1
}

async function disks(): Promise<number> {
  return diskMain({
    suite,
    devices,
    from: Number(values.from),
    count: Number(values.seeds),
    seed: values.seed === undefined ? undefined : Number(values.seed),
    faults: values.faults,
    goesOn: values['keep-going'],
  })
}

process.exitCode = values.disk ? await disks() : main()
