import { chunkIdLength } from '../content/content.ts'
import type { DeviceId } from '../ids.ts'
import type { AskedWants, ChunkPeer } from './chunk-peer.ts'
import type { Claim, Neighbour } from './neighbour.ts'

/** Somebody who needs chunks: one object for many of them. */
export interface ChunkTaker {
  /**
   * A chunk came. Nobody has checked it: `bad` if the bytes are not what the id says, and then it comes from another
   * device; `ok` for everything else, also if they are of no use. A promise holds memory of the fetcher until it is
   * settled, and so the speed of all. `sealed` is the taker's, and may be handed to a thread if it fills its buffer;
   * else it shares that with chunks of others.
   */
  take(id: Uint8Array, sealed: Uint8Array, peer: DeviceId): Promise<'ok' | 'bad'> | 'ok' | 'bad'
}

export type WantState =
  /** Nobody was asked yet, or somebody else has to be. */
  | 'queued'
  /** None of those who are connected has it; asked again later. */
  | 'parked'
  /** A neighbour fetches it, or is asked whether it does; or it is asked again of one in a moment. */
  | 'held'
  | 'asked'
  /** The takers have it and have not said what it is. */
  | 'settling'
  | 'done'

/** What is known of one device and one chunk. */
export interface PeerNote {
  readonly peer: ChunkPeer
  /** It did not have it: not asked again before. */
  until: number
  delayMs: number
  /** The chunk stands in the device's own queue. */
  isListed: boolean
  /** It said that it has it, and how often it had not. */
  told: number
}

/** Who of the devices nearby fetches a chunk from far. */
export interface Share {
  state: 'claiming' | 'ours' | 'theirs'
  /** `claiming`. */
  readonly claim: Claim | undefined
  /** `theirs`. */
  readonly by: Neighbour | undefined
  readonly at: number
  /** Ours, and waits for a device that is far. */
  isReady: boolean
}

/** One chunk that somebody needs, however many they are. */
export class ChunkWant {
  /** Begins with the id, one character for each byte: there may be very many of these, so it is not kept twice. */
  readonly key: string
  readonly sealedLength: number
  /** Those that it has to be handed to yet. */
  takers: ChunkTaker[]
  state: WantState = 'queued'
  /** While it is asked for. */
  request: AskedWants | undefined
  /** Undefined as long as nobody refused it. */
  notes: PeerNote[] | undefined
  /** The last that is known is that nobody connected has it. */
  isMissing = false
  /** While it is parked: when it is asked for again. */
  parkedUntil = 0
  /** Takers that have not said what it is; and those that said it is bad. */
  settling = 0
  bad: ChunkTaker[] | undefined
  share: Share | undefined
  /** Neighbours were told that this device fetches it. */
  wasClaimed = false
  /** How often it was left to a neighbour in vain. */
  returns = 0

  constructor(key: string, sealedLength: number, taker: ChunkTaker) {
    this.key = key
    this.sealedLength = sealedLength
    this.takers = [taker]
  }

  get id(): Uint8Array {
    const id = new Uint8Array(chunkIdLength)
    this.writeId(id, 0)
    return id
  }

  writeId(into: Uint8Array, offset: number): void {
    for (let index = 0; index < chunkIdLength; index++) into[offset + index] = this.key.charCodeAt(index)
  }

  /** The first 32 bits of the id. */
  get number(): number {
    const { key } = this
    const high = (key.charCodeAt(0) << 8) | key.charCodeAt(1)
    return high * 0x1_0000 + ((key.charCodeAt(2) << 8) | key.charCodeAt(3))
  }

  noteOf(peer: ChunkPeer): PeerNote | undefined {
    if (this.notes === undefined) return undefined
    for (const note of this.notes) if (note.peer === peer) return note
    return undefined
  }

  makeNote(peer: ChunkPeer): PeerNote {
    const note = { peer, until: 0, delayMs: 0, isListed: false, told: 0 }
    this.notes ??= []
    this.notes.push(note)
    return note
  }
}

/** 32 bytes each, one after the other. */
export function idsOf(wants: readonly ChunkWant[]): Uint8Array {
  const ids = new Uint8Array(wants.length * chunkIdLength)
  for (const [index, want] of wants.entries()) want.writeId(ids, index * chunkIdLength)
  return ids
}

/** First in, first out. What is no longer queued is passed over, or swept out when there is too much of it. */
export class WantQueue {
  readonly #peer: ChunkPeer | undefined
  #wants: ChunkWant[] = []
  #head = 0

  /** Of one device, or of all. */
  constructor(peer?: ChunkPeer) {
    this.#peer = peer
  }

  push(want: ChunkWant): void {
    this.#wants.push(want)
  }

  first(): ChunkWant | undefined {
    for (;;) {
      const want = this.#wants[this.#head]
      if (want === undefined || want.state === 'queued') return want
      this.shift()
    }
  }

  shift(): ChunkWant | undefined {
    const want = this.#wants[this.#head]
    if (want === undefined) return undefined
    this.#left(want)
    this.#head++
    if (this.#head > 1_024 && this.#head * 2 > this.#wants.length) {
      this.#wants = this.#wants.slice(this.#head)
      this.#head = 0
    }
    return want
  }

  take(): ChunkWant | undefined {
    return this.first() === undefined ? undefined : this.shift()
  }

  sweep(): void {
    const wants = this.#wants.slice(this.#head)
    this.#head = 0
    this.#wants = wants.filter((want) => {
      if (want.state === 'queued') return true
      this.#left(want)
      return false
    })
  }

  #left(want: ChunkWant): void {
    const note = this.#peer === undefined ? undefined : want.noteOf(this.#peer)
    if (note !== undefined) note.isListed = false
  }
}
