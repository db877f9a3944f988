/**
 * A TCP link in user space between whoever connects to `port` and the target, with the faults of a real
 * cable: latency, silence (nothing passes and nothing is refused), and resets. Bytes are never lost or
 * reordered, as TCP promises: what was under way when the link fell silent arrives once it heals.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { SocketTarget } from '../../src/net/socket-wire.ts'

/** More than this under way in one direction stops the sender. */
const maxUnderWayBytes = 16_777_216

export class Link {
  readonly port: number
  readonly #server: Server
  readonly #target: SocketTarget
  readonly #pairs = new Set<Pair>()
  #latencyMs = 0
  #isStalled = false
  #accepted = 0

  private constructor(server: Server, target: SocketTarget) {
    this.#server = server
    this.#target = target
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket: Socket) => this.#accept(socket))
  }

  /** Listens on 127.0.0.1, on a free port where none is given. Whoever opens it closes it. */
  static async open(target: SocketTarget, options: { readonly port?: number } = {}): Promise<Link> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', () => resolve(undefined))
    await promise
    return new Link(server, target)
  }

  /** Connections that are open now, ignored ones included. */
  get connectionCount(): number {
    return this.#pairs.size
  }

  /** Connections ever accepted. */
  get acceptedCount(): number {
    return this.#accepted
  }

  get isStalled(): boolean {
    return this.#isStalled
  }

  /** One way, for everything that arrives from now on. */
  setLatency(ms: number): void {
    this.#latencyMs = ms
  }

  get latencyMs(): number {
    return this.#latencyMs
  }

  /** A pulled cable: nothing passes in either direction, not even an end; new connections hang. */
  stall(): void {
    this.#isStalled = true
    for (const pair of this.#pairs) pair.hold()
  }

  /** What waited passes, and connections that hung reach the target. */
  heal(): void {
    this.#isStalled = false
    for (const pair of this.#pairs) pair.release()
  }

  /** Resets every connection on both sides; new ones are served, unless the link is stalled. */
  cut(): void {
    for (const pair of this.#pairs) pair.reset()
  }

  /** Resets what is open and stops listening. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#server.close(() => resolve(undefined))
    this.cut()
    await promise
  }

  #accept(socket: Socket): void {
    this.#accepted += 1
    const pair = new Pair(this, socket, this.#target, () => this.#pairs.delete(pair))
    this.#pairs.add(pair)
    if (!this.#isStalled) pair.release()
  }
}

/** One connection: the near socket, which was accepted, and the far one, which goes to the target. */
class Pair {
  readonly #link: Link
  readonly #near: Socket
  readonly #target: SocketTarget
  readonly #onGone: () => void
  #far: Socket | null = null
  #directions: readonly Direction[] = []

  constructor(link: Link, near: Socket, target: SocketTarget, onGone: () => void) {
    this.#link = link
    this.#near = near
    this.#target = target
    this.#onGone = onGone
    near.on('error', () => undefined)
    near.on('close', () => this.#forgetWhenGone())
  }

  hold(): void {
    for (const direction of this.#directions) direction.hold()
  }

  release(): void {
    if (this.#far === null) this.#dial()
    for (const direction of this.#directions) direction.release()
  }

  reset(): void {
    for (const direction of this.#directions) direction.stop()
    this.#near.resetAndDestroy()
    // NOTE: what is still connecting cannot be reset.
    if (this.#far?.connecting === true) this.#far.destroy()
    else this.#far?.resetAndDestroy()
  }

  #dial(): void {
    if (this.#near.destroyed) return
    const target = this.#target
    const where = 'path' in target ? target : { host: target.address, port: target.port, noDelay: true }
    const far = connect({ ...where, allowHalfOpen: true })
    this.#far = far
    far.on('error', () => undefined)
    far.on('close', () => this.#forgetWhenGone())
    this.#directions = [
      new Direction(this.#link, this.#near, far),
      new Direction(this.#link, far, this.#near),
    ]
  }

  #forgetWhenGone(): void {
    if (this.#near.destroyed && (this.#far === null || this.#far.destroyed)) this.#onGone()
  }
}

type Passage = { readonly dueAt: number } & (
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' }
)

class Direction {
  readonly #link: Link
  readonly #from: Socket
  readonly #to: Socket
  readonly #queue: Passage[] = []
  #queuedBytes = 0
  #timer: NodeJS.Timeout | null = null

  constructor(link: Link, from: Socket, to: Socket) {
    this.#link = link
    this.#from = from
    this.#to = to
    let hasEnded = false
    from.on('data', (bytes: Buffer) => {
      this.#queuedBytes += bytes.length
      this.#take({ kind: 'bytes', bytes, dueAt: this.#due() })
    })
    from.on('end', () => {
      hasEnded = true
      this.#take({ kind: 'end', dueAt: this.#due() })
    })
    from.on('close', (hadError) => {
      if (hadError || !hasEnded) this.#take({ kind: 'reset', dueAt: this.#due() })
    })
    to.on('drain', () => this.release())
  }

  hold(): void {
    this.stop()
    this.#from.pause()
  }

  release(): void {
    this.#pass()
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #due(): number {
    return performance.now() + this.#link.latencyMs
  }

  #take(passage: Passage): void {
    this.#queue.push(passage)
    this.#pass()
  }

  /** Passes on what is due, and sets the timer for the next one. */
  #pass(): void {
    if (this.#link.isStalled) return
    this.stop()
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const waitMs = next.dueAt - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pass(), waitMs)
        break
      }
      if (this.#to.writableNeedDrain) break
      this.#queue.shift()
      if (next.kind === 'bytes') {
        this.#queuedBytes -= next.bytes.length
        if (!this.#to.destroyed && !this.#to.writableEnded) this.#to.write(next.bytes)
      } else if (next.kind === 'end') {
        this.#to.end()
      } else if (!this.#to.destroyed) {
        if (this.#to.connecting) this.#to.destroy()
        else this.#to.resetAndDestroy()
      }
    }
    const mayRead = this.#queuedBytes < maxUnderWayBytes && !this.#to.writableNeedDrain
    if (mayRead) this.#from.resume()
    else this.#from.pause()
  }
}
