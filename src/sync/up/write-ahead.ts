import type { Fingerprint } from '../disk/file-system.ts'
import type { DeviceId, Incarnation } from '../ids.ts'
import { rootItem, type Item } from '../items/item.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Log } from '../log/log.ts'
import type { RacyItems } from './racy-items.ts'
import { removeItem } from './scan-run.ts'
import type { UpParts } from './up-parts.ts'
import { isSameBoot } from './verify-unsettled.ts'

/** What one of the operations of a write makes of the items. */
export interface Ahead {
  /** Which of the operations. */
  readonly index: number
  /** Undefined: a new one. */
  readonly item: number | undefined
  /** Where it is by then, whatever becomes of it. */
  readonly parent: number
  readonly name: string
  /** Of new content, or a new directory. */
  readonly print: Fingerprint | undefined
}

interface Note {
  /** Where each chain of this device ended before the write. */
  readonly ends: Readonly<Record<Incarnation, number>>
  readonly things: readonly Ahead[]
}

const fact = 'write-ahead'

/**
 * What a scan is about to write, noted with the items before the log has it. If the process ends between the two, items
 * are behind what the log says was on this disk; they are brought up to it at the next start, or what its user deleted
 * in the meantime would be taken for something that never came here. Only what is noted counts: other entries of this
 * device may be of things that were not on its disk yet, as those of a restore.
 */
export class WriteAhead {
  readonly #parts: UpParts
  /** Of the run before, with the operations that came to be; found at the start, as the log grows from here on. */
  #left: readonly { readonly thing: Ahead; readonly entry: LogEntry }[]

