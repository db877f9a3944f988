/**
 * Thompson's construction: the regular part of the dialect as a program that can be run for all alternatives
 * at once. Greedy and lazy do not differ here, since a route only asks whether there is a match; groups capture
 * nothing. `{m,n}` is written out.
 */
import type { CodePointSet } from './code-point-set.ts'
import { patternLimits } from './limits.ts'
import { widthOf, type Assertion, type PatternNode } from './syntax-tree.ts'

export type LinearStep =
  | { readonly kind: 'match' }
  /** `set` indexes the program's sets. */
  | { readonly kind: 'characters'; readonly set: number; readonly next: number }
  | { readonly kind: 'assertion'; readonly assertion: Assertion; readonly next: number }
  | { readonly kind: 'split'; readonly branches: readonly number[] }

export interface LinearProgram {
  readonly steps: readonly LinearStep[]
  readonly start: number
  readonly sets: readonly CodePointSet[]
}

/** Null where the pattern needs more than a regular language, or too many steps. */
export function compileLinear(root: PatternNode): LinearProgram | null {
  const builder = new ProgramBuilder()
  const start = builder.build(root, builder.add({ kind: 'match' }))
  return start === null ? null : { steps: builder.steps, start, sets: [...builder.sets.keys()] }
}

class ProgramBuilder {
  readonly steps: LinearStep[] = []
  readonly sets = new Map<CodePointSet, number>()
  #visits = 0
  readonly #smallSets = new Map<string, CodePointSet>()

  add(step: LinearStep): number {
    this.steps.push(step)
    return this.steps.length - 1
  }

  /** Where to enter `node` so that it goes on at `next`; null where it cannot be built. */
  build(node: PatternNode, next: number): number | null {
    this.#visits += 1
    if (this.steps.length > patternLimits.maxLinearProgram) return null
    if (this.#visits > patternLimits.maxLinearVisits) return null
    switch (node.kind) {
      case 'characters':
        return this.add({ kind: 'characters', set: this.#setNumber(node.set), next })
      case 'assertion':
        return this.add({ kind: 'assertion', assertion: node.assertion, next })
      case 'sequence':
        return node.items.reduceRight<number | null>(
          (entry, item) => (entry === null ? null : this.build(item, entry)),
          next,
        )
      case 'branch': {
        const branches: number[] = []
        for (const option of node.options) {
          const entry = this.build(option, next)
          if (entry === null) return null
          branches.push(entry)
        }
        // NOTE: empty options all lead to `next`, and there may be thousands of them.
        return this.add({ kind: 'split', branches: [...new Set(branches)] })
      }
      case 'repeat':
        return node.mode === 'possessive' ? null : this.#repeat(node.body, node, next)
      case 'capture':
        return this.build(node.body, next)
      case 'look-ahead':
      case 'look-behind':
      case 'atomic':
      case 'back-reference':
      case 'conditional':
        return null
    }
  }

  #repeat(body: PatternNode, { min, max }: { min: number; max: number }, next: number): number | null {
    if (max === 0) return next
    // NOTE: a body of assertions holds once or always; written out, `(?:^){1000000}` would take forever.
    if (widthOf(body, new Map()).max === 0) return min === 0 ? next : this.build(body, next)
    let entry: number | null = next
    let mandatory = min
    if (max === Infinity) {
      const branches = [next]
      const loop = this.add({ kind: 'split', branches })
      const again = this.build(body, loop)
      if (again === null) return null
      branches.push(again)
      entry = min === 0 ? loop : again
      mandatory = Math.max(0, min - 1)
    } else {
      for (let count = min; count < max && entry !== null; count += 1) {
        const optional = this.build(body, entry)
        entry = optional === null ? null : this.add({ kind: 'split', branches: [optional, next] })
      }
    }
    for (let count = 0; count < mandatory && entry !== null; count += 1) {
      entry = this.build(body, entry)
    }
    return entry
  }

  #setNumber(set: CodePointSet): number {
    const shared = this.#shared(set)
    const known = this.sets.get(shared)
    if (known !== undefined) return known
    this.sets.set(shared, this.sets.size)
    return this.sets.size - 1
  }

  /** One object for equal sets, as far as comparing them is cheap; large ones come from few classes. */
  #shared(set: CodePointSet): CodePointSet {
    if (set.ranges.length > maxComparedRanges) return set
    const key = set.ranges.map(({ first, last }) => `${first}-${last}`).join()
    const known = this.#smallSets.get(key)
    if (known !== undefined) return known
    this.#smallSets.set(key, set)
    return set
  }
}

const maxComparedRanges = 8
