/**
 * Answers a linear program in time linear in the text. What is learned about (front, symbol) is kept as the
 * transitions of an automaton, so that a match costs one table look-up per character in the common case. The
 * room for that is limited; a text that leaves it is followed without keeping, and within a budget of work.
 */
import { patternLimits } from './limits.ts'
import { LinearFront, type FrontOutcome, type SavedFront } from './linear-front.ts'
import type { LinearProgram } from './linear-program.ts'
import type { MatchAllowance, MatchAnswer } from './match-answer.ts'
import type { SymbolAlphabet } from './symbol-alphabet.ts'

/** Entries of the transition table: states are numbered from `firstState`. */
const unknown = 0
const noMatch = 1
const matched = 2
const firstState = 3

export class LinearMatcher {
  readonly #alphabet: SymbolAlphabet
  readonly #front: LinearFront
  readonly #states: SavedFront[] = []
  readonly #numbers = new Map<string, number>()
  /** A row of alphabet.size targets for each state. */
  #table: Uint16Array
  #keptSteps = 0
  readonly #start: number

  constructor(program: LinearProgram, alphabet: SymbolAlphabet) {
    this.#alphabet = alphabet
    this.#front = new LinearFront(program, alphabet)
    this.#table = new Uint16Array(alphabet.size * 4)
    // NOTE: the first state always finds room.
    this.#start = this.#target(this.#front.enter(program.start)) ?? noMatch
  }

  matchesStart(text: string, allowance?: MatchAllowance): MatchAnswer {
    const { asciiSymbols, size, endOfText } = this.#alphabet
    let state = this.#start
    if (state < firstState) return state === matched ? 'match' : 'no-match'
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index)
      const symbol =
        code < 128 && code !== newlineCode ? (asciiSymbols[code] ?? 0) : this.#symbolAt(text, index)
      if (code >= firstSurrogate && (text.codePointAt(index) ?? 0) > maxCodeUnit) index += 1
      let next = this.#table[(state - firstState) * size + symbol] ?? unknown
      if (next < firstState) {
        if (next === unknown) {
          const learned = this.#learn(state, symbol)
          if (learned === null) return this.#followWithoutKeeping(text, index + 1, allowance)
          next = learned
        }
        if (next === matched) return 'match'
        if (next === noMatch) return 'no-match'
      }
      state = next
    }
    const end = this.#table[(state - firstState) * size + endOfText] || this.#learn(state, endOfText)
    return end === matched ? 'match' : 'no-match'
  }

  /** Null where there is no room for the state that is reached; the front is then there. */
  #learn(state: number, symbol: number): number | null {
    const saved = this.#states[state - firstState]
    if (saved === undefined) return noMatch
    this.#front.load(saved)
    const target = this.#target(this.#front.advance(symbol))
    if (target !== null) this.#table[(state - firstState) * this.#alphabet.size + symbol] = target
    return target
  }

  #target(outcome: FrontOutcome): number | null {
    if (outcome === 'matched') return matched
    return outcome === 'no-match' ? noMatch : this.#keep(this.#front.save())
  }

  #keep(saved: SavedFront): number | null {
    const known = this.#numbers.get(saved.key)
    if (known !== undefined) return known
    const end = (this.#states.length + 1) * this.#alphabet.size
    const keptSteps = this.#keptSteps + saved.steps.length
    if (end > patternLimits.maxKeptTransitions || keptSteps > patternLimits.maxKeptSteps) return null
    if (end > this.#table.length) {
      const larger = new Uint16Array(end * 2)
      larger.set(this.#table)
      this.#table = larger
    }
    const number = this.#states.push(saved) - 1 + firstState
    this.#numbers.set(saved.key, number)
    this.#keptSteps = keptSteps
    return number
  }

  #followWithoutKeeping(text: string, from: number, allowance?: MatchAllowance): MatchAnswer {
    const front = this.#front
    front.work = 0
    const allowed = (allowance?.stepsLeft ?? Number.POSITIVE_INFINITY) * workPerStep
    const answer = this.#follow(text, from, Math.min(patternLimits.maxLinearWork, allowed))
    if (allowance !== undefined) allowance.stepsLeft -= front.work / workPerStep
    return answer
  }

  #follow(text: string, from: number, maxWork: number): MatchAnswer {
    const front = this.#front
    for (let index = from; index < text.length; index += 1) {
      if (front.work > maxWork) return 'budget'
      const outcome = front.advance(this.#symbolAt(text, index))
      if (outcome !== 'undecided') return outcome === 'matched' ? 'match' : 'no-match'
      if ((text.codePointAt(index) ?? 0) > maxCodeUnit) index += 1
    }
    return front.advance(this.#alphabet.endOfText) === 'matched' ? 'match' : 'no-match'
  }

  #symbolAt(text: string, index: number): number {
    const codePoint = text.codePointAt(index) ?? 0
    const isLastNewline = codePoint === newlineCode && index === text.length - 1
    return isLastNewline ? this.#alphabet.lastNewline : this.#alphabet.symbolOf(codePoint)
  }
}

const newlineCode = 0x0a
/** Visits of this engine that cost about as much as a step of the bounded one. */
const workPerStep = 5
const firstSurrogate = 0xd800
const maxCodeUnit = 0xffff
