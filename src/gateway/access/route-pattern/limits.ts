/**
 * What a route pattern and one match may cost. A pattern beyond the first two is refused for every path; a
 * match that would cost more answers `budget`. The figures keep the slowest answer at some milliseconds.
 */
export const patternLimits = {
  /** Code points of a pattern. */
  maxPatternLength: 4_096,
  /** Groups inside groups; bounds every recursion over the syntax tree. */
  maxNesting: 100,
  /** Python's own limit for the numbers in `{m,n}`, exclusive. */
  repeatCountBound: 4_294_967_295,
  /** Steps of a linear program after `{m,n}` is written out; a larger pattern goes to the bounded engine. */
  maxLinearProgram: 1_000,
  /** Nodes visited to write that program, counting every repetition. */
  maxLinearVisits: 10_000,
  /** Character classes that a linear program tells apart; a pattern with more goes to the bounded engine. */
  maxSymbols: 250,
  /** Transitions that one pattern keeps between matches (2 bytes each). */
  maxKeptTransitions: 16_384,
  /** Program steps in all kept states together (2 bytes each). */
  maxKeptSteps: 16_384,
  /** Program steps that one match may visit outside the kept transitions. */
  maxLinearWork: 2_000_000,
  /** Steps of the bounded engine in one match. */
  maxBoundedSteps: 400_000,
} as const
