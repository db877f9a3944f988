/**
 * The whole dialect as linked steps for the backtracking matcher: every step knows what comes after it, so
 * matching needs no recursion except into the bodies of look-arounds and atomic groups.
 */
import type { CaseRule } from './case-folding.ts'
import type { CodePointSet } from './code-point-set.ts'
import type { Assertion, ParsedPattern, PatternNode, RepeatMode } from './syntax-tree.ts'

export type BoundedStep =
  /** The end of the pattern, or of a body that is matched on its own. */
  | { readonly kind: 'accept' }
  | { readonly kind: 'characters'; readonly set: CodePointSet; readonly next: BoundedStep }
  | { readonly kind: 'assertion'; readonly assertion: Assertion; readonly next: BoundedStep }
  | { readonly kind: 'split'; readonly first: BoundedStep; readonly second: BoundedStep }
  | { readonly kind: 'mark'; readonly register: number; readonly next: BoundedStep }
  | {
      readonly kind: 'back-reference'
      readonly group: number
      readonly caseRule: CaseRule
      readonly next: BoundedStep
    }
  | {
      readonly kind: 'conditional'
      readonly group: number
      readonly whenSet: BoundedStep
      readonly whenUnset: BoundedStep
    }
  | RunStep
  | { readonly kind: 'enter-loop'; readonly loop: LoopStep }
  | LoopStep
  | BodyStep

/** One set of characters, repeated. */
export interface RunStep {
  readonly kind: 'run'
  readonly set: CodePointSet
  readonly min: number
  readonly max: number
  readonly mode: RepeatMode
  readonly next: BoundedStep
}

/** Reached when the loop is entered and after every iteration. */
export interface LoopStep {
  readonly kind: 'loop'
  readonly min: number
  readonly max: number
  readonly mode: 'greedy' | 'lazy'
  /** Registers: finished iterations, and where the present one began. */
  readonly counter: number
  readonly began: number
  /** Leads back to this step; set once, when the body is built. */
  body: BoundedStep
  readonly next: BoundedStep
}

/** Steps with a body that is matched on its own, up to its `accept`, and never tried again for another way. */
export type BodyStep =
  | {
      readonly kind: 'look-ahead'
      readonly negated: boolean
      readonly body: BoundedStep
      readonly next: BoundedStep
    }
  | {
      readonly kind: 'look-behind'
      readonly negated: boolean
      readonly width: number
      readonly body: BoundedStep
      readonly next: BoundedStep
    }
  | { readonly kind: 'atomic'; readonly body: BoundedStep; readonly next: BoundedStep }
  | {
      readonly kind: 'possessive'
      readonly min: number
      readonly max: number
      readonly body: BoundedStep
      readonly next: BoundedStep
    }

export interface BoundedProgram {
  readonly start: BoundedStep
  /** Two for each group (its start and end), from group 1, then those of the loops. */
  readonly registerCount: number
}

export function compileBounded({ root, groupCount }: ParsedPattern): BoundedProgram {
  let registerCount = 2 * groupCount
  const accept: BoundedStep = { kind: 'accept' }

  function build(node: PatternNode, next: BoundedStep): BoundedStep {
    switch (node.kind) {
      case 'characters':
        return { kind: 'characters', set: node.set, next }
      case 'assertion':
        return { kind: 'assertion', assertion: node.assertion, next }
      case 'sequence':
        return node.items.reduceRight((entry, item) => build(item, entry), next)
      case 'branch':
        return node.options
          .map((option) => build(option, next))
          .reduceRight((second, first) => ({ kind: 'split', first, second }))
      case 'repeat':
        return repeat(node, next)
      case 'capture': {
        const end: BoundedStep = { kind: 'mark', register: 2 * node.group - 1, next }
        return { kind: 'mark', register: 2 * node.group - 2, next: build(node.body, end) }
      }
      case 'look-ahead':
      case 'look-behind':
      case 'atomic':
        return { ...node, body: build(node.body, accept), next }
      case 'back-reference':
        return { ...node, next }
      case 'conditional':
        return {
          kind: 'conditional',
          group: node.group,
          whenSet: build(node.whenSet, next),
          whenUnset: build(node.whenUnset, next),
        }
    }
  }

  function repeat(node: PatternNode & { kind: 'repeat' }, next: BoundedStep): BoundedStep {
    const { body, min, max, mode } = node
    if (body.kind === 'characters') return { kind: 'run', set: body.set, min, max, mode, next }
    if (mode === 'possessive') {
      return { kind: 'possessive', min, max, body: build(body, accept), next }
    }
    const counter = registerCount
    registerCount += 2
    const loop: LoopStep = { kind: 'loop', min, max, mode, counter, began: counter + 1, body: accept, next }
    loop.body = build(body, loop)
    return { kind: 'enter-loop', loop }
  }

  // NOTE: the start is built first, because building counts the registers.
  const start = build(root, accept)
  return { start, registerCount }
}
