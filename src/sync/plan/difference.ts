import type { Item } from '../items/item.ts'
import type { Timestamp } from '../format/operation.ts'
import type { AttributeChange } from './disk-steps.ts'
import type { ShownContent, ShownThing } from './down-parts.ts'
import { fits, sameNodes } from './in-view.ts'

/** What of a directory is not as the view shows it. */
export interface Difference {
  /** In the order of the listing. */
  readonly unsettled: ShownThing[]
  /** Directories that are in their places. */
  readonly settled: Item[]
  /** Items that stand for nothing that is shown there under their names. */
  readonly extras: Item[]
}

/** Pure: `shown` and `items` are of one directory, `localName` says what shown names are called on this disk. */
export function compareDirectory(
  shown: readonly ShownThing[],
  items: readonly Item[],
  localName: (name: string) => string,
): Difference {
  const byName = new Map<string, Item>()
  for (const item of items) byName.set(item.name, item)
  const unsettled: ShownThing[] = []
  const settled: Item[] = []
  for (const thing of shown) {
    const name = localName(thing.name)
    const item = byName.get(name)
    if (item === undefined || !fits(item, thing)) {
      unsettled.push(thing)
      continue
    }
    byName.delete(name)
    if (!isSettled(item, thing)) unsettled.push(thing)
    else if (item.kind === 'directory') settled.push(item)
  }
  return { unsettled, settled, extras: [...byName.values()] }
}

/** Of an item in its place: whether nothing is to be done for it. */
export function isSettled(item: Item, thing: ShownThing): boolean {
  if (item.logName !== thing.name || !sameNodes(item.nodes, thing.nodes)) return false
  if (thing.kind === 'directory') return item.state !== 'leftover'
  return item.version === thing.current.entry.hash && attributeChange(item, thing) === undefined
}

export function attributeChange(item: Item, thing: ShownContent): AttributeChange | undefined {
  const { mtime } = thing
  const wantedMs = mtime === undefined ? undefined : millisecondsOf(mtime)
  const mtimeMs = wantedMs === undefined || isSameTime(item.print.mtimeMs, wantedMs) ? undefined : wantedMs
  const exec = item.kind !== 'file' || item.print.exec === thing.exec ? undefined : thing.exec
  return mtimeMs === undefined && exec === undefined ? undefined : { mtimeMs, exec }
}

export function millisecondsOf({ seconds, nanos }: Timestamp): number {
  return seconds * 1000 + nanos / 1e6
}

/** To the microsecond: nothing that we read or set times with is more precise. */
export function isSameTime(left: number, right: number): boolean {
  return Math.abs(left - right) < 0.0015
}
