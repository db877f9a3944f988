/**
 * All the places in a linear program where a match may be after some text, moved on by one symbol at a time.
 * Each symbol costs at most the size of the program, whatever the pattern.
 */
import type { LinearProgram, LinearStep } from './linear-program.ts'
import { SymbolTrait, type SymbolAlphabet } from './symbol-alphabet.ts'
import type { Assertion } from './syntax-tree.ts'

export type FrontOutcome = 'matched' | 'no-match' | 'undecided'

/** A front to come back to. Equal fronts have equal keys. */
export interface SavedFront {
  readonly steps: Uint16Array
  /** What assertions among the steps need to know of the symbol before; 0 where there is none. */
  readonly before: number
  readonly key: string
}

/** Beyond the traits of the symbol that was read last. */
const atTextStart = 8

const StepKind = { match: 0, characters: 1, assertion: 2, split: 3 } as const

export class LinearFront {
  readonly #steps: readonly LinearStep[]
  // NOTE: the steps once more as plain numbers; the loop over them is where hostile paths spend their time.
  readonly #kinds: Uint8Array
  readonly #sets: Uint16Array
  readonly #targets: Uint16Array
  readonly #alphabet: SymbolAlphabet
  readonly #pending: number[] = []
  #current: StepSet
  #next: StepSet
  #before = atTextStart
  /** Steps visited since the owner set it to 0. */
  work = 0

  constructor(program: LinearProgram, alphabet: SymbolAlphabet) {
    const { steps } = program
    this.#steps = steps
    this.#kinds = Uint8Array.from(steps, ({ kind }) => StepKind[kind])
    this.#sets = Uint16Array.from(steps, (step) => (step.kind === 'characters' ? step.set : 0))
    this.#targets = Uint16Array.from(steps, (step) => ('next' in step ? step.next : 0))
    this.#alphabet = alphabet
    this.#current = new StepSet(steps.length)
    this.#next = new StepSet(steps.length)
  }

  enter(start: number): FrontOutcome {
    this.#current.clear()
    this.#before = atTextStart
    return this.#follow(start, this.#current) ? 'matched' : 'undecided'
  }

  load(saved: SavedFront): void {
    this.#current.load(saved.steps)
    this.#before = saved.before
  }

  save(): SavedFront {
    let hasAssertion = false
    const steps = this.#current.members().filter((step) => {
      hasAssertion ||= this.#kinds[step] === StepKind.assertion
      return this.#kinds[step] !== StepKind.split
    })
    const before = hasAssertion ? this.#before : 0
    return { steps: steps.sort(), before, key: String.fromCharCode(before, ...steps) }
  }

  /** Reads one symbol. Once decided, the front is of no more use. */
  advance(symbol: number): FrontOutcome {
    const current = this.#current
    const next = this.#next
    next.clear()
    // NOTE: `current` grows while it is read, by what lies behind assertions that hold here.
    for (let place = 0; place < current.size; place += 1) {
      const step = current.at(place)
      const target = this.#targets[step] ?? 0
      const kind = this.#kinds[step]
      if (kind === StepKind.characters) {
        const isRead = this.#alphabet.hasSymbol(this.#sets[step] ?? 0, symbol)
        if (isRead && this.#follow(target, next)) return 'matched'
      } else if (kind === StepKind.assertion) {
        if (this.#holds(step, symbol)) this.#follow(target, current)
      } else if (kind === StepKind.match) return 'matched'
    }
    this.work += current.size + next.size + 1
    this.#before = this.#alphabet.traitsOf(symbol)
    this.#current = next
    this.#next = current
    return next.size === 0 ? 'no-match' : 'undecided'
  }

  /** Adds what can be reached from a step without reading; true where that is the end of the pattern. */
  #follow(from: number, into: StepSet): boolean {
    let isMatch = false
    let step: number | undefined = from
    while (step !== undefined) {
      if (!into.has(step)) {
        into.add(step)
        const kind = this.#kinds[step]
        if (kind === StepKind.match) isMatch = true
        else if (kind === StepKind.split) this.#pushBranches(step)
      }
      step = this.#pending.pop()
    }
    return isMatch
  }

  #pushBranches(step: number): void {
    const split = this.#steps[step]
    if (split?.kind !== 'split') return
    for (const branch of split.branches) this.#pending.push(branch)
    this.work += split.branches.length
  }

  #holds(step: number, symbol: number): boolean {
    const { endOfText, lastNewline } = this.#alphabet
    const before = this.#before
    const after = this.#alphabet.traitsOf(symbol)
    const assertion = this.#assertionOf(step)
    switch (assertion?.at) {
      case undefined:
        return false
      case 'text-start':
        return (before & atTextStart) !== 0
      case 'line-start':
        return (before & (atTextStart | SymbolTrait.newline)) !== 0
      case 'text-end':
        return symbol === endOfText
      case 'text-end-or-last-newline':
        return symbol === endOfText || symbol === lastNewline
      case 'line-end':
        return symbol === endOfText || (after & SymbolTrait.newline) !== 0
      case 'word-boundary': {
        // NOTE: in an empty text neither \b nor \B holds (Python up to 3.13).
        if ((before & atTextStart) !== 0 && symbol === endOfText) return false
        const trait = assertion.alphabet === 'ascii' ? SymbolTrait.asciiWord : SymbolTrait.word
        return ((before & trait) !== (after & trait)) !== assertion.negated
      }
    }
  }

  #assertionOf(number: number): Assertion | undefined {
    const step = this.#steps[number]
    return step?.kind === 'assertion' ? step.assertion : undefined
  }
}

/** A set of step numbers that is cleared in no time and lists its members in the order they came. */
class StepSet {
  readonly #dense: Uint16Array
  readonly #sparse: Uint16Array
  size = 0

  constructor(capacity: number) {
    this.#dense = new Uint16Array(capacity)
    this.#sparse = new Uint16Array(capacity)
  }

  clear(): void {
    this.size = 0
  }

  has(step: number): boolean {
    const place = this.#sparse[step] ?? 0
    return place < this.size && this.#dense[place] === step
  }

  /** A step that the set does not have. */
  add(step: number): void {
    this.#dense[this.size] = step
    this.#sparse[step] = this.size
    this.size += 1
  }

  at(place: number): number {
    return this.#dense[place] ?? 0
  }

  load(steps: Uint16Array): void {
    this.clear()
    for (const step of steps) this.add(step)
  }

  members(): Uint16Array {
    return this.#dense.subarray(0, this.size)
  }
}
