/** `*`, `+`, `?` and `{m,n}` with their lazy and possessive forms. */
import { patternLimits } from './limits.ts'
import type { PatternReader } from './pattern-reader.ts'
import type { RepeatMode } from './syntax-tree.ts'

export interface Quantifier {
  readonly min: number
  readonly max: number
  readonly mode: RepeatMode
}

/** `token` is already taken. Undefined where it starts no quantifier; a `{` is then a literal. */
export function parseQuantifier(reader: PatternReader, token: string): Quantifier | undefined {
  const counts = parseCounts(reader, token)
  if (counts === undefined) return undefined
  if (reader.take('?')) return { ...counts, mode: 'lazy' }
  if (reader.take('+')) return { ...counts, mode: 'possessive' }
  return { ...counts, mode: 'greedy' }
}

interface Counts {
  readonly min: number
  readonly max: number
}

function parseCounts(reader: PatternReader, token: string): Counts | undefined {
  switch (token) {
    case '*':
      return { min: 0, max: Infinity }
    case '+':
      return { min: 1, max: Infinity }
    case '?':
      return { min: 0, max: 1 }
    case '{':
      return parseBraces(reader)
    default:
      return undefined
  }
}

const digit = /^[0-9]$/

/** `{}`, and braces around anything else than numbers, stand for themselves. */
function parseBraces(reader: PatternReader): Counts | undefined {
  const start = reader.position
  if (reader.peek() === '}') return undefined
  const low = reader.takeWhile(digit)
  const hasComma = reader.take(',')
  const high = hasComma ? reader.takeWhile(digit) : low
  if (!reader.take('}')) {
    reader.seek(start)
    return undefined
  }
  const min = low === '' ? 0 : parseCount(reader, low)
  const max = high === '' ? Infinity : parseCount(reader, high)
  if (max < min) throw reader.invalid('min repeat greater than max repeat', start)
  return { min, max }
}

function parseCount(reader: PatternReader, digits: string): number {
  const count = Number.parseInt(digits, 10)
  if (count >= patternLimits.repeatCountBound) {
    throw reader.invalid('the repetition number is too large')
  }
  return count
}
