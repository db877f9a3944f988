/** Devices of one office that want the same, and one far away that has it: in memory, in virtual time. */
import { silentLogger } from '../../../src/base/logger.ts'
import { toHex, type DeviceId } from '../../../src/sync/ids.ts'
import type { FrameStream, Link } from '../../../src/sync/link/link.ts'
import { FolderPresence } from '../../../src/sync/presence/folder-presence.ts'
import { decodePresence, encodePresence } from '../../../src/sync/presence/presence-message-codec.ts'
import type { PresenceMessage, State } from '../../../src/sync/presence/presence-message.ts'
import { ChunkFetcher } from '../../../src/sync/transfer/chunk-fetcher.ts'
import { decodeChunkMessage, encodeChunkMessage } from '../../../src/sync/transfer/chunk-message-codec.ts'
import { ChunkServer } from '../../../src/sync/transfer/chunk-server.ts'
import { RateLimit } from '../../../src/sync/transfer/rate-limit.ts'
import { VirtualTime } from '../../support/virtual-time.ts'
import { CheckingTaker, ChunkShelf, chunkOf, idOfChunk, listHash } from './chunk-shelf.ts'
import { framePair, type FrameEnd } from './frame-pair.ts'

export interface WayOptions {
  readonly roundTripMs: number
  readonly bytesPerSecond?: number
  readonly highWater?: number
}

export const lan: WayOptions = { roundTripMs: 1, bytesPerSecond: 100_000_000, highWater: 16_777_216 }
export const slowLine: WayOptions = { roundTripMs: 40, bytesPerSecond: 3_000_000, highWater: 16_777_216 }

/** Gives on what it got, as a real device does. */
class SharingTaker extends CheckingTaker {
  readonly #shelf: ChunkShelf

  constructor(shelf: ChunkShelf) {
    super()
    this.#shelf = shelf
  }

  override take(id: Uint8Array, sealed: Uint8Array, peer: DeviceId): Promise<'ok' | 'bad'> | 'ok' | 'bad' {
    const verdict = super.take(id, sealed, peer)
    if (verdict === 'ok') this.#shelf.add(sealed)
    return verdict
  }
}

export class OfficeDevice {
  readonly device: DeviceId
  readonly shelf = new ChunkShelf()
  readonly taker = new SharingTaker(this.shelf)
  readonly strikes: string[] = []
  readonly told: string[] = []
  /** Of those that are here: in hex, what is not in its place yet. */
  readonly arriving = new Set<string>()
  readonly fetcher: ChunkFetcher
  readonly server: ChunkServer
  readonly presence: FolderPresence
  state: Omit<State, 'type' | 'time'> = { keep: 'all', isComplete: false, chunkBytes: 0 }
  notes: Uint8Array | undefined
  readonly links = new Map<DeviceId, Link>()

  constructor(device: DeviceId, time: VirtualTime) {
    this.device = device
    const { store, pool } = this.shelf
    const rate = new RateLimit({ bytesPerSecond: undefined, clock: time, timers: time })
    const onStrike = (peer: DeviceId, detail: string): void => {
      this.strikes.push(`${peer.slice(0, 2)} ${detail}`)
    }
    const has = (id: Uint8Array): boolean => this.shelf.has(id)
    this.fetcher = new ChunkFetcher({
      self: device,
      has,
      clock: time,
      timers: time,
      rate,
      hash: listHash,
      onStrike,
    })
    this.server = new ChunkServer({ store, pool, rate, log: silentLogger, timers: time, onStrike })
    this.presence = new FolderPresence({
      clock: time,
      timers: time,
      sharing: this.fetcher.sharing,
      keeps: (id) => has(id) && !this.arriving.has(toHex(id)),
      own: () => this.state,
      roleOf: () => 'write',
      read: () => this.notes,
      write: (notes) => void (this.notes = notes),
      onAddresses: (member, addresses) => this.told.push(`${member.slice(0, 2)} ${addresses.join(' ')}`),
      onStrike,
    })
  }

  /** Puts chunks here. */
  add(sealed: Uint8Array): Uint8Array {
    return this.shelf.add(sealed)
  }

  want(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.fetcher.want(idOfChunk(chunk), chunk.length, this.taker)
  }
}

export type Say = (message: PresenceMessage) => void

export class Liar {
  readonly device: DeviceId
  readonly says: Say[] = []
  readonly streams: FrameEnd[] = []
  readonly closed: string[] = []
  /** Ids that it was asked for. */
  asked = 0

  constructor(device: DeviceId) {
    this.device = device
  }
}

export class OfficeWorld {
  readonly time = new VirtualTime()
  readonly devices: OfficeDevice[] = []
  /** Ends of far devices, which show what they have sent. */
  readonly far: FrameEnd[] = []
  /** Of each pair of devices. */
  readonly #streams = new Map<string, FrameEnd[]>()

  device(name: string): OfficeDevice {
    const device = new OfficeDevice(name.repeat(32), this.time)
    this.devices.push(device)
    return device
  }

