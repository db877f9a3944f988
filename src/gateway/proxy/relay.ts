import type { Clock } from '../../base/clock.ts'
import type { Deadline, DeadlineSweeper } from '../../base/deadlines.ts'
import type { Wire, WireHandler } from '../../net/wire.ts'

export interface RelayOptions {
  /** Silence in both directions that ends the tunnel; Infinity: never. */
  readonly idleMs: number
  /** The same once one side has sent its end. */
  readonly halfClosedIdleMs: number
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly onDone: (summary: RelaySummary) => void
}

export interface RelaySummary {
  readonly bytesFromClient: number
  readonly bytesFromUpstream: number
  readonly end: 'closed' | 'idle' | 'error'
}

/**
 * Copies bytes both ways between two wires until both have ended: back-pressure each way, half-close kept
 * so that no tail is lost, an idle limit, and nothing else. The only place that moves tunnel bytes.
 */
export function relay(client: Wire, upstream: Wire, options: RelayOptions): void {
  new Relay(client, upstream, options).start()
}

class Relay implements Deadline {
  readonly #options: RelayOptions
  readonly #client: Side
  readonly #upstream: Side
  #idleMs: number
  #end: RelaySummary['end'] = 'closed'
  #isDone = false
  deadlineAt = Number.POSITIVE_INFINITY

  constructor(client: Wire, upstream: Wire, options: RelayOptions) {
    this.#options = options
    this.#idleMs = options.idleMs
    this.#client = new Side(this, client, upstream)
    this.#upstream = new Side(this, upstream, client)
  }

  start(): void {
    this.touch()
    this.#options.sweeper.add(this)
    this.#client.wire.setHandler(this.#client)
    this.#upstream.wire.setHandler(this.#upstream)
  }

  touch(): void {
    this.deadlineAt = this.#options.clock.monotonic() + this.#idleMs
  }

  halfClosed(): void {
    this.#idleMs = Math.min(this.#idleMs, this.#options.halfClosedIdleMs)
    this.touch()
  }

  closed(error: Error | null): void {
    if (error !== null && this.#end === 'closed') this.#end = 'error'
    if (this.#client.isClosed && this.#upstream.isClosed) this.#finish()
    else this.halfClosed()
  }

  onDeadline(): void {
    this.#end = 'idle'
    this.#client.wire.destroy()
    this.#upstream.wire.destroy()
    this.#finish()
  }

  #finish(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#options.sweeper.delete(this)
    this.#options.onDone({
      bytesFromClient: this.#client.bytes,
      bytesFromUpstream: this.#upstream.bytes,
      end: this.#end,
    })
  }
}

/** What arrives on one wire and goes to the other. */
class Side implements WireHandler {
  readonly #relay: Relay
  readonly #to: Wire
  readonly wire: Wire
  bytes = 0
  isClosed = false

  constructor(owner: Relay, from: Wire, to: Wire) {
    this.#relay = owner
    this.wire = from
    this.#to = to
  }

  onData(chunk: Buffer): void {
    this.bytes += chunk.length
    this.#relay.touch()
    if (!this.#to.write(chunk)) this.wire.pause()
  }

  onEnd(): void {
    this.#to.end()
    this.#relay.halfClosed()
  }

  /** This wire has sent what was queued, so the other may go on reading. */
  onDrain(): void {
    this.#relay.touch()
    this.#to.resume()
  }

  onClose(error: Error | null): void {
    this.isClosed = true
    // What this side sent before it broke still reaches the other.
    this.#to.destroySoon()
    this.#relay.closed(error)
  }
}
