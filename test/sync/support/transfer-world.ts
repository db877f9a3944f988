import { silentLogger } from '../../../src/base/logger.ts'
import type { DeviceId } from '../../../src/sync/ids.ts'
import type { FrameStream } from '../../../src/sync/link/link.ts'
import { ChunkFetcher } from '../../../src/sync/transfer/chunk-fetcher.ts'
import { decodeChunkMessage, encodeChunkMessage } from '../../../src/sync/transfer/chunk-message-codec.ts'
import type { ChunkMessage } from '../../../src/sync/transfer/chunk-message.ts'
import { ChunkServer } from '../../../src/sync/transfer/chunk-server.ts'
import { RateLimit } from '../../../src/sync/transfer/rate-limit.ts'
import { VirtualTime } from '../../support/virtual-time.ts'
import { ChunkShelf, CheckingTaker, chunkOf, idOfChunk, listHash } from './chunk-shelf.ts'
import { framePair, type FrameEnd } from './frame-pair.ts'

export interface SourceOptions {
  readonly delayMs?: () => number
  readonly bytesPerSecond?: number
  readonly roundTripMs?: number
  /** What its owner allows it to send. */
  readonly uploadRate?: number
  readonly knowsBytesIn?: boolean
  readonly highWater?: number
}

/** What an evil device does with a question; undefined: nothing. */
export type EvilAnswer = (message: ChunkMessage, send: EvilSend) => void
export type EvilSend = (message: ChunkMessage, payload?: Uint8Array) => void

/** A device that has chunks, honest or not, connected to the fetcher of a `TransferWorld`. */
export class Source {
  readonly device: DeviceId
  readonly shelf = new ChunkShelf()
  readonly asked: ChunkMessage[] = []
  closed: string | undefined
  end!: FrameEnd
  served!: FrameEnd

  constructor(device: DeviceId) {
    this.device = device
  }

  /** Ids it was asked for. */
  get askedIds(): number {
    let count = 0
    for (const message of this.asked) if (message.type === 'want') count += message.ids.length / 32
    return count
  }
}

/** One device that fetches from others, in virtual time. */
export class TransferWorld {
  readonly time = new VirtualTime()
  readonly strikes: string[] = []
  readonly gone: string[] = []
  readonly taker = new CheckingTaker()
  readonly fetcher: ChunkFetcher
  readonly sources: Source[] = []

  constructor(options: { windowBytes?: number; bytesPerSecond?: number } = {}) {
    const { time } = this
    this.fetcher = new ChunkFetcher({
      clock: time,
      timers: time,
      rate: new RateLimit({ bytesPerSecond: options.bytesPerSecond, clock: time, timers: time }),
      hash: listHash,
      onStrike: (peer, detail) => this.strikes.push(`${peer.slice(0, 2)} ${detail}`),
      onPeerGone: (peer, reason) => this.gone.push(`${peer.slice(0, 2)} ${reason}`),
      ...(options.windowBytes === undefined ? {} : { windowBytes: options.windowBytes }),
    })
  }

  /** An honest device. */
  source(name: string, options: SourceOptions = {}): Source {
    const source = new Source(name.repeat(32))
    this.sources.push(source)
    this.connect(source, options)
    return source
  }

  connect(source: Source, options: SourceOptions = {}): void {
    const { time } = this
    const [end, served] = this.#pair(source, options)
    const rate = new RateLimit({ bytesPerSecond: options.uploadRate, clock: time, timers: time })
    const { store, pool } = source.shelf
    const server = new ChunkServer({ store, pool, rate, log: silentLogger, timers: time })
    const watched: FrameStream = {
      peer: served.peer,
      topic: served.topic,
      send: (head, payload) => served.send(head, payload),
      pause: () => served.pause(),
      resume: () => served.resume(),
      close: (reason) => served.close(reason),
      setHandler: (handler) =>
        served.setHandler({
          onFrame: (head, payload) => {
            source.asked.push(decodeChunkMessage(head, payload.length))
            handler.onFrame(head, payload)
          },
          onDrain: () => handler.onDrain(),
          onClose: (reason) => {
            source.closed = reason
            handler.onClose(reason)
          },
        }),
    }
    server.serve(watched)
    this.#add(source, end, options)
  }

  evil(name: string, answer: EvilAnswer, options: SourceOptions = {}): Source {
    const source = new Source(name.repeat(32))
    this.sources.push(source)
    this.connectEvil(source, answer, options)
    return source
  }

  connectEvil(source: Source, answer: EvilAnswer, options: SourceOptions = {}): void {
    const [end, served] = this.#pair(source, options)
    served.setHandler({
      onFrame: (head, payload) => {
        const message = decodeChunkMessage(head, payload.length)
        source.asked.push(message)
        answer(message, (reply, bytes) => void served.send(encodeChunkMessage(reply), bytes))
      },
      onDrain: () => undefined,
      onClose: (reason) => {
        source.closed = reason
      },
    })
    this.#add(source, end, options)
  }

  /** Puts chunks on all these devices, and wants them. */
  want(count: number, length: number, at: readonly Source[], seed = 0): Uint8Array[] {
    const ids: Uint8Array[] = []
    for (let index = 0; index < count; index++) {
      const sealed = chunkOf(seed * 100_003 + index + length * 17, length)
      const id = idOfChunk(sealed)
      for (const { shelf } of at) shelf.add(sealed)
      ids.push(id)
      this.fetcher.want(id, length, this.taker)
    }
    return ids
  }

  #pair(source: Source, options: SourceOptions): [FrameEnd, FrameEnd] {
    const { delayMs, bytesPerSecond, highWater } = options
    const pair = framePair({
      time: this.time,
      acceptor: source.device,
      ...(delayMs === undefined ? {} : { delayMs }),
      ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
      ...(highWater === undefined ? {} : { highWater }),
    })
    source.end = pair[0]
    source.served = pair[1]
    return pair
  }

  #add(source: Source, end: FrameEnd, { roundTripMs, knowsBytesIn }: SourceOptions): void {
    const bytesIn = knowsBytesIn === true ? (): number => source.served.arrivedBytes : undefined
    this.fetcher.addPeer(source.device, end, () => roundTripMs, bytesIn)
  }
}
