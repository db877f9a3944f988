/** The time in the story: a made-up morning, so that offline hours pass in an instant and the output reads the same every time. */
export class StoryClock {
  #now: number

  /** Nine o'clock (UTC) of the day that `today` is in. */
  constructor(today: number) {
    this.#now = new Date(today).setUTCHours(9, 0, 0, 0)
  }

  get now(): number {
    return this.#now
  }

  pass(minutes: number): void {
    this.#now += minutes * 60_000
  }
}

/** `09:05` */
export function clockText(ms: number): string {
  return new Date(ms).toISOString().slice(11, 16)
}
