/** The numbers of 64 branches stand together. */
const pageBits = 6
const inPage = (1 << pageBits) - 1
type Page = readonly number[]

/**
 * What an author had seen, per branch of the log: the highest sequence number plus one, 0 for nothing. Shorter than the
 * list of branches when the rest is unseen. Entries that follow each other without parents share one clock, which is
 * why an entry's own branch is judged by its own number and never read from its clock. In pages, which a clock shares
 * with those that it was joined from: a device that opens thousands of chains would fill our memory otherwise.
 */
export type CausalClock = readonly Page[]

export const emptyClock: CausalClock = Object.freeze([])
const emptyPage: Page = Object.freeze([])

/** Where an entry stands: branches are linear, so this and a clock decide causality. */
export interface Place {
  readonly branch: number
  readonly seq: number
}

/** An entry, or a joint past of several (`joinedView`), from which others are or are not seen. */
export interface Viewpoint extends Place {
  readonly clock: CausalClock
}

/** Whether `earlier` is `later` itself or in its causal past. */
export function observes(later: Viewpoint, earlier: Place): boolean {
  if (later.branch === earlier.branch) return earlier.seq <= later.seq
  return covered(later.clock, earlier)
}

export function covered(clock: CausalClock, { branch, seq }: Place): boolean {
  return (clock[branch >> pageBits]?.[branch & inPage] ?? 0) > seq
}

/** The joint past of the views, each of them included. */
export function joinClocks(views: readonly Viewpoint[]): CausalClock {
  const joined: Page[] = []
  for (const { clock } of views) {
    for (let index = 0; index < clock.length; index++) {
      joined[index] = joinPages(joined[index] ?? emptyPage, clock[index] ?? emptyPage)
    }
  }
  for (const { branch, seq } of views) if (branch >= 0) raise(joined, branch, seq + 1)
  return joined
}

/** A joint past as a viewpoint of its own, which stands in no branch. */
export function joinedView(views: readonly Viewpoint[]): Viewpoint {
  const only = views.length === 1 ? views[0] : undefined
  return only ?? { branch: -1, seq: -1, clock: joinClocks(views) }
}

/** One of the two, if it holds all that the other does. */
function joinPages(left: Page, right: Page): Page {
  if (left === right || right.length === 0) return left
  const joined: number[] = []
  let isLeft = left.length >= right.length
  let isRight = right.length >= left.length
  for (let index = 0; index < left.length || index < right.length; index++) {
    const one = left[index] ?? 0
    const other = right[index] ?? 0
    if (one < other) isLeft = false
    else if (other < one) isRight = false
    joined.push(one < other ? other : one)
  }
  if (isLeft) return left
  return isRight ? right : joined
}

/** Written without holes, which would make the arrays slow for good. */
function raise(joined: Page[], branch: number, to: number): void {
  const number = branch >> pageBits
  while (joined.length <= number) joined.push(emptyPage)
  const page = joined[number] ?? emptyPage
  const at = branch & inPage
  if ((page[at] ?? 0) >= to) return
  const raised = page.slice()
  while (raised.length <= at) raised.push(0)
  raised[at] = to
  joined[number] = raised
}
