import type { Clock } from '../../base/clock.ts'
import type { DeadlineSweeper } from '../../base/deadlines.ts'
import { errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { Wire, WireHandler } from '../../net/wire.ts'
import { CipherWire } from '../frp/cipher-wire.ts'
import { FrpChannel } from '../frp/frp-channel.ts'
import type { OutgoingMessage, StartWorkConn } from '../frp/messages.ts'
import { relay } from '../proxy/relay.ts'
import type { LocalTarget } from './local-target.ts'

/** A proxy as work connections see it. */
export interface ServedProxy {
  readonly target: LocalTarget
  readonly useEncryption: boolean
}

export interface WorkConnectionOptions {
  readonly openStream: () => Promise<Wire>
  readonly wireVersion: 1 | 2
  readonly authToken: string
  readonly randomBytes: (count: number) => Buffer
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly log: Logger
  readonly introduction: () => OutgoingMessage
  readonly findProxy: (name: string) => ServedProxy | undefined
  /** The server took it from its pool. */
  readonly onStarted: () => void
  /** Once, when nothing of it is left. */
  readonly onDone: () => void
}

/**
 * How long one direction may stay open and silent after the other has ended. frp ends both at once; a peer that keeps
 * half-closed connections gets its answer, one that does not cannot hold the app's connection for longer than this.
 */
const halfClosedIdleMs = 30_000

/** One work connection: pooled until the server starts it, then bytes between its stream and the app. */
export class WorkConnection {
  readonly #options: WorkConnectionOptions
  #channel: FrpChannel | null = null
  #stream: Wire | null = null
  #local: Wire | null = null
  #isStarted = false
  #isDone = false

  constructor(options: WorkConnectionOptions) {
    this.#options = options
  }

  get isStarted(): boolean {
    return this.#isStarted
  }

  async open(): Promise<void> {
    const { openStream, wireVersion, randomBytes, introduction, log } = this.#options
    let stream: Wire
    try {
      stream = await openStream()
    } catch (error) {
      log.debug({ problem: errorMessage(error) }, 'work connection failed')
      this.destroy()
      return
    }
    if (this.#isDone) {
      stream.destroy()
      return
    }
    this.#channel = new FrpChannel(stream, {
      side: 'client',
      version: wireVersion,
      randomBytes,
      onMessage: (message) => {
        if (message.kind === 'StartWorkConn') void this.#start(message)
        else this.destroy()
      },
      onClose: () => this.#finish(),
    })
    this.#channel.send(introduction())
  }

  destroy(): void {
    this.#channel?.destroy()
    this.#stream?.destroy()
    this.#local?.destroy()
    this.#finish()
  }

  #finish(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#options.onDone()
  }

  async #start(start: StartWorkConn): Promise<void> {
    const { findProxy, log, authToken, randomBytes, clock, sweeper } = this.#options
    const proxy = findProxy(start.proxyName)
    if (this.#channel === null || start.error !== '' || proxy === undefined) {
      log.debug({ proxy: start.proxyName, problem: start.error }, 'work connection not wanted')
      this.destroy()
      return
    }
    const { wire, early } = this.#channel.detach()
    this.#channel = null
    const stream = proxy.useEncryption ? new CipherWire(wire, { authToken, randomBytes, early }) : wire
    this.#stream = stream
    this.#isStarted = true
    this.#options.onStarted()
    const held = new HeldStream(stream, proxy.useEncryption ? null : early, () => this.destroy())
    const local = await proxy.target.connect()
    if (this.#isDone || local === null) {
      local?.destroy()
      this.destroy()
      return
    }
    this.#local = local
    const mayGoOn = held.chunks.every((chunk) => local.write(chunk))
    relay(stream, local, {
      idleMs: held.hasEnded ? halfClosedIdleMs : Number.POSITIVE_INFINITY,
      halfClosedIdleMs,
      clock,
      sweeper,
      onDone: () => this.#finish(),
    })
    if (held.hasEnded) local.end()
    // Otherwise the relay resumes it when the app has taken what came early.
    if (mayGoOn) stream.resume()
  }
}

/** Keeps a stream still, and what it brought, while the app is being connected. */
class HeldStream implements WireHandler {
  readonly #onGone: () => void
  readonly chunks: Buffer[]
  hasEnded = false

  constructor(stream: Wire, early: Buffer | null, onGone: () => void) {
    this.#onGone = onGone
    this.chunks = early === null || early.length === 0 ? [] : [early]
    stream.setHandler(this)
    stream.pause()
  }

  onData(chunk: Buffer): void {
    this.chunks.push(Buffer.from(chunk))
  }

  onEnd(): void {
    this.hasEnded = true
  }

  onDrain(): void {}

  onClose(): void {
    this.#onGone()
  }
}
