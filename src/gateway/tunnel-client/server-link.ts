import type { Clock } from '../../base/clock.ts'
import type { DeadlineSweeper } from '../../base/deadlines.ts'
import { YamuxSession } from '../../mux/yamux/session.ts'
import type { Wire } from '../../net/wire.ts'

/** Streams to the server: of one multiplexed connection, or a connection each. */
export interface ServerLink {
  /** Rejects where the link is down. */
  openStream(): Promise<Wire>
  /** Ends all streams and stops those that are being opened. */
  destroy(): void
}

export interface LinkOptions {
  readonly connect: (signal: AbortSignal) => Promise<Wire>
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
}

/** As frpc with tcpMux off. */
export class DirectLink implements ServerLink {
  readonly #connect: LinkOptions['connect']
  readonly #stop = new AbortController()

  constructor(options: LinkOptions) {
    this.#connect = options.connect
  }

  openStream(): Promise<Wire> {
    return this.#connect(this.#stop.signal)
  }

  destroy(): void {
    this.#stop.abort()
  }
}

/** As frpc with tcpMux on: one connection for everything, with its own signs of life. */
export class MuxLink implements ServerLink {
  readonly #options: LinkOptions
  readonly #keepAliveMs: number
  readonly #stop = new AbortController()
  #session: Promise<YamuxSession> | null = null

  constructor(options: LinkOptions, keepAliveMs: number) {
    this.#options = options
    this.#keepAliveMs = keepAliveMs
  }

  async openStream(): Promise<Wire> {
    this.#session ??= this.#start()
    const session = await this.#session
    return session.open()
  }

  destroy(): void {
    this.#stop.abort()
    this.#session?.then(
      (session) => session.destroy(),
      () => {},
    )
  }

  async #start(): Promise<YamuxSession> {
    const { connect, clock, sweeper } = this.#options
    const wire = await connect(this.#stop.signal)
    const session = new YamuxSession(wire, {
      role: 'client',
      clock,
      chunksAreStable: true,
      limits: { keepAliveIntervalMs: this.#keepAliveMs, keepAliveTimeoutMs },
      // frps opens none.
      onStream: (stream) => stream.destroy(),
      onClose: () => sweeper.delete(session),
    })
    sweeper.add(session)
    return session
  }
}

const keepAliveTimeoutMs = 5_000
