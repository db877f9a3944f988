/** Runs generated streams through both parsers and gathers every disagreement, each cut down to its core. */
import { type Verdict, judge } from './agreement.ts'
import type { Seen, SeenByCodec } from './codec-driver.ts'
import { SeededRandom } from './random.ts'
import { neutralised } from './tolerances.ts'

export interface Parsers {
  readonly codec: (pieces: readonly Buffer[]) => SeenByCodec
  readonly llhttp: (stream: Buffer) => Promise<Seen>
}

export interface Tally {
  readonly verdicts: Record<Verdict['kind'], number>
  readonly messages: number
  /** How often each tolerance was the reason that llhttp refused what the codec accepts. */
  readonly tolerated: ReadonlyMap<string, number>
  /** Streams on which the two disagree without an excuse, or on which pieces made a difference. */
  readonly faults: readonly string[]
}

const batch = 64
const maxFaults = 5

/** `runs` streams from `seed`; `next` makes a stream and the parsers for it. */
export async function compareParsers(
  settings: { readonly runs: number; readonly seed: number },
  next: (random: SeededRandom) => { readonly stream: string; readonly parsers: Parsers },
): Promise<Tally> {
  const random = new SeededRandom(settings.seed)
  const verdicts = { same: 0, refused: 0, stricter: 0, undecided: 0, lenient: 0, differs: 0 }
  const tolerated = new Map<string, number>()
  const faults: string[] = []
  let messages = 0
  for (let left = settings.runs; left > 0 && faults.length < maxFaults; left -= batch) {
    const cases = Array.from({ length: Math.min(batch, left) }, () => next(random))
    const judged = await Promise.all(cases.map((each) => judgeStream(each.stream, each.parsers)))
    for (const [index, { verdict, ours, excuses, fault }] of judged.entries()) {
      const { stream, parsers } = cases[index] ?? cases[0]!
      verdicts[verdict.kind]++
      messages += ours.messages.length
      for (const excuse of excuses) tolerated.set(excuse, (tolerated.get(excuse) ?? 0) + 1)
      if (fault !== null) faults.push(await report(stream, parsers, fault))
      else if (!survivesSplitting(stream, parsers, ours, random)) {
        faults.push(`pieces make a difference: ${JSON.stringify(stream)}`)
      }
    }
  }
  return { verdicts, messages, tolerated, faults }
}

interface Judged {
  readonly verdict: Verdict
  readonly ours: SeenByCodec
  readonly excuses: readonly string[]
  readonly fault: string | null
}

async function judgeStream(stream: string, parsers: Parsers): Promise<Judged> {
  const ours = parsers.codec([bytes(stream)])
  const verdict = judge(stream, ours, await parsers.llhttp(bytes(stream)))
  if (verdict.kind === 'differs') return { verdict, ours, excuses: [], fault: verdict.what }
  if (verdict.kind !== 'lenient') return { verdict, ours, excuses: [], fault: null }
  const neutral = neutralised(stream, ours)
  const again = parsers.codec([bytes(neutral.stream)])
  const second = judge(neutral.stream, again, await parsers.llhttp(bytes(neutral.stream)))
  const isExcused = second.kind !== 'lenient' && second.kind !== 'differs' && sameBodies(ours, again)
  const fault = isExcused ? null : `llhttp refuses it: ${verdict.reason}`
  return { verdict, ours, excuses: isExcused ? neutral.names : [], fault }
}

function sameBodies(one: Seen, other: Seen): boolean {
  const bodies = (seen: Seen): string =>
    JSON.stringify(seen.messages.map((each) => [each.body, each.trailers]))
  return bodies(one) === bodies(other)
}

function survivesSplitting(stream: string, parsers: Parsers, whole: Seen, random: SeededRandom): boolean {
  const pieces: Buffer[] = []
  for (let at = 0; at < stream.length;) {
    const to = at + 1 + random.below(random.chance(50) ? 3 : 60)
    pieces.push(bytes(stream.slice(at, to)))
    at = to
  }
  // Which of two faults is named may depend on the pieces; that it is refused, and after what, may not.
  const facts = (seen: Seen): string => JSON.stringify([seen.messages, seen.open, seen.ending])
  return facts(parsers.codec(pieces)) === facts(whole)
}

/** The shortest stream found that still shows a fault, as a line to paste into a test. */
async function report(stream: string, parsers: Parsers, fault: string): Promise<string> {
  let smallest = stream
  let last = fault
  for (let size = Math.ceil(stream.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length;) {
      const shorter = smallest.slice(0, at) + smallest.slice(at + size)
      const found = (await judgeStream(shorter, parsers)).fault
      if (found !== null && sort(found) === sort(fault)) [smallest, last] = [shorter, found]
      else at += size
    }
  }
  return `${last}: ${JSON.stringify(smallest)}`
}

/** A fault without its message number. */
function sort(fault: string): string {
  return fault.replace(/ of message \d+$/, '')
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** FUZZ_RUNS asks for a long run from a new seed, FUZZ_SEED for a certain one; the default is short and fixed. */
export function fuzzSettings(shortRuns: number): { runs: number; seed: number } {
  const { FUZZ_RUNS: runs, FUZZ_SEED: seed } = process.env
  const chosen = seed ?? (runs === undefined ? '1' : String(Date.now() % 2 ** 31))
  return { runs: runs === undefined ? shortRuns : Number(runs), seed: Number(chosen) }
}
