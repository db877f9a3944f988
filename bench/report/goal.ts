/** What is to be reached. Reported, not enforced. */
export interface Goal {
  readonly text: string
  readonly value: number
  readonly limit: string
  readonly isReached: boolean
}

/** Collects the goals whose workloads were measured. */
export class Goals {
  readonly all: Goal[] = []

  add(text: string, value: number | undefined, bound: 'at most' | 'at least', limit: number): void {
    if (value === undefined) return
    const isReached = bound === 'at most' ? value <= limit : value >= limit
    this.all.push({ text, value, limit: `${bound} ${limit}`, isReached })
  }
}
