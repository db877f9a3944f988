/**
 * Reads a pattern token by token, where a token is one code point or a backslash with the code point after it
 * (in comments and names too, as Python has it). Positions count code points.
 */
import { HarpError } from '../../../base/errors.ts'
import { gatewayError } from '../../errors.ts'
import { patternLimits } from './limits.ts'

/**
 * The pattern is too large, or needs what this engine does not have, so nobody can say whether Python would
 * take it. NOTE: such a route must refuse, not be skipped: a later and wider route could let the request in.
 */
export class PatternBeyondLimits extends HarpError {
  override readonly name = 'PatternBeyondLimits'
}

export class PatternReader {
  readonly #source: string
  readonly #codePoints: readonly string[]
  #position = 0

  constructor(source: string) {
    this.#source = source
    this.#codePoints = Array.from(source)
    if (this.#codePoints.length > patternLimits.maxPatternLength) {
      throw this.beyondLimits(`it is longer than ${patternLimits.maxPatternLength} characters`)
    }
  }

  get position(): number {
    return this.#position
  }

  /** Goes back to a position seen before. */
  seek(position: number): void {
    this.#position = position
  }

  /** The next token, or undefined at the end. */
  peek(): string | undefined {
    const char = this.#codePoints[this.#position]
    if (char !== '\\') return char
    const escaped = this.#codePoints[this.#position + 1]
    if (escaped === undefined) throw this.invalid('bad escape (end of pattern)')
    return char + escaped
  }

  next(): string | undefined {
    const token = this.peek()
    if (token !== undefined) this.#position += isEscape(token) ? 2 : 1
    return token
  }

  take(expected: string): boolean {
    if (this.peek() !== expected) return false
    this.next()
    return true
  }

  /** At most `limit` tokens of one character that `accepted` finds. */
  takeWhile(accepted: RegExp, limit = Infinity): string {
    let taken = ''
    for (let count = 0; count < limit; count += 1) {
      const token = this.peek()
      if (token === undefined || isEscape(token) || !accepted.test(token)) break
      taken += token
      this.next()
    }
    return taken
  }

  /** What stands before the terminator, which is taken too. `what` names it in the error. */
  takeUntil(terminator: string, what: string): string {
    const start = this.#position
    let taken = ''
    for (;;) {
      const token = this.next()
      if (token === undefined) {
        throw taken === ''
          ? this.invalid(`missing ${what}`)
          : this.invalid(`missing ${terminator}, unterminated name`, start)
      }
      if (token === terminator) {
        if (taken === '') throw this.invalid(`missing ${what}`, start)
        return taken
      }
      taken += token
    }
  }

  invalid(reason: string, position = this.#position): HarpError {
    return gatewayError(
      'ROUTE_PATTERN_INVALID',
      `route pattern ${shown(this.#source)}: ${reason} at position ${position}`,
    )
  }

  beyondLimits(reason: string): PatternBeyondLimits {
    return new PatternBeyondLimits(
      'ROUTE_PATTERN_INVALID',
      `route pattern ${shown(this.#source)} is refused: ${reason}`,
    )
  }
}

export function isEscape(token: string): boolean {
  return token.length > 1 && token.startsWith('\\')
}

const maxShownLength = 200

function shown(source: string): string {
  return JSON.stringify(source.length > maxShownLength ? `${source.slice(0, maxShownLength)}…` : source)
}
