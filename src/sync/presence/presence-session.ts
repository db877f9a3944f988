import type { Clock } from '../../base/clock.ts'
import { FormatError } from '../format/format-error.ts'
import { hashLength, type DeviceId } from '../ids.ts'
import type { FrameHandler, FrameStream } from '../link/link.ts'
import type { NeighbourWire } from '../transfer/neighbour.ts'
import type { Sharing } from '../transfer/sharing.ts'
import type { Timers } from '../transfer/timers.ts'
import { HoldsDesk } from './holds-desk.ts'
import { presenceLimits as limits } from './presence-limits.ts'
import { decodePresence, encodePresence } from './presence-message-codec.ts'
import type { KnownAddresses, PresenceMessage, State } from './presence-message.ts'

export interface SessionParts {
  readonly clock: Clock
  readonly timers: Timers
  readonly sharing: Sharing
  readonly roundTripMs: () => number | undefined
  keeps(id: Uint8Array): boolean
  onState(session: PresenceSession, state: State): void
  onAddresses(session: PresenceSession, known: readonly KnownAddresses[]): void
  /** It breaks the rules; the stream is closed by then. */
  onStrike(peer: DeviceId, detail: string): void
  onClosed(session: PresenceSession): void
}

/** One stream of presence: what the other end says, and what is said to it. */
export class PresenceSession implements FrameHandler, NeighbourWire {
  readonly peer: DeviceId
  readonly #stream: FrameStream
  readonly #parts: SessionParts
  readonly #desk: HoldsDesk
  readonly #asked = new Map<
    number,
    { readonly ids: number; settle(holds: readonly boolean[] | undefined): void }
  >()
  #number = 0
  #messages: Allowance
  #ids: Allowance
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #isBlocked = false
  #isClosed = false

  constructor(stream: FrameStream, parts: SessionParts) {
    this.peer = stream.peer
    this.#stream = stream
    this.#parts = parts
    const now = (): number => parts.clock.monotonic()
    this.#messages = new Allowance(limits.messages, now)
    this.#ids = new Allowance(limits.idsLooked, now)
    this.#desk = new HoldsDesk({
      timers: parts.timers,
      keeps: (id) => parts.keeps(id),
      answer: (number, bits) => this.send({ type: 'holds', number, bits }),
    })
    stream.setHandler(this)
    parts.sharing.join(this.peer, this, parts.roundTripMs)
  }

  send(message: PresenceMessage): void {
    if (this.#isClosed) return
    const head = encodePresence(message)
    if (!this.#isBlocked) {
      this.#isBlocked = !this.#stream.send(head)
      return
    }
    this.#queue.push(head)
    this.#queuedBytes += head.length
    if (this.#queuedBytes > limits.queuedBytes) this.close('nobody reads')
  }

  claim(number: number, ids: Uint8Array): void {
    this.send({ type: 'claim', number, ids })
  }

  answer(number: number, verdicts: Uint8Array): void {
    this.send({ type: 'answer', number, verdicts })
  }

  got(ids: Uint8Array): void {
    this.send({ type: 'got', ids })
  }

  release(ids: Uint8Array): void {
    this.send({ type: 'release', ids })
  }

  /** Undefined if no answer comes: the stream has ended, or it is asked for too much already. */
  async holds(ids: Uint8Array, signal: AbortSignal): Promise<readonly boolean[] | undefined> {
    if (this.#isClosed || signal.aborted || this.#asked.size >= limits.openQuestions) return undefined
    const number = this.#number++
    const { promise, resolve } = Promise.withResolvers<readonly boolean[] | undefined>()
    // NOTE: what is given up stays counted until its answer comes, or the other end would be asked for too much.
    const abort = (): void => resolve(undefined)
    signal.addEventListener('abort', abort, { once: true })
    this.#asked.set(number, { ids: ids.length / hashLength, settle: resolve })
    this.send({ type: 'ask-holds', number, ids })
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  onFrame(head: Uint8Array): void {
    if (this.#isClosed) return
    let fault: string | undefined
    try {
      fault = this.#messages.take(1) ? this.#take(decodePresence(head)) : 'too many messages'
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      fault = error.message
    }
    if (fault === undefined) return
    this.close(`refused: ${fault}`)
    this.#parts.onStrike(this.peer, fault)
  }

  onDrain(): void {
    this.#isBlocked = false
    while (!this.#isBlocked && this.#queue.length > 0 && !this.#isClosed) {
      const head = this.#queue.shift() ?? new Uint8Array(0)
      this.#queuedBytes -= head.length
      this.#isBlocked = !this.#stream.send(head)
    }
  }

  onClose(): void {
    this.#end()
  }

  close(reason: string): void {
    if (this.#isClosed) return
    this.#end()
    this.#stream.close(reason.slice(0, 200))
  }

  #end(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#queue = []
    this.#desk.close()
    for (const asked of this.#asked.values()) asked.settle(undefined)
    this.#asked.clear()
    this.#parts.sharing.leave(this.peer)
    this.#parts.onClosed(this)
  }

  /** The reason if it breaks the rules. */
  #take(message: PresenceMessage): string | undefined {
    const { sharing } = this.#parts
    if ('ids' in message && !this.#ids.take(message.ids.length / hashLength)) return 'too many chunk ids'
    switch (message.type) {
      case 'state':
        this.#parts.onState(this, message)
        return undefined
      case 'addresses':
        this.#parts.onAddresses(this, message.known)
        return undefined
      case 'ask-holds':
        return this.#desk.ask(message.number, message.ids)
      case 'holds':
        return this.#held(message.number, message.bits)
      case 'claim':
        sharing.claimed(this.peer, message.number, message.ids)
        return undefined
      case 'answer':
        return sharing.answered(this.peer, message.number, message.verdicts)
      case 'got':
        sharing.told(this.peer, message.ids)
        return undefined
      case 'release':
        sharing.released(this.peer, message.ids)
        return undefined
    }
  }

  #held(number: number, bits: Uint8Array): string | undefined {
    const asked = this.#asked.get(number)
    if (asked === undefined) return 'an answer that was not asked for'
    if (bits.length !== Math.ceil(asked.ids / 8)) return 'an answer to another question'
    this.#asked.delete(number)
    const holds: boolean[] = []
    for (let index = 0; index < asked.ids; index++) {
      holds.push((((bits[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1)
    }
    asked.settle(holds)
    return undefined
  }
}

/** So many at once, and as many again in each second. */
class Allowance {
  readonly #most: number
  readonly #now: () => number
  #left: number
  #at: number

  constructor(most: number, now: () => number) {
    this.#most = most
    this.#now = now
    this.#left = most
    this.#at = now()
  }

  take(count: number): boolean {
    const now = this.#now()
    this.#left = Math.min(this.#most, this.#left + ((now - this.#at) / 1000) * this.#most)
    this.#at = now
    if (this.#left < count) return false
    this.#left -= count
    return true
  }
}