  constructor(parts: UpParts) {
    this.#parts = parts
    const { items, replica } = parts
    const text = items.fact(fact)
    const note = text === undefined ? undefined : parseNote(text)
    const entries = note === undefined ? [] : writtenAfter(replica.log, replica.deviceId, note.ends)
    this.#left = (note?.things ?? []).flatMap((thing) => {
      const entry = entries[thing.index]
      return entry === undefined ? [] : [{ thing, entry }]
    })
    if (text === undefined || note?.things.length === this.#left.length) return
    // Entries that come from now on are not what was noted.
    if (note === undefined || this.#left.length === 0) items.setFact(fact, undefined)
    else items.setFact(fact, textOf({ ends: note.ends, things: this.#left.map(({ thing }) => thing) }))
    items.commit()
  }

  /** Commits the items as they are now. */
  note(things: readonly Ahead[]): void {
    if (things.length === 0) return
    const { items, replica } = this.#parts
    const ends: Record<Incarnation, number> = {}
    for (const { deviceId, incarnation, seq } of replica.log.branchHeads()) {
      if (deviceId === replica.deviceId) ends[incarnation] = Math.max(seq, ends[incarnation] ?? -1)
    }
    items.setFact(fact, textOf({ ends, things }))
    items.commit()
  }

  /** The items say all that was written. */
  commit(): void {
    const { items } = this.#parts
    if (items.fact(fact) !== undefined) items.setFact(fact, undefined)
    items.commit()
  }

  /** At the start of the first scan, which finds out what became of it since. */
  replay(racy: RacyItems): void {
    const left = this.#left
    if (left.length === 0) return
    this.#left = []
    const { items, chunks } = this.#parts
    // With the power, things go that nobody deleted.
    if (isSameBoot(this.#parts)) for (const { thing, entry } of left) this.#replay(thing, entry, racy)
    chunks.commit()
    racy.store(items)
    this.commit()
  }

  #replay({ item, parent, name, print }: Ahead, entry: LogEntry, racy: RacyItems): void {
    const { items } = this.#parts
    const { operation } = entry
    const at = items.child(parent, name)
    const before = item === undefined ? undefined : items.get(item)
    if (item !== before?.id || items.get(parent)?.kind !== 'directory') return
    if (print !== undefined) {
      if (at?.id === item) this.#bringUp(before, { parent, name, print }, entry, racy)
    } else if (before === undefined || operation === undefined || !('node' in operation)) return
    else if (!before.nodes.includes(operation.node)) return
    else if (operation.type === 'trash') removeItem(this.#parts, before)
    else if (operation.type === 'move' && at === undefined && !this.#isBelow(parent, before)) {
      items.update(before.id, { parent, name, logName: operation.name })
    }
  }

  #isBelow(directory: number, above: Item): boolean {
    if (above.kind !== 'directory') return false
    const { items } = this.#parts
    for (let at = items.get(directory); at !== undefined && at.id !== rootItem; at = items.get(at.parent)) {
      if (at.id === above.id) return true
    }
    return false
  }

  #bringUp(
    before: Item | undefined,
    at: Pick<Item, 'parent' | 'name' | 'print'>,
    { operation, hash }: LogEntry,
    racy: RacyItems,
  ): void {
    const { items, chunks, rows, names } = this.#parts
    const kind = operation === undefined ? undefined : kinds.get(operation.type)
    if (operation === undefined || !('name' in operation) || kind === undefined) return
    if (before !== undefined && (before.kind === 'directory' || kind === 'directory')) return
    const content = kind === 'file' ? rows(hash) : undefined
    // Others could not be given it: the scan reads it, if it is there.
    if (kind === 'file' && content === undefined) return
    const isKnown = before?.nodes.includes(operation.node) === true
    if (!isKnown && operation.name !== names.logName(at.name)) return
    const item = {
      ...at,
      logName: isKnown ? before.logName : operation.name,
      kind,
      nodes: isKnown ? before.nodes : [operation.node],
      version: kind === 'directory' ? undefined : hash,
      state: kind === 'directory' ? ('synced' as const) : ('unsettled' as const),
    }
    const id = before?.id ?? items.add(item).id
    if (before !== undefined) items.update(id, item)
    if (content === undefined) chunks.removeFile(id)
    else {
      chunks.addFile(id, content)
      // It may have been written to once more in the tick in which it was read.
      racy.note(id, at.print.mtimeMs, at.print.mtimeMs)
    }
  }
}

const kinds: ReadonlyMap<string, Item['kind']> = new Map([
  ['put', 'file'],
  ['symlink', 'symlink'],
  ['mkdir', 'directory'],
])

/** The joining of heads and new epochs are written besides what was asked for. */
export function isAsked({ kind, operation }: LogEntry): boolean {
  return kind === 'operation' && operation?.type !== 'merge'
}

/** None if it began a new chain, as after a restored backup: then nobody knows which ones. */
function writtenAfter(log: Log, device: DeviceId, ends: Note['ends']): readonly LogEntry[] {
  const isFirst = Object.keys(ends).length === 0
  const from = ({ incarnation }: LogEntry): number => (ends[incarnation] ?? -1) + 1
  const [grown, ...others] = log
    .branchHeads()
    .filter((head) => head.deviceId === device && head.seq >= from(head))
    .filter(({ incarnation }) => isFirst || incarnation in ends)
  if (grown === undefined || others.length > 0) return []
  return log.chainEntries(grown.branch, from(grown)).filter(isAsked)
}

function textOf({ ends, things }: Note): string {
  return JSON.stringify({
    ends,
    things: things.map(({ index, item, parent, name, print }) => {
      const place = [index, item ?? 0, parent, name]
      if (print === undefined) return place
      const { size, mtimeMs, ctimeMs, birthtimeMs, ino, exec } = print
      return [...place, size, mtimeMs, ctimeMs, birthtimeMs, ino, exec ? 1 : 0]
    }),
  })
}

/** Undefined if it is something else. */
function parseNote(text: string): Note | undefined {
  let note: unknown
  try {
    note = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof note !== 'object' || note === null || !('ends' in note) || !('things' in note)) return undefined
  const { ends, things } = note
  if (typeof ends !== 'object' || ends === null || !Array.isArray(things)) return undefined
  const found = things.flatMap((thing) => thingOf(thing) ?? [])
  return { ends: { ...ends }, things: found }
}

function thingOf(thing: unknown): Ahead | undefined {
  if (!Array.isArray(thing)) return undefined
  const [index, item, parent, name, ...print]: unknown[] = thing
  if (typeof index !== 'number' || typeof item !== 'number') return undefined
  if (typeof parent !== 'number' || typeof name !== 'string') return undefined
  const place = { index, item: item === 0 ? undefined : item, parent, name }
  if (print.length === 0) return { ...place, print: undefined }
  const [size, mtimeMs, ctimeMs, birthtimeMs, ino, exec] = print.map(Number)
  if (size === undefined || mtimeMs === undefined || ctimeMs === undefined) return undefined
  if (birthtimeMs === undefined || ino === undefined || exec === undefined) return undefined
  return { ...place, print: { size, mtimeMs, ctimeMs, birthtimeMs, ino, exec: exec === 1 } }
}
