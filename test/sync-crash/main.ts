import { parseArgs } from 'node:util'
import { crash } from './support/crashing.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    program: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
})

/** So many kills are one life of a folder. */
const killsOfOne = 50
const lastLines = 150

async function main(): Promise<number> {
  let seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
  for (let left = Number(values.rounds); left > 0; left -= killsOfOne, seed++) {
    if (!(await runOne(seed, Math.min(left, killsOfOne)))) return 1
  }
  return 0
}

/** A failing one tells what happened, and leaves its files. */
async function runOne(seed: number, kills: number): Promise<boolean> {
  const trace: string[] = []
  const tell = (line: string): void => {
    if (values.trace) console.log(line)
    else trace.push(line)
  }
  try {
    const summary = await crash({ seed, kills, program: values.program, tell })
    console.log(`seed ${seed}: ${JSON.stringify(summary)}`)
    return true
  } catch (error) {
    for (const line of trace.slice(-lastLines)) console.log(line)
    console.log(error)
    console.log(
      `again, as far as real processes allow: npm run crash -- --seed ${seed} --rounds ${kills} --trace`,
    )
    return false
  }
}

process.exitCode = await main()
