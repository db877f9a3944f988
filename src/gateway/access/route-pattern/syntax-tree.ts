/**
 * The syntax tree of a route pattern. Flags are gone: the parser resolves ignore-case, dot-all, multi-line,
 * ASCII and verbose into plain sets and assertions, so that both engines mean the same by the same tree.
 */
import type { CaseRule } from './case-folding.ts'
import type { CodePointSet } from './code-point-set.ts'

export type RepeatMode = 'greedy' | 'lazy' | 'possessive'

export type Assertion =
  | { readonly at: 'text-start' }
  | { readonly at: 'line-start' }
  /** `\Z` */
  | { readonly at: 'text-end' }
  /** `$`: at the end, or before a newline that ends the text. */
  | { readonly at: 'text-end-or-last-newline' }
  | { readonly at: 'line-end' }
  | { readonly at: 'word-boundary'; readonly negated: boolean; readonly alphabet: 'unicode' | 'ascii' }

export type PatternNode =
  | { readonly kind: 'characters'; readonly set: CodePointSet }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  /** Empty: matches the empty text. */
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'branch'; readonly options: readonly PatternNode[] }
  | {
      readonly kind: 'repeat'
      readonly body: PatternNode
      readonly min: number
      /** Infinity without an upper limit. */
      readonly max: number
      readonly mode: RepeatMode
    }
  | { readonly kind: 'capture'; readonly group: number; readonly body: PatternNode }
  | { readonly kind: 'look-ahead'; readonly negated: boolean; readonly body: PatternNode }
  | {
      readonly kind: 'look-behind'
      readonly negated: boolean
      readonly body: PatternNode
      /** In code points. */
      readonly width: number
    }
  | { readonly kind: 'atomic'; readonly body: PatternNode }
  | { readonly kind: 'back-reference'; readonly group: number; readonly caseRule: CaseRule }
  | {
      readonly kind: 'conditional'
      readonly group: number
      readonly whenSet: PatternNode
      readonly whenUnset: PatternNode
    }

export interface ParsedPattern {
  readonly root: PatternNode
  /** Capturing groups, numbered from 1. */
  readonly groupCount: number
}

export const emptyNode: PatternNode = { kind: 'sequence', items: [] }

/** How many code points a node can match. */
export interface Width {
  readonly min: number
  readonly max: number
}

/** `groupWidths` has the width of every group that a back-reference in the node may name. */
export function widthOf(node: PatternNode, groupWidths: ReadonlyMap<number, Width>): Width {
  switch (node.kind) {
    case 'characters':
      return { min: 1, max: 1 }
    case 'assertion':
    case 'look-ahead':
    case 'look-behind':
      return zeroWidth
    case 'sequence':
      return node.items.reduce<Width>((sum, item) => {
        const width = widthOf(item, groupWidths)
        return { min: sum.min + width.min, max: sum.max + width.max }
      }, zeroWidth)
    case 'branch':
      return either(node.options.map((option) => widthOf(option, groupWidths)))
    case 'repeat': {
      const { min, max } = widthOf(node.body, groupWidths)
      // NOTE: 0 times Infinity is NaN, and means an empty match.
      return { min: min * node.min, max: max === 0 || node.max === 0 ? 0 : max * node.max }
    }
    case 'capture':
    case 'atomic':
      return widthOf(node.body, groupWidths)
    case 'back-reference':
      return groupWidths.get(node.group) ?? { min: 0, max: Infinity }
    case 'conditional':
      return either([widthOf(node.whenSet, groupWidths), widthOf(node.whenUnset, groupWidths)])
  }
}

const zeroWidth: Width = { min: 0, max: 0 }

function either(widths: readonly Width[]): Width {
  return {
    min: Math.min(...widths.map((each) => each.min)),
    max: Math.max(...widths.map((each) => each.max)),
  }
}
