import { fakeSuite } from '../../sync/support/fake-suite.ts'
import { runDisks, type Faults } from './disk-run.ts'

const [from = '1', count = '10', what = 'none', isTraced = ''] = process.argv.slice(2)
const has = (name: string): boolean => what === 'all' || what.split(',').includes(name)
const faults: Faults = {
  kills: has('kills'),
  power: has('power'),
  cuts: has('cuts'),
  races: has('races'),
  looseNames: what.includes('loose'),
}
const start = performance.now()
const totals: Record<string, number> = {}
const kinds = new Map<string, number[]>()
for (let seed = Number(from); seed < Number(from) + Number(count); seed++) {
  const { violation, trace, counts } = await runDisks({
    seed,
    suite: fakeSuite,
    faults,
    tellsLog: isTraced === 'trace',
  })
  for (const [name, value] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + value
  if (violation === undefined) continue
  if (isTraced === 'trace') console.log(trace.join('\n'))
  console.log(`seed ${seed}: ${violation.message.slice(0, 1200)}`)
  kinds.set(violation.invariant, [...(kinds.get(violation.invariant) ?? []), seed])
}
console.log(((performance.now() - start) / 1000).toFixed(1), 's', JSON.stringify(totals))
for (const [kind, seeds] of kinds) console.log(kind, seeds.length, seeds.slice(0, 10).join(' '))
