/**
 * Backtracking over a bounded program, as Python does it, with an explicit stack and a budget of steps: the
 * answer is `budget` when it runs out. A step is one program step, one character of a run or of a
 * back-reference, or one alternative taken up again, so time and memory are both bounded by the budget.
 */
import type { BodyStep, BoundedProgram, BoundedStep, LoopStep, RunStep } from './bounded-program.ts'
import { simpleLowerCase, type CaseRule } from './case-folding.ts'
import type { MatchAllowance, MatchAnswer } from './match-answer.ts'
import type { Assertion } from './syntax-tree.ts'
import { Registers } from './registers.ts'
import { assertionHolds, startOfPrevious, endOfCodePoint } from './text-position.ts'

export function matchBounded(
  program: BoundedProgram,
  text: string,
  maxSteps: number,
  allowance?: MatchAllowance,
): MatchAnswer {
  const steps = allowance === undefined ? maxSteps : Math.min(maxSteps, allowance.stepsLeft)
  const backtracking = new Backtracking(program, text, steps)
  const end = backtracking.run(program.start, 0)
  if (allowance !== undefined) allowance.stepsLeft -= steps - backtracking.stepsLeft
  if (end === outOfSteps) return 'budget'
  return end === failed ? 'no-match' : 'match'
}

/** Instead of a position in the text. */
const failed = -1
const outOfSteps = -2
/** Of a stack entry that simply goes on at its step. */
const plain = -1

class Backtracking {
  readonly #text: string
  #stepsLeft: number
  readonly #registers: Registers
  // NOTE: one stack in four arrays; an object for each entry is slower.
  readonly #steps: BoundedStep[] = []
  readonly #positions: number[] = []
  readonly #details: number[] = []
  readonly #marks: number[] = []
  /** Where to go on after `#resume`. */
  #resumedStep: BoundedStep
  #resumedAt = 0

  constructor(program: BoundedProgram, text: string, maxSteps: number) {
    this.#text = text
    this.#stepsLeft = maxSteps
    this.#registers = new Registers(program.registerCount)
    this.#resumedStep = program.start
  }

  get stepsLeft(): number {
    return this.#stepsLeft
  }

  /**
   * Where the match of `start` ends; or `failed`, with every register as it was; or `outOfSteps`.
   * NOTE: calls itself for the bodies of look-arounds and atomic groups, so the pattern's nesting bounds the depth.
   */
  run(start: BoundedStep, from: number): number {
    const base = this.#steps.length
    const mark = this.#registers.mark
    let step = start
    let position = from
    for (;;) {
      if (this.#stepsLeft <= 0) return outOfSteps
      this.#stepsLeft -= 1
      let after = position
      let next: BoundedStep | undefined
      switch (step.kind) {
        case 'accept':
          this.#truncate(base)
          return position
        case 'characters':
          after = endOfCodePoint(this.#text, position)
          if (after > position && step.set.has(this.#text.codePointAt(position) ?? 0)) next = step.next
          break
        case 'assertion':
          if (this.#holds(step.assertion, position)) next = step.next
          break
        case 'split':
          this.#push(step.second, position, plain)
          next = step.first
          break
        case 'mark':
          this.#registers.set(step.register, position)
          next = step.next
          break
        case 'back-reference':
          after = this.#afterReference(step.group, step.caseRule, position)
          if (after !== failed) next = step.next
          break
        case 'conditional':
          next = this.#groupSpan(step.group) === null ? step.whenUnset : step.whenSet
          break
        case 'run':
          after = this.#afterRun(step, position)
          if (after !== failed) next = step.next
          break
        case 'enter-loop':
          this.#registers.set(step.loop.counter, -1)
          this.#registers.set(step.loop.began, Registers.unset)
          next = step.loop
          break
        case 'loop':
          next = this.#loop(step, position)
          break
        case 'look-ahead':
        case 'look-behind':
        case 'atomic':
        case 'possessive':
          after = this.#afterBody(step, position)
          if (after !== failed) next = step.next
          break
      }
      if (next === undefined) {
        if (!this.#resume(base)) {
          this.#registers.undoTo(mark)
          // NOTE: the failure may be that of a body that ran out of steps; it must not look like an answer.
          return this.#stepsLeft <= 0 ? outOfSteps : failed
        }
        next = this.#resumedStep
        after = this.#resumedAt
      }
      step = next
      position = after
    }
  }

  #loop(loop: LoopStep, position: number): BoundedStep {
    const count = this.#registers.get(loop.counter) + 1
    if (count < loop.min) {
      this.#registers.set(loop.counter, count)
      return loop.body
    }
    // NOTE: an iteration that matched nothing is the last, as in Python.
    const mayIterate = count < loop.max && position !== this.#registers.get(loop.began)
    if (!mayIterate) return loop.next
    if (loop.mode === 'lazy') {
      this.#push(loop, position, 0)
      return loop.next
    }
    this.#push(loop.next, position, plain)
    return this.#iterate(loop, position)
  }

  #iterate(loop: LoopStep, position: number): BoundedStep {
    this.#registers.set(loop.counter, this.#registers.get(loop.counter) + 1)
    this.#registers.set(loop.began, position)
    return loop.body
  }

  #afterRun(run: RunStep, position: number): number {
    const { set, min, max, mode } = run
    const text = this.#text
    const wanted = mode === 'lazy' ? min : max
    let end = position
    let minEnd = position
    let count = 0
    while (count < wanted && end < text.length && set.has(text.codePointAt(end) ?? 0)) {
      end = endOfCodePoint(text, end)
      count += 1
      if (count === min) minEnd = end
    }
    this.#stepsLeft -= count
    if (count < min) return failed
    if (mode === 'greedy' && end > minEnd) this.#push(run, end, minEnd)
    if (mode === 'lazy' && max > min) this.#push(run, end, max - min)
    return end
  }

  /** Matches the body on its own; `failed` or the position to go on from. */
  #afterBody(step: BodyStep, position: number): number {
    switch (step.kind) {
      case 'look-ahead':
        return this.#looks(step, position) ? position : failed
      case 'look-behind': {
        let from = position
        for (let width = step.width; width > 0 && from !== failed; width -= 1) {
          from = from === 0 ? failed : startOfPrevious(this.#text, from)
        }
        this.#stepsLeft -= position - Math.max(0, from)
        if (from === failed) return step.negated ? position : failed
        return this.#looks(step, from) ? position : failed
      }
      case 'atomic':
        return Math.max(failed, this.run(step.body, position))
      case 'possessive': {
        let end = position
        let began = Registers.unset
        for (let count = 0; count < step.max; count += 1) {
          if (count >= step.min && end === began) break
          const after = this.run(step.body, end)
          if (after < 0) {
            if (count < step.min) return failed
            break
          }
          began = end
          end = after
        }
        return end
      }
    }
  }

  #looks(step: { negated: boolean; body: BoundedStep }, from: number): boolean {
    const mark = this.#registers.mark
    const isFound = this.run(step.body, from) >= 0
    if (step.negated) this.#registers.undoTo(mark)
    return isFound !== step.negated
  }

  #afterReference(group: number, caseRule: CaseRule, position: number): number {
    const span = this.#groupSpan(group)
    if (span === null) return failed
    const text = this.#text
    let at = span.start
    let end = position
    while (at < span.end) {
      this.#stepsLeft -= 1
      if (end >= text.length) return failed
      const wanted = text.codePointAt(at) ?? 0
      const actual = text.codePointAt(end) ?? 0
      if (wanted !== actual && simpleLowerCase(wanted, caseRule) !== simpleLowerCase(actual, caseRule)) {
        return failed
      }
      at = endOfCodePoint(text, at)
      end = endOfCodePoint(text, end)
    }
    return end
  }

