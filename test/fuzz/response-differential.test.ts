/**
 * Differential fuzz of the upstream side against llhttp. FUZZ_RUNS=500000 runs longer; a failure prints the
 * seed, which FUZZ_SEED repeats.
 */
import { expect, test } from 'vitest'
import { seenInResponse } from './codec-driver.ts'
import { compareParsers, fuzzSettings } from './differential.ts'
import { seenByLlhttpClient } from './llhttp-client.ts'
import { responseStream } from './response-grammar.ts'

const settings = fuzzSettings(8_000)

test(
  'responses are framed as llhttp frames them, or refused',
  { timeout: 60_000 + 3 * settings.runs },
  async () => {
    const tally = await compareParsers(settings, (random) => {
      const method = random.pick(['GET', 'GET', 'HEAD', 'POST'])
      const parsers = {
        codec: (pieces: readonly Buffer[]) => seenInResponse(pieces, method),
        llhttp: (stream: Buffer) => seenByLlhttpClient(stream, method),
      }
      return { stream: responseStream(random), parsers }
    })
    const { seed } = settings
    expect({ seed, faults: tally.faults }).toEqual({ seed, faults: [] })
    // A generator that only makes garbage, or a judge that sees no refusal, would prove nothing.
    expect(tally.verdicts.same).toBeGreaterThan(settings.runs / 4)
    expect(tally.verdicts.refused).toBeGreaterThan(settings.runs / 10)
    expect(tally.messages).toBeGreaterThan(settings.runs / 3)
    if (process.env['FUZZ_RUNS'] !== undefined) console.log(seed, tally)
  },
)
