import type { Clock } from '../../base/clock.ts'
import type { DeadlineSweeper } from '../../base/deadlines.ts'
import { errorCode } from '../../base/errors.ts'
import { formatHostPort, parseHostPort } from '../../net/address.ts'
import { StreamWire } from '../../net/stream-wire.ts'
import { YamuxSession } from '../../mux/yamux/session.ts'
import type { YamuxStream } from '../../mux/yamux/stream.ts'
import { FormatError } from '../format/format-error.ts'
import type { DeviceId } from '../ids.ts'
import { FramePipe } from './frame-pipe.ts'
import { acceptFrameStream, openFrameStream } from './frame-stream.ts'
import type { FrameStreamParts } from './frame-stream.ts'
import { decodeControl, encodeControl, linkFeatures } from './hello.ts'
import type { Hello } from './hello.ts'
import { linkError } from './link-errors.ts'
import type { FrameStream, Link, StreamTopic } from './link.ts'
import type { LinkTimes } from './link-limits.ts'
import {
  frameLimits,
  linkLimits,
  linkYamuxLimits,
  reasonCharacters,
  strangerYamuxLimits,
} from './link-limits.ts'
import type { SecureConnection } from './secure-connection.ts'

export interface LinkHooks {
  /** The other end has said who it is. A text: why there shall be no link. */
  admit(link: TlsLink): string | undefined
  onOpen(link: TlsLink): void
  /** `accept`, or why not. */
  onStream(link: TlsLink, topic: StreamTopic, stream: FrameStream): string
  onPoke(link: TlsLink): void
  /** The other end broke the rules; the link is closed next. */
  onFault(link: TlsLink, detail: string): void
  /** Once, also of a link that was never opened. */
  onGone(link: TlsLink, reason: string): void
}

export interface LinkParts {
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly hello: () => Hello
  readonly isMember: boolean
  readonly times: LinkTimes
  readonly hooks: LinkHooks
}

/** On machines that are busy, most of them tell more of these than of the network. */
const measureAfterMs = [100, 100, 200, 300, 600, 1_200, 2_500, 5_000, 10_000, 20_000]
const noOne: Hello = { type: 'hello', instance: '', name: '', listens: [], features: [] }

/**
 * A link on a connection whose peer is known: yamux with many streams, the first of them for greetings and goodbyes. Owns
 * the connection. Until both ends have greeted each other, nothing else is read.
 */
export class TlsLink implements Link {
  readonly peer: DeviceId
  readonly address: string
  readonly isDialled: boolean
  /** When both ends had greeted each other. */
  openedAt: number | undefined
  readonly #connection: SecureConnection
  readonly #parts: LinkParts
  readonly #session: YamuxSession
  readonly #streamParts: Omit<FrameStreamParts, 'wire'>
  #control: FramePipe | undefined
  #hello = noOne
  #phase: 'greeting' | 'open' | 'closed' = 'greeting'
  /** Streams that came before the greeting. */
  #early: YamuxStream[] = []
  #timer: NodeJS.Timeout
  readonly #settleOpened: (isOpen: boolean) => void
  readonly #settleClosed: () => void
  /** False if it ended before both had greeted each other. Never rejects. */
  readonly opened: Promise<boolean>
  /** Its connection is gone. */
  readonly closed: Promise<void>