  /**
   * Chunk streams both ways, and one of presence unless one of them is too old for it. `back`: as the right one measures
   * it, where that is something else.
   */
  connect(left: OfficeDevice, right: OfficeDevice, way: WayOptions, hasPresence = true, back = way): void {
    this.#asks(left, right, way)
    this.#asks(right, left, back)
    if (!hasPresence) return
    const [one, other] = this.#pair(left, right, way, 'presence')
    left.presence.begin(linkOf(left, right, way), one)
    right.presence.begin(linkOf(right, left, back), other)
  }

  /** All in one network, and each with a line to the far one. */
  office(neighbours: readonly OfficeDevice[], far: OfficeDevice, line: WayOptions = slowLine): void {
    for (const [index, left] of neighbours.entries()) {
      for (const right of neighbours.slice(index + 1)) this.connect(left, right, lan)
    }
    for (const each of neighbours) this.connect(each, far, line)
  }

  /** A device that says what it likes, with a stream of presence to each of the others. Its chunks are never here. */
  liar(
    name: string,
    others: readonly OfficeDevice[],
    onMessage: (message: PresenceMessage, say: Say) => void = () => undefined,
  ): Liar {
    const liar = new Liar(name.repeat(32))
    for (const other of others) {
      const topic = { type: 'presence', folderId: 'f0'.repeat(32) } as const
      const ends = { time: this.time, delayMs: () => 0.5, opener: liar.device, acceptor: other.device }
      const [presence, theirs] = framePair({ ...ends, topic })
      const say: Say = (message) => void presence.send(encodePresence(message))
      presence.setHandler({
        onFrame: (head) => onMessage(decodePresence(head), say),
        onDrain: () => undefined,
        onClose: (reason) => liar.closed.push(reason),
      })
      liar.says.push(say)
      liar.streams.push(presence)
      const link = { ...linkOf(other, other, lan), peer: liar.device }
      other.presence.begin(link, theirs)
      const [asked, served] = framePair({ ...ends, opener: other.device, acceptor: liar.device })
      served.setHandler({
        onFrame: (head, payload) => {
          const question = decodeChunkMessage(head, payload.length)
          if (question.type !== 'want') return
          liar.asked += question.ids.length / 32
          const lengths = Array.from({ length: question.ids.length / 32 }, () => 0)
          served.send(encodeChunkMessage({ type: 'chunks', request: question.request, first: 0, lengths }))
        },
        onDrain: () => undefined,
        onClose: () => undefined,
      })
      other.fetcher.addPeer(liar.device, asked, () => lan.roundTripMs)
    }
    return liar
  }

  /** Payload that left far devices. */
  get farBytes(): number {
    let bytes = 0
    for (const { sentBytes } of this.far) bytes += sentBytes
    return bytes
  }

  cut(left: OfficeDevice, right: OfficeDevice): void {
    for (const end of this.#streams.get(keyOf(left, right)) ?? []) end.cut()
  }

  chunks(count: number, length: number, seed = 0): Uint8Array[] {
    return Array.from({ length: count }, (_, index) => chunkOf(seed * 100_003 + index + length * 17, length))
  }

  async untilAllHave(
    devices: readonly OfficeDevice[],
    chunks: readonly Uint8Array[],
    maxMs?: number,
  ): Promise<void> {
    const isDone = (): boolean => devices.every(({ taker }) => taker.got.size >= chunks.length)
    await this.time.until('all have all', isDone, maxMs)
  }

  /** Once a second, as a folder does it. */
  ticks(): void {
    for (const { presence } of this.devices) presence.tick()
    this.time.after(1_000, () => this.ticks())
  }

  #asks(asker: OfficeDevice, server: OfficeDevice, way: WayOptions): void {
    const [end, served] = this.#pair(asker, server, way, 'chunks')
    server.server.serve(served)
    asker.fetcher.addPeer(
      server.device,
      end,
      () => way.roundTripMs,
      () => served.arrivedBytes,
    )
    if (way.roundTripMs >= slowLine.roundTripMs) this.far.push(served)
  }

  #pair(
    left: OfficeDevice,
    right: OfficeDevice,
    { roundTripMs, ...way }: WayOptions,
    type: 'chunks' | 'presence',
  ): [FrameEnd, FrameEnd] {
    const topic = { type, folderId: 'f0'.repeat(32) } as const
    const names = { opener: left.device, acceptor: right.device }
    const pair = framePair({ time: this.time, topic, ...names, delayMs: () => roundTripMs / 2, ...way })
    const key = keyOf(left, right)
    this.#streams.set(key, [...(this.#streams.get(key) ?? []), pair[0]])
    return pair
  }
}

export function linkOf(from: OfficeDevice, to: OfficeDevice, { roundTripMs }: WayOptions): Link {
  return {
    peer: to.device,
    peerName: to.device.slice(0, 2),
    peerInstance: '00'.repeat(16),
    address: `192.0.2.${Number.parseInt(to.device.slice(0, 2), 16)}:22783`,
    peerListens: [`192.0.2.${Number.parseInt(to.device.slice(0, 2), 16)}:22783`],
    isDialled: from.device < to.device,
    roundTripMs,
    hasPresence: true,
    bytesIn: 0,
    bytesOut: 0,
    open: (): FrameStream => {
      throw new Error('not here')
    },
    poke: () => undefined,
    close: () => undefined,
  }
}

function keyOf(left: OfficeDevice, right: OfficeDevice): string {
  return [left.device, right.device].sort().join()
}
