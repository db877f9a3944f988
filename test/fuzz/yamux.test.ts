/**
 * Seeded frames, honest, lying and random, into yamux sessions. FUZZ_RUNS=1000000 sends that many frames; a failure
 * prints the seed, which FUZZ_SEED repeats.
 */
import { expect, test } from 'vitest'
import { fuzzSettings } from './differential.ts'
import { SeededRandom } from './random.ts'
import { YamuxRun, type Manner } from './yamux-run.ts'

const settings = fuzzSettings(20_000)
const manners: readonly Manner[] = ['honest', 'honest', 'liar', 'noise', 'noise']

test(
  'no frames make a yamux session throw, lose bytes or forget a stream',
  { timeout: 60_000 + settings.runs },
  async () => {
    const { seed } = settings
    const tally: Record<string, number> = {}
    const faults: string[] = []
    let frames = 0
    for (let index = 0; frames < settings.runs && faults.length === 0; index += 1) {
      const random = new SeededRandom(seed + index)
      const manner = random.pick(manners)
      const run = new YamuxRun(random, manner)
      try {
        await run.play(20 + random.below(400))
      } catch (error) {
        run.faults.push(`threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      }
      frames += run.frames
      const outcome = `${manner}: ${run.error}`
      tally[outcome] = (tally[outcome] ?? 0) + 1
      if (run.faults.length > 0) faults.push(`FUZZ_SEED=${seed + index} ${manner}`, ...run.faults)
    }
    expect(faults).toEqual([])
    // Lies and noise that end no session, or an honest peer that is refused, would prove nothing.
    expect(Object.keys(tally).length).toBeGreaterThan(3)
    if (process.env['FUZZ_RUNS'] !== undefined) console.log(seed, frames, tally)
  },
)
