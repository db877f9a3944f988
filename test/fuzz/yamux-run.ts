/**
 * One yamux session under random frames and random owners. The bytes of every stream are a function of their
 * place, so whatever is lost, doubled or mixed up shows at once.
 */
import type { Wire, WireHandler } from '../../src/net/wire.ts'
import { YamuxSession } from '../../src/mux/yamux/session.ts'
import type { YamuxStream } from '../../src/mux/yamux/stream.ts'
import { errorCode } from '../../src/base/errors.ts'
import { flag, header, kind, NaivePeer } from '../support/naive-yamux.ts'
import { WireRecorder } from '../support/wire-recorder.ts'
import type { SeededRandom } from './random.ts'

export const fuzzLimits = { maxStreams: 20, maxBufferedBytes: 1_500_000, maxWindowBytes: 1_048_576 }

/** Whose frames: `honest` keeps every rule, `liar` breaks one and must lose the session, `noise` does anything. */
export type Manner = 'honest' | 'liar' | 'noise'

/** One end of a pipe without time: what is written waits until the run passes it on. */
class FuzzWire implements Wire {
  readonly #random: SeededRandom
  handler: WireHandler | null = null
  written: Buffer[] = []
  isBlocked = false
  isDestroyed = false
  hasEnded = false
  readonly faults: string[] = []
  #corked = 0
  #unsent: { readonly source: Buffer; readonly copy: Buffer }[] = []

  constructor(random: SeededRandom) {
    this.#random = random
  }

  setHandler(handler: WireHandler): void {
    this.handler = handler
  }

  write(data: Buffer | string): boolean {
    if (this.isDestroyed || this.hasEnded) return false
    const source = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
    this.#unsent.push({ source, copy: Buffer.from(source) })
    return this.#corked > 0 ? false : this.#leave()
  }

  cork(): void {
    this.#corked = 1
  }

  uncork(): boolean {
    this.#corked = 0
    return this.#leave()
  }

  end(): void {
    this.hasEnded = true
  }

  destroy(): void {
    this.isDestroyed = true
  }

  destroySoon(): void {
    this.hasEnded = true
    if (!this.isBlocked) this.isDestroyed = true
  }

  pause(): void {
    this.faults.push('the session paused its wire')
  }

  resume(): void {
    this.faults.push('the session resumed its wire')
  }

  /** What waited leaves now, before a close that was to come after it; it must be what was written. */
  drain(): void {
    if (!this.isBlocked) return
    this.isBlocked = false
    this.#send()
    if (this.hasEnded) this.isDestroyed = true
    if (!this.isDestroyed) this.handler?.onDrain()
  }

  #leave(): boolean {
    if (this.isBlocked) return false
    if (this.#random.chance(15)) this.isBlocked = true
    else this.#send()
    return !this.isBlocked
  }

  #send(): void {
    for (const { source, copy } of this.#unsent) {
      if (!source.equals(copy)) this.faults.push('bytes that waited to leave were changed')
      this.written.push(copy)
    }
    this.#unsent = []
  }
}

const period = 65_536
const longest = 300_000
const table = Buffer.allocUnsafe(period + longest)
for (let at = 0; at < table.length; at += 1) table[at] = ((at % period) * 7 + ((at % period) >> 8)) & 0xff

/** A part of the table, which nobody may change. */
function bytesFrom(id: number, from: number, count: number): Buffer {
  const start = (id * 977 + from) % period
  return table.subarray(start, start + count)
}

interface Open {
  readonly stream: YamuxStream
  readonly recorder: WireRecorder
  written: number
  isPaused: boolean
  mayWrite: boolean
  /** The owner destroyed it. */
  isDropped: boolean
}

