/** Whether a pattern matches at the start of a text; `budget` where finding out would take too long: refuse. */
export type MatchAnswer = 'match' | 'no-match' | 'budget'

/**
 * What all matches for one decision may still cost together, in steps of the bounded engine; each match takes
 * from it what it used.
 */
export interface MatchAllowance {
  stepsLeft: number
}
