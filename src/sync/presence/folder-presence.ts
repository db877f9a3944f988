import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import type { Role } from '../format/membership.ts'
import type { DeviceId } from '../ids.ts'
import type { FrameStream, Link } from '../link/link.ts'
import type { Sharing } from '../transfer/sharing.ts'
import { systemTimers, type Timers } from '../transfer/timers.ts'
import { AddressBook, heardFrom } from './address-book.ts'
import { decodeNotes, decodeSince, encodeNotes, type MemberNote } from './member-notes.ts'
import { presenceTimes as times } from './presence-limits.ts'
import type { KnownAddresses, State } from './presence-message.ts'
import { PresenceSession } from './presence-session.ts'
import type { MemberPresence, Presence } from './presence.ts'

export interface FolderPresenceParts {
  readonly clock: Clock
  readonly timers?: Timers
  readonly sharing: Sharing
  /** For good: in its store, and not only on its way to it. */
  keeps(id: Uint8Array): boolean
  /** What is said of this device. */
  own(): Omit<State, 'type' | 'time'>
  roleOf(device: DeviceId): Role | undefined
  /** What was written last; and to write it: durable when the log is. */
  read(): Uint8Array | undefined
  write(notes: Uint8Array): void
  /** Another member says where this one is, which is not linked here. */
  onAddresses(device: DeviceId, addresses: readonly string[]): void
  onStrike(peer: DeviceId, detail: string): void
}

interface Met {
  readonly link: Link
  readonly session: PresenceSession
  said: string
  saidAt: number
  told: string
  toldAt: number
  /** What it told of addresses last, as far as nothing has come of it, and when anything did. */
  heard: readonly KnownAddresses[]
  learnedAt: number
  clockAheadMs: number | undefined
}

/** Presence of one folder: a stream with each linked member, and what is remembered of those that are away. */
export class FolderPresence implements Presence {
  readonly since: number
  readonly #parts: FolderPresenceParts
  readonly #timers: Timers
  readonly #met = new Map<DeviceId, Met>()
  readonly #notes: Map<DeviceId, MemberNote>
  readonly #book: AddressBook
  readonly #barred: BoundedMap<DeviceId, { readonly times: number; readonly until: number }>
  #isWritten: boolean
  #writtenAt = Number.NEGATIVE_INFINITY

  constructor(parts: FolderPresenceParts) {
    this.#parts = parts
    this.#timers = parts.timers ?? systemTimers
    const written = parts.read()
    this.#notes = decodeNotes(written)
    const since = decodeSince(written)
    this.since = since ?? parts.clock.wall()
    this.#isWritten = since !== undefined
    this.#book = new AddressBook(parts.clock)
    const now = (): number => parts.clock.monotonic()
    this.#barred = new BoundedMap({ maxEntries: 256, maxAgeMs: 2 * times.barLastMs, now })
  }

  get members(): ReadonlyMap<DeviceId, MemberPresence> {
    const members = new Map<DeviceId, MemberPresence>()
    for (const [device, note] of this.#notes) {
      const role = this.#parts.roleOf(device)
      if (role === undefined) continue
      const met = this.#met.get(device)
      const heardAt = met === undefined ? note.heardAt : this.#parts.clock.wall()
      const clockAheadMs = met?.clockAheadMs
      const clock = clockAheadMs === undefined ? {} : { clockAheadMs }
      members.set(device, { device, role, ...note, heardAt, ...clock })
    }
    return members
  }

