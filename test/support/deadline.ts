/**
 * One deadline for a whole exchange of a test: every wait takes what is left of it, and a missed one says
 * what was waited for. Nothing in test/support waits without one.
 */
export class WaitTimeout extends Error {
  override readonly name = 'WaitTimeout'
}

export interface Deadline {
  readonly what: string
  readonly endsAt: number
}

export function deadlineIn(timeoutMs: number, what: string): Deadline {
  return { what, endsAt: performance.now() + timeoutMs }
}

export function remainingMs(deadline: Deadline): number {
  return Math.max(0, deadline.endsAt - performance.now())
}

/** Settles like `work`, or rejects with `WaitTimeout` when the deadline passes first. */
export async function within<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new WaitTimeout(`deadline passed: ${deadline.what}`)),
      remainingMs(deadline),
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Real time passing is the subject of some rows (lifetimes, windows, idle timeouts); nothing else may call this. */
export async function elapse(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, ms)
  })
}

/** Asks `probe` again and again until it gives something else than undefined. */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  options: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const deadline = deadlineIn(options.timeoutMs ?? 5_000, what)
  for (;;) {
    const found = await probe()
    if (found !== undefined) return found
    if (remainingMs(deadline) === 0) throw new WaitTimeout(`deadline passed: ${what}`)
    await elapse(options.everyMs ?? 20)
  }
}
