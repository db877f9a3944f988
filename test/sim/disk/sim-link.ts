import { HarpError } from '../../../src/base/errors.ts'
import type { FrameStream, Link, StreamTopic } from '../../../src/sync/link/link.ts'
import { framePair, type FrameEnd } from '../../sync/support/frame-pair.ts'
import type { DiskDevice } from './disk-device.ts'
import type { SimTime } from './sim-time.ts'

export interface LineQuality {
  readonly delayMs: () => number
  readonly bytesPerSecond: number
  /** As measured. */
  readonly roundTripMs?: number
  /** Both ends know streams of the type `presence`. */
  readonly hasPresence?: boolean
  /** Sees all that goes over it. */
  readonly onFrame?: (topic: StreamTopic, head: Uint8Array, payload: Uint8Array | undefined) => void
}

/** A connection of two devices, in memory: streams with delays of their own, all lost when it is cut. */
export class SimLine {
  readonly ends: readonly [SimLink, SimLink]
  isCut = false
  readonly #streams = new Set<FrameEnd>()
  readonly #time: SimTime
  readonly #quality: LineQuality

  constructor(time: SimTime, devices: readonly [DiskDevice, DiskDevice], quality: LineQuality) {
    this.#time = time
    this.#quality = quality
    const [dialler, listener] = devices
    const one = new SimLink(this, [dialler, listener], quality, true)
    this.ends = [one, new SimLink(this, [listener, dialler], quality, false)]
    for (const end of this.ends) end.device.inProcess((folder) => folder.peers.linked(end))
  }

  /** Frames that one end may have under way, at most. */
  get mostHeld(): number {
    let most = 0
    for (const { mostHeld } of this.#streams) most = Math.max(most, mostHeld)
    return most
  }

  open(from: SimLink, topic: StreamTopic): FrameStream {
    if (this.isCut) throw new HarpError('LINK_CLOSED', 'the link is closed')
    const to = this.#other(from)
    const [opener, acceptor] = framePair({
      opener: from.device.id,
      acceptor: to.device.id,
      topic,
      time: this.#time,
      delayMs: this.#quality.delayMs,
      bytesPerSecond: this.#quality.bytesPerSecond,
    })
    this.#streams.add(opener).add(acceptor)
    this.#listenTo(opener)
    this.#listenTo(acceptor)
    this.#time.after(this.#quality.delayMs(), () => {
      if (this.isCut) return
      const verdict = to.device.inProcess((folder) => folder.peers.accept(to, acceptor)) ?? 'not there'
      if (verdict !== 'accept') acceptor.close(verdict)
    })
    return opener
  }

  poke(from: SimLink): void {
    const to = this.#other(from)
    this.#time.after(this.#quality.delayMs(), () => {
      if (!this.isCut) to.device.inProcess((folder) => folder.peers.poked(to))
    })
  }

  cut(reason = 'cut'): void {
    if (this.isCut) return
    this.isCut = true
    for (const stream of this.#streams) stream.cut(reason)
    for (const end of this.ends) {
      this.#time.after(0, () => end.device.inProcess((folder) => folder.peers.unlinked(end)))
    }
  }

  #listenTo(end: FrameEnd): void {
    const { onFrame } = this.#quality
    if (onFrame === undefined) return
    const send = end.send.bind(end)
    end.send = (head, payload) => {
      onFrame(end.topic, head, payload)
      return send(head, payload)
    }
  }

  #other(end: SimLink): SimLink {
    return end === this.ends[0] ? this.ends[1] : this.ends[0]
  }
}

export class SimLink implements Link {
  readonly device: DiskDevice
  readonly peer: string
  readonly peerName: string
  readonly peerInstance = '0'.repeat(32)
  readonly address = 'memory:1'
  readonly peerListens = []
  readonly isDialled: boolean
  readonly roundTripMs: number
  readonly hasPresence: boolean
  readonly bytesIn = 0
  readonly bytesOut = 0
  readonly #line: SimLine

  constructor(
    line: SimLine,
    [device, peer]: readonly [DiskDevice, DiskDevice],
    { roundTripMs = 20, hasPresence = false }: LineQuality,
    isDialled: boolean,
  ) {
    this.#line = line
    this.roundTripMs = roundTripMs
    this.hasPresence = hasPresence
    this.device = device
    this.peer = peer.id
    this.peerName = peer.name
    this.isDialled = isDialled
  }

  open(topic: StreamTopic): FrameStream {
    return this.#line.open(this, topic)
  }

  poke(): void {
    this.#line.poke(this)
  }

  close(reason: string): void {
    this.#line.cut(reason)
  }
}