  constructor(connection: SecureConnection, parts: LinkParts) {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.opened = promise
    this.#settleOpened = resolve
    const { promise: closed, resolve: settleClosed } = Promise.withResolvers<void>()
    this.closed = closed
    this.#settleClosed = settleClosed
    this.#connection = connection
    this.#parts = parts
    this.peer = connection.peer
    this.address = connection.address
    this.isDialled = connection.isDialled
    this.#streamParts = { peer: this.peer, onFault: (fault) => this.#fail(fault) }
    const { keepAliveIntervalMs, keepAliveTimeoutMs, handshakeMs } = parts.times
    const keepAlive = { keepAliveIntervalMs, keepAliveTimeoutMs }
    this.#session = new YamuxSession(new StreamWire(connection.socket), {
      role: connection.isDialled ? 'client' : 'server',
      clock: parts.clock,
      limits: { ...(parts.isMember ? linkYamuxLimits : strangerYamuxLimits), ...keepAlive },
      chunksAreStable: true,
      onStream: (stream) => this.#take(stream),
      onClose: (error) => this.#onSessionClosed(error),
    })
    parts.sweeper.add(this.#session)
    this.#timer = setTimeout(() => this.#end('no greeting in time'), handshakeMs)
    if (!connection.isDialled) return
    this.#startControl(this.#session.open())
    this.#control?.send(encodeControl(parts.hello()))
  }

  get peerName(): string {
    return this.#hello.name
  }

  get peerInstance(): string {
    return this.#hello.instance
  }

  get peerListens(): readonly string[] {
    const reached = parseHostPort(this.address)
    const seen = this.#hello.listens.flatMap((listen) => {
      const said = parseHostPort(listen)
      return reached === undefined || said === undefined
        ? []
        : [formatHostPort({ host: reached.host, port: said.port })]
    })
    return [...new Set([...seen, ...this.#hello.listens])].slice(0, linkLimits.addresses)
  }

  get roundTripMs(): number | undefined {
    return this.#session.leastRoundTripMs ?? undefined
  }

  get hasPresence(): boolean {
    return this.#hello.features.includes(linkFeatures.presence)
  }

  get bytesIn(): number {
    return this.#session.bytesIn
  }

  get bytesOut(): number {
    return this.#session.bytesOut
  }

  get isOpen(): boolean {
    return this.#phase === 'open'
  }

  open(topic: StreamTopic): FrameStream {
    if (this.#phase !== 'open') throw linkError('LINK_CLOSED', 'the link is closed')
    try {
      return openFrameStream({ ...this.#streamParts, wire: this.#session.open() }, topic)
    } catch (error) {
      throw linkError('LINK_CLOSED', 'the link takes no more streams', error)
    }
  }

  poke(): void {
    if (this.#phase === 'open') this.#control?.send(encodeControl({ type: 'poke' }))
  }

  /** Says goodbye, and is gone at once for its owner. */
  close(reason: string): void {
    if (this.#phase === 'closed') return
    this.#gone(reason)
    clearTimeout(this.#timer)
    if (this.#control === undefined) {
      this.destroy()
      return
    }
    this.#timer = setTimeout(() => this.destroy(), this.#parts.times.goodbyeMs)
    const text = reason.toWellFormed().slice(0, reasonCharacters).toWellFormed()
    this.#control.send(encodeControl({ type: 'goodbye', reason: text }))
    this.#control.close(text)
  }

  /** Without a word. Nothing is left after it. */
  destroy(): void {
    this.#end('closed')
  }

  #take(stream: YamuxStream): void {
    if (this.#phase === 'closed') stream.destroy()
    else if (this.#control === undefined) this.#startControl(stream)
    else if (this.#phase === 'open') this.#accept(stream)
    else if (this.#early.length < linkLimits.earlyStreams) {
      stream.pause()
      this.#early.push(stream)
    } else this.#fail('streams before the greeting')
  }

  #startControl(stream: YamuxStream): void {
    const control = new FramePipe(stream, {
      limits: frameLimits.control,
      onFault: (fault) => this.#fail(fault),
    })
    this.#control = control
    control.setHandler({
      onFrame: (head) => this.#onControl(head),
      onDrain: () => {},
      onClose: (reason) => this.#onControlClosed(reason),
    })
  }

  #onControl(head: Uint8Array): void {
    if (this.#phase === 'closed') return
    const message = decodeControl(head)
    if (message instanceof FormatError) this.#fail(message.message)
    else if (message.type === 'goodbye') this.#end(message.reason.slice(0, reasonCharacters))
    else if (message.type === 'hello' && this.#phase === 'greeting') this.#greet(message)
    else if (message.type === 'poke' && this.#phase === 'open') this.#parts.hooks.onPoke(this)
    else this.#fail(`an unexpected ${message.type}`)
  }

  #greet(hello: Hello): void {
    const { hooks, clock } = this.#parts
    this.#hello = hello
    const refusal = hooks.admit(this)
    if (refusal !== undefined) {
      this.close(refusal)
      return
    }
    if (!this.isDialled) this.#control?.send(encodeControl(this.#parts.hello()))
    clearTimeout(this.#timer)
    this.#phase = 'open'
    this.openedAt = clock.monotonic()
    this.#measure(0)
    hooks.onOpen(this)
    this.#settleOpened(true)
    const early = this.#early
    this.#early = []
    for (const stream of early) this.#accept(stream)
  }

  /** Some times at the beginning, so that it is known early how near the other end is. Later, signs of life tell. */
  #measure(count: number): void {
    this.#session.ping(this.#parts.times.handshakeMs, () => {})
    const delayMs = measureAfterMs[count]
    if (delayMs === undefined) return
    this.#timer = setTimeout(() => this.#measure(count + 1), delayMs)
    this.#timer.unref()
  }

  #accept(wire: YamuxStream): void {
    acceptFrameStream({ ...this.#streamParts, wire }, this.#parts.times.topicMs, (stream) => {
      const verdict =
        this.#phase === 'open' ? this.#parts.hooks.onStream(this, stream.topic, stream) : 'closing'
      if (verdict !== 'accept') stream.close(verdict)
    })
    wire.resume()
  }

  #onControlClosed(reason: string): void {
    // NOTE: after a goodbye of ours it has left, and the connection goes once the system has taken it.
    if (this.#phase === 'closed') this.#connection.socket.destroySoon()
    else this.#end(reason)
  }

  #fail(detail: string): void {
    if (this.#phase === 'closed') return
    this.#parts.hooks.onFault(this, detail)
    this.close(`fault: ${detail}`)
  }

  #end(reason: string): void {
    this.#gone(reason)
    this.#session.destroy()
  }

  #onSessionClosed(error: Error | null): void {
    this.#parts.sweeper.delete(this.#session)
    clearTimeout(this.#timer)
    this.#gone(error === null ? 'the other end hung up' : `${errorCode(error)}: ${error.message}`)
    this.#settleClosed()
  }

  #gone(reason: string): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#early = []
    this.#settleOpened(false)
    this.#parts.hooks.onGone(this, reason)
  }
}