  /** Null for a group that has not matched, or that is being matched again. */
  #groupSpan(group: number): { start: number; end: number } | null {
    const start = this.#registers.get(2 * group - 2)
    const end = this.#registers.get(2 * group - 1)
    return start === Registers.unset || end === Registers.unset || end < start ? null : { start, end }
  }

  #holds(assertion: Assertion, position: number): boolean {
    return assertionHolds(assertion, this.#text, position)
  }

  #push(step: BoundedStep, position: number, detail: number): void {
    this.#steps.push(step)
    this.#positions.push(position)
    this.#details.push(detail)
    this.#marks.push(this.#registers.mark)
  }

  /** Takes up the latest alternative above `base`; false where there is none. */
  #resume(base: number): boolean {
    while (this.#steps.length > base) {
      const step = this.#steps.pop()
      const position = this.#positions.pop() ?? 0
      const detail = this.#details.pop() ?? plain
      this.#registers.undoTo(this.#marks.pop() ?? 0)
      if (step === undefined) return false
      if (this.#resumeAt(step, position, detail)) return true
      this.#stepsLeft -= 1
    }
    return false
  }

  #resumeAt(step: BoundedStep, position: number, detail: number): boolean {
    if (detail === plain || (step.kind !== 'run' && step.kind !== 'loop')) {
      this.#resumedStep = step
      this.#resumedAt = position
    } else if (step.kind === 'loop') {
      this.#resumedStep = this.#iterate(step, position)
      this.#resumedAt = position
    } else if (step.mode === 'lazy') {
      const end = endOfCodePoint(this.#text, position)
      if (end === position || !step.set.has(this.#text.codePointAt(position) ?? 0)) return false
      if (detail > 1) this.#push(step, end, detail - 1)
      this.#resumedStep = step.next
      this.#resumedAt = end
    } else {
      const end = startOfPrevious(this.#text, position)
      if (end > detail) this.#push(step, end, detail)
      this.#resumedStep = step.next
      this.#resumedAt = end
    }
    return true
  }

  #truncate(length: number): void {
    this.#steps.length = length
    this.#positions.length = length
    this.#details.length = length
    this.#marks.length = length
  }
}
