/** Times to recover, collected while a suite runs and printed as one table at its end. */
export class RecoveryTable {
  readonly #title: string
  readonly #rows = new Map<string, number[]>()

  constructor(title: string) {
    this.#title = title
  }

  add(what: string, ms: number): void {
    const row = this.#rows.get(what) ?? []
    row.push(ms)
    this.#rows.set(what, row)
  }

  print(): void {
    const width = Math.max(...[...this.#rows.keys()].map((each) => each.length), this.#title.length)
    const lines = [...this.#rows].map(([what, times]) => {
      const sorted = times.toSorted((one, other) => one - other)
      const [median, most] = [sorted[sorted.length >> 1] ?? 0, sorted.at(-1) ?? 0]
      return `${what.padEnd(width)}  ${seconds(median)}  ${seconds(most)}  ${String(times.length).padStart(5)}`
    })
    console.log([`${this.#title.padEnd(width)}   median     most  times`, ...lines].join('\n'))
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`.padStart(7)
}
