import { parseArgs } from 'node:util'
import { crash } from './support/crashing.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    program: { type: 'string' },
    quiet: { type: 'boolean', default: false },
  },
})

/** So many kills are one life of a folder. */
const killsOfOne = 50

const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
let left = Number(values.rounds)
for (let number = seed; left > 0; number++) {
  const kills = Math.min(left, killsOfOne)
  left -= kills
  const trace: string[] = []
  const tell = (line: string): void => {
    if (!values.quiet && values.rounds === '50') console.log(line)
    trace.push(line)
  }
  try {
    const summary = await crash({ seed: number, kills, program: values.program, tell })
    console.log(`seed ${number}: ${JSON.stringify(summary)}`)
  } catch (error) {
    console.log(trace.slice(-150).join('\n'))
    console.log(error)
    console.log(`again, as far as real processes allow: npm run crash -- --seed ${number} --rounds ${kills}`)
    process.exitCode = 1
    break
  }
}