export class YamuxRun {
  readonly faults: string[] = []
  frames = 0
  readonly #random: SeededRandom
  readonly #manner: Manner
  readonly #near: FuzzWire
  readonly #far: FuzzWire
  readonly #session: YamuxSession
  readonly #peer: NaivePeer
  readonly #streams = new Map<number, Open>()
  readonly #earlier: Open[] = []
  readonly #closes: (Error | null)[] = []
  /** What the peer did on its streams. */
  readonly #finished = new Set<number>()
  readonly #reset = new Set<number>()
  #now = 1_000
  #nextId = 1
  #hasLied = false

  constructor(random: SeededRandom, manner: Manner) {
    this.#random = random
    this.#manner = manner
    this.#near = new FuzzWire(random)
    this.#far = new FuzzWire(random)
    this.#peer = new NaivePeer(this.#far)
    this.#peer.keepsBytes = false
    this.#peer.delta = random.pick([0, 1, 5_000, 6_029_312])
    this.#session = new YamuxSession(this.#near, {
      role: 'server',
      clock: { monotonic: () => this.#now, wall: () => this.#now },
      limits: fuzzLimits,
      onStream: (stream) => this.#own(stream),
      onClose: (error) => this.#closes.push(error),
    })
  }

  get hasEnded(): boolean {
    return this.#closes.length > 0
  }

  get error(): string {
    return errorCode(this.#closes[0])
  }

  async play(steps: number): Promise<void> {
    for (let step = 0; step < steps && !this.hasEnded; step += 1) {
      if (this.#random.chance(70)) this.#peerActs()
      else this.#ownerActs()
      if (this.#random.chance(40)) this.#pass()
      if (this.#random.chance(20)) this.#near.drain()
      if (this.#random.chance(5)) this.#tick(this.#random.below(200))
      if (this.#random.chance(25)) await turn()
      if (this.#session.streamCount > fuzzLimits.maxStreams) this.faults.push('too many streams')
    }
    await this.#settle()
    if (this.#manner === 'honest') this.#compare()
    if (this.#manner === 'liar' && this.#hasLied && !this.hasEnded) {
      this.faults.push('the lie was not noticed')
    }
    this.#session.destroy()
    this.#near.drain()
    await turn()
    this.#tick(10_000)
    await turn()
    if (this.#near.isDestroyed) this.#near.handler?.onClose(null)
    await turn()
    this.#checkEnd()
  }

  #own(stream: YamuxStream): void {
    const recorder = new WireRecorder()
    recorder.keepsBytes = false
    const open: Open = { stream, recorder, written: 0, isPaused: false, mayWrite: true, isDropped: false }
    let from = 0
    recorder.react = (chunk) => {
      if (this.#manner !== 'noise' && !bytesFrom(stream.id, from, chunk.length).equals(chunk)) {
        this.faults.push(`stream ${stream.id}: other bytes than were sent, after ${from}`)
      }
      from += chunk.length
      if (open.isPaused) this.faults.push(`stream ${stream.id}: data while paused`)
    }
    recorder.whenDrained = () => {
      open.mayWrite = true
    }
    // Only noise uses an id again.
    const before = this.#streams.get(stream.id)
    if (before !== undefined && this.#manner !== 'noise') this.faults.push(`stream ${stream.id} came twice`)
    if (before !== undefined) this.#earlier.push(before)
    this.#streams.set(stream.id, open)
    if (this.#random.chance(95)) stream.setHandler(recorder)
    else queueMicrotask(() => stream.setHandler(recorder))
  }

  #peerActs(): void {
    this.frames += 1
    const peer = this.#peer
    if (this.#manner === 'noise' && this.#random.chance(20)) {
      this.#makeNoise()
      return
    }
    if (this.#manner === 'liar' && !this.#hasLied && this.frames > 10 && this.#random.chance(10)) {
      this.#lie()
      return
    }
    const ids = [...peer.streams.keys()].filter((id) => !this.#finished.has(id) && !this.#reset.has(id))
    if (ids.length === 0 || this.#random.chance(12)) {
      const id = this.#nextId
      this.#nextId += 2
      if (this.#random.chance(70)) peer.open(id)
      else peer.data(id, flag.syn, bytesFrom(id, 0, this.#random.below(300)))
      return
    }
    const id = this.#random.pick(ids)
    const what = this.#random.below(100)
    if (what < 65) this.#sendData(id)
    else if (what < 78) peer.grant(id, this.#random.below(this.#random.chance(20) ? 500_000 : 100))
    else if (what < 86) peer.frame(kind.ping, flag.syn, 0, this.#random.below(1_000))
    else if (what < 89) peer.frame(kind.ping, flag.ack, 0, this.#random.below(5))
    else if (what < 94) {
      if (this.#random.chance(50)) peer.frame(kind.windowUpdate, flag.fin, id, 0)
      else this.#sendData(id, flag.fin)
      this.#finished.add(id)
    } else if (what < 97) {
      peer.frame(kind.windowUpdate, flag.rst, id, 0)
      this.#reset.add(id)
    } else peer.data(100_001 + 2 * this.#random.below(50), flag.none, Buffer.alloc(this.#random.below(9_000)))
  }

  #sendData(id: number, flags: number = flag.none): void {
    const stream = this.#peer.stream(id)
    const size = this.#random.chance(2) ? longest : this.#random.below(this.#random.chance(30) ? 20_000 : 40)
    const count = Math.min(size, Math.max(0, stream.sendWindow))
    this.#peer.data(id, flags, bytesFrom(id, stream.sent, count))
  }

  /** One frame after which the session must end. */
  #lie(): void {
    const peer = this.#peer
    // What is under way could reset a stream, and so make frames for it harmless.
    this.#far.drain()
    this.#pass()
    if (this.hasEnded) return
    const known = [...this.#streams].filter(
      ([id, { isDropped, recorder }]) =>
        !isDropped && !recorder.isClosed && !this.#finished.has(id) && !this.#reset.has(id),
    )
    const [id] = known[0] ?? [0]
    const choices = [
      () => peer.wire.write(Buffer.from('0100000000000001000000', 'hex')),
      () => peer.frame(4 + this.#random.below(252), flag.none, 1, 0),
      () => peer.wire.write(Buffer.from('POST /login HTTP/1.1\r\n')),
    ]
    if (id > 0) {
      choices.push(
        () => peer.frame(kind.windowUpdate, flag.syn, id, 0),
        () => peer.frame(kind.data, flag.none, id, 0x0fff_ffff),
      )
    }
    this.#hasLied = true
    this.#random.pick(choices)()
    peer.wire.write(Buffer.alloc(1))
    this.#far.drain()
    this.#pass()
  }

  #makeNoise(): void {
    const random = this.#random
    if (random.chance(10)) {
      this.#far.write(Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256))))
      return
    }
    const type = random.chance(97) ? random.below(4) : random.below(256)
    const flags = random.chance(90) ? random.below(16) : random.below(65_536)
    const id = random.chance(80)
      ? random.below(2 * this.#nextId + 2)
      : random.pick([0, 0xffff_ffff, 0x8000_0000])
    const length = random.chance(90) ? random.below(3_000) : random.pick([0, 262_145, 0xffff_ffff])
    this.#far.write(header(type, flags, id, length))
    if (type === kind.data && random.chance(95)) this.#far.write(Buffer.alloc(Math.min(length, 5_000)))
  }

  #ownerActs(): void {
    const all = [...this.#streams.values()].filter(({ recorder }) => !recorder.isClosed)
    if (all.length === 0) return
    const open = this.#random.pick(all)
    const { stream } = open
    const what = this.#random.below(100)
    if (what < 60) this.#ownerWrites(open)
    else if (what < 72) {
      open.isPaused = true
      stream.pause()
    } else if (what < 86) {
      open.isPaused = false
      stream.resume()
    } else if (what < 92) {
      open.mayWrite = false
      stream.end()
    } else if (what < 95) {
      open.isDropped = true
      open.mayWrite = false
      stream.destroySoon()
    } else if (what < 98) {
      open.isDropped = true
      open.mayWrite = false
      stream.destroy()
    } else this.#session.ping(100, () => undefined)
  }

  #ownerWrites(open: Open): void {
    if (!open.mayWrite) return
    const { stream } = open
    const size = this.#random.chance(10) ? 40_000 : this.#random.below(2_000)
    const bytes = Buffer.from(bytesFrom(stream.id, open.written, size))
    open.written += size
    const isCorked = this.#random.chance(20)
    if (isCorked) stream.cork()
    const answer = stream.write(bytes)
    open.mayWrite = isCorked ? stream.uncork() : answer
    // Small ones may be used again at once, and large ones after true.
    if (size <= 16_383 || open.mayWrite) bytes.fill(0xbb)
  }

  /** What both ends wrote arrives, cut anywhere; the receiver must not keep it. */
  #pass(): void {
    const toSession = Buffer.concat(this.#far.written)
    this.#far.written = []
    for (let at = 0; at < toSession.length && !this.#near.isDestroyed;) {
      const size = this.#random.chance(30) ? 1 + this.#random.below(14) : 1 + this.#random.below(65_536)
      const piece = Buffer.from(toSession.subarray(at, at + size))
      at += piece.length
      this.#near.handler?.onData(piece)
      piece.fill(0xaa)
    }
    this.#far.drain()
    const toPeer = Buffer.concat(this.#near.written)
    this.#near.written = []
    if (toPeer.length > 0) this.#peer.onData(toPeer)
    if (this.#near.isDestroyed && !this.hasEnded) this.#near.handler?.onClose(null)
  }

  #tick(ms: number): void {
    this.#now += ms
    if (this.#session.deadlineAt <= this.#now) this.#session.onDeadline(this.#now)
  }

  async #settle(): Promise<void> {
    for (const open of this.#streams.values()) {
      open.isPaused = false
      open.stream.resume()
    }
    for (let round = 0; round < 12; round += 1) {
      this.#far.drain()
      this.#near.drain()
      this.#pass()
      await turn()
    }
  }

  /** What an honest peer and the owners did must be what both have seen. */
  #compare(): void {
    if (this.hasEnded) {
      this.faults.push(`an honest peer lost its session: ${String(this.#closes[0])}`)
      return
    }
    this.faults.push(...this.#peer.broken.map((each) => `peer: ${each}`))
    let open = 0
    for (const [id, { recorder, isDropped, stream }] of this.#streams) {
      const naive = this.#peer.stream(id)
      if (naive.acks !== 1) this.faults.push(`stream ${id}: ${naive.acks} ACKs`)
      const isGone = this.#reset.has(id) || naive.resets > 0
      const isOver = isGone || (this.#finished.has(id) && naive.fins > 0)
      if (!isOver) open += 1
      if (isDropped || isGone) continue
      if (recorder.byteCount !== naive.sent) {
        this.faults.push(`stream ${id}: ${recorder.byteCount} of ${naive.sent} bytes`)
      }
      if (recorder.endCount !== (this.#finished.has(id) ? 1 : 0)) this.faults.push(`stream ${id}: the end`)
      if (recorder.isClosed !== isOver) this.faults.push(`stream ${stream.id}: closed ${recorder.isClosed}`)
    }
    if (open !== this.#session.streamCount) {
      this.faults.push(`${this.#session.streamCount} streams where ${open} are open`)
    }
  }

  #checkEnd(): void {
    this.faults.push(...this.#near.faults)
    if (this.#closes.length !== 1) this.faults.push(`the session closed ${this.#closes.length} times`)
    if (this.#session.streamCount !== 0) {
      this.faults.push(`${this.#session.streamCount} streams after the end`)
    }
    for (const { recorder, stream } of [...this.#earlier, ...this.#streams.values()]) {
      this.faults.push(...recorder.broken.map((each) => `stream ${stream.id}: ${each}`))
      if (recorder.closes.length !== 1) {
        this.faults.push(`stream ${stream.id}: ${recorder.closes.length} closes`)
      }
    }
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
}
