/** An invariant that did not hold, by the name that the design gives it. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly invariant: string

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`)
    this.invariant = invariant
  }
}

export function demand(holds: boolean, invariant: string, detail: () => string): asserts holds {
  if (!holds) throw new Violation(invariant, detail())
}