  async holders(
    ids: readonly Uint8Array[],
    deadlineMs: number,
  ): Promise<ReadonlyMap<DeviceId, readonly boolean[]>> {
    const found = new Map<DeviceId, readonly boolean[]>()
    if (ids.length === 0) return found
    const all = Buffer.concat(ids)
    const over = new AbortController()
    this.#timers.after(deadlineMs, () => over.abort())
    await Promise.all(
      [...this.#met].map(async ([device, { session }]) => {
        const holds = await session.holds(all, over.signal)
        if (holds !== undefined) found.set(device, holds)
      }),
    )
    return found
  }

  hasSession(device: DeviceId): boolean {
    return this.#met.has(device)
  }

  /** Not of who broke the rules, for a while. */
  takes(device: DeviceId): boolean {
    return (this.#barred.get(device)?.until ?? 0) <= this.#parts.clock.monotonic()
  }

  /** Uses this stream, which either end has opened. */
  begin(link: Link, stream: FrameStream): void {
    this.#met.get(link.peer)?.session.close('another stream takes its place')
    this.#book.met(link)
    const { clock, sharing } = this.#parts
    const session = new PresenceSession(stream, {
      clock,
      timers: this.#timers,
      sharing,
      roundTripMs: () => link.roundTripMs,
      keeps: (id) => this.#parts.keeps(id),
      onState: (from, state) => this.#heard(from, state),
      onAddresses: (from, known) => {
        const told = this.#met.get(from.peer)
        if (told?.session === from) told.heard = heardFrom(told.link, known)
      },
      onStrike: (peer, detail) => this.#struck(peer, detail),
      onClosed: (closed) => this.#closed(closed),
    })
    const never = Number.NEGATIVE_INFINITY
    const met = {
      link,
      session,
      said: '',
      saidAt: never,
      told: '',
      toldAt: never,
      heard: [],
      learnedAt: never,
      clockAheadMs: undefined,
    }
    this.#met.set(link.peer, met)
    this.tick()
  }

  drop(device: DeviceId, reason: string): void {
    this.#met.get(device)?.session.close(reason)
  }

  /** Once a second: says what has changed. */
  tick(): void {
    if (this.#met.size === 0) return
    const now = this.#parts.clock.monotonic()
    this.#say(now)
    this.#tell(now)
    this.#learn(now)
    if (now - this.#writtenAt >= (this.#isWritten ? times.writtenMs : times.stateMs)) this.#write(now)
  }

  /** What is known so far is written down. */
  close(): void {
    for (const { session } of this.#met.values()) session.close('the folder is closed')
    this.#write(this.#parts.clock.monotonic())
  }

  #say(now: number): void {
    const due = [...this.#met.values()].filter(({ saidAt }) => now - saidAt >= times.stateMs)
    if (due.length === 0) return
    const own = this.#parts.own()
    const text = JSON.stringify(own)
    const time = Math.max(0, Math.floor(this.#parts.clock.wall()))
    for (const met of due) {
      if (met.said === text) continue
      met.said = text
      met.saidAt = now
      met.session.send({ type: 'state', ...own, time })
    }
  }

  #tell(now: number): void {
    for (const met of this.#met.values()) {
      if (now - met.toldAt < times.addressesMs) continue
      const isMember = (device: DeviceId): boolean => this.#parts.roleOf(device) !== undefined
      const known = this.#book.toldTo(met.link, isMember)
      const text = textOf(known)
      if (met.told === text) continue
      if (met.told === '' && known.length === 0) continue
      met.told = text
      met.toldAt = now
      met.session.send({ type: 'addresses', known })
    }
  }

  #heard(session: PresenceSession, { keep, isComplete, chunkBytes, time }: State): void {
    const { peer } = session
    const met = this.#met.get(peer)
    if (met?.session === session) met.clockAheadMs = time - this.#parts.clock.wall()
    const before = this.#notes.get(peer)
    this.#notes.set(peer, { keep, isComplete, chunkBytes, heardAt: this.#parts.clock.wall() })
    if (before?.keep !== keep) this.#isWritten = false
  }

  /** Only of members; who is none yet may be one as soon as the log has grown. */
  #learn(now: number): void {
    for (const met of this.#met.values()) {
      if (met.heard.length === 0 || now - met.learnedAt < times.addressesMs / 2) continue
      const members = met.heard.filter(({ device }) => this.#parts.roleOf(device) !== undefined)
      if (members.length === 0) continue
      met.learnedAt = now
      met.heard = met.heard.filter((known) => !members.includes(known))
      for (const { device, addresses } of members) {
        if (!this.#met.has(device)) this.#parts.onAddresses(device, addresses)
      }
    }
  }

  #struck(peer: DeviceId, detail: string): void {
    const count = this.#barred.get(peer)?.times ?? 0
    const until = this.#parts.clock.monotonic() + Math.min(times.barLastMs, times.barFirstMs * 2 ** count)
    this.#barred.set(peer, { times: Math.min(16, count + 1), until })
    this.#parts.onStrike(peer, detail)
  }

  #closed(session: PresenceSession): void {
    const met = this.#met.get(session.peer)
    if (met?.session !== session) return
    this.#met.delete(session.peer)
    const note = this.#notes.get(session.peer)
    if (note === undefined) return
    this.#notes.set(session.peer, { ...note, heardAt: this.#parts.clock.wall() })
    this.#isWritten = false
  }

  #write(now: number): void {
    for (const device of this.#met.keys()) {
      const note = this.#notes.get(device)
      if (note !== undefined) this.#notes.set(device, { ...note, heardAt: this.#parts.clock.wall() })
    }
    for (const device of this.#notes.keys()) {
      if (this.#parts.roleOf(device) === undefined && !this.#met.has(device)) this.#notes.delete(device)
    }
    this.#isWritten = true
    this.#writtenAt = now
    this.#parts.write(encodeNotes(this.#notes, this.since))
  }
}

/** The same for the same addresses, whatever their age. */
function textOf(known: readonly KnownAddresses[]): string {
  const lines = known.map(({ device, addresses }) => `${device} ${addresses.join(' ')}`)
  return lines.toSorted().join('\n')
}
