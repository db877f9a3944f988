/**
 * Differential fuzz of the request side against llhttp. FUZZ_RUNS=500000 runs longer; a failure prints the
 * seed, which FUZZ_SEED repeats.
 */
import { expect, test } from 'vitest'
import { seenInRequests } from './codec-driver.ts'
import { compareParsers, fuzzSettings } from './differential.ts'
import { LlhttpServer } from './llhttp-server.ts'
import { requestStream } from './request-grammar.ts'

const settings = fuzzSettings(8_000)

test(
  'requests are framed as llhttp frames them, or refused',
  { timeout: 60_000 + 3 * settings.runs },
  async () => {
    const server = new LlhttpServer()
    const parsers = {
      codec: (pieces: readonly Buffer[]) => seenInRequests(pieces),
      llhttp: (stream: Buffer) => server.seenInStream(stream),
    }
    const tally = await compareParsers(settings, (random) => ({ stream: requestStream(random), parsers }))
    const { seed } = settings
    expect({ seed, faults: tally.faults }).toEqual({ seed, faults: [] })
    // A generator that only makes garbage, or a judge that sees no refusal, would prove nothing.
    expect(tally.verdicts.same).toBeGreaterThan(settings.runs / 4)
    expect(tally.verdicts.refused).toBeGreaterThan(settings.runs / 10)
    expect(tally.messages).toBeGreaterThan(settings.runs / 3)
    if (process.env['FUZZ_RUNS'] !== undefined) console.log(seed, tally)
  },
)
