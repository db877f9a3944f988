import type { Wire, WireHandler } from '../../net/wire.ts'
import type { AeadOpener, AeadSealer } from './aead-stream.ts'
import { ByteReader } from './byte-reader.ts'
import { CfbOpener, CfbSealer } from './control-cipher.ts'
import { frpError } from './errors.ts'
import { detectStream } from './first-bytes.ts'
import type { Bootstrap } from './hello.ts'
import { HelloExchange } from './hello-exchange.ts'
import { decodePayload, encodeMessage, readMessage } from './message-codec.ts'
import type { FrpMessage, OutgoingMessage } from './messages.ts'
import { frameType, readFrame, wireV2Magic } from './wire-v2.ts'

export interface FrpChannelOptions {
  readonly side: 'server' | 'client'
  /** Client: 1 unless given. Server: detected from the first bytes. */
  readonly version?: 1 | 2
  /** Client, wire v2: what its hello says about the layers below. */
  readonly bootstrap?: Bootstrap
  readonly randomBytes: (count: number) => Buffer
  /** May call `encrypt`, `detach` or `destroy`: what follows the message is read accordingly. */
  readonly onMessage: (message: FrpMessage) => void
  /** Once, unless detached. A breach of the protocol is a HarpError FRP_…; null after an orderly end. */
  readonly onClose: (error: Error | null) => void
}

/** What may wait for a peer that does not read. Messages are small, so this is thousands of them. */
export const maxQueuedBytes = 262_144

/**
 * frp messages on a wire: both wire versions, their limits, the cipher of the control connection. Sets itself as
 * the wire's handler and holds at most one incomplete message (encrypted v2: and one incomplete record).
 * It has no deadlines; its owner has, since only the owner knows what it waits for.
 */
export class FrpChannel implements WireHandler {
  readonly #wire: Wire
  readonly #options: FrpChannelOptions
  readonly #bytes = new ByteReader()
  readonly #hello: HelloExchange
  #version: 1 | 2 | null
  #sealer: CfbSealer | AeadSealer | null = null
  #opener: CfbOpener | AeadOpener | null = null
  /** `closing`: nothing is read or sent any more, the wire's end is awaited. */
  #state: 'open' | 'closing' | 'over' = 'open'
  #error: Error | null = null
  #isReading = false
  #isBlocked = false
  #queuedBytes = 0

  constructor(wire: Wire, options: FrpChannelOptions) {
    this.#wire = wire
    this.#options = options
    this.#version = options.side === 'client' ? (options.version ?? 1) : null
    this.#hello = new HelloExchange(options.side, options.randomBytes, options.bootstrap)
    wire.setHandler(this)
  }

  /** On a server certain from the first message on; 1 until then. */
  get version(): 1 | 2 {
    return this.#version ?? 1
  }

  /** Never throws; a message that is too long ends the channel. Does nothing once the channel is over. */
  send(message: OutgoingMessage): void {
    if (this.#state !== 'open') return
    let bytes: Buffer
    try {
      const before = this.version === 2 ? this.#hello.beforeSend(message) : null
      bytes = encodeMessage(this.version, message)
      if (before !== null && before.length > 0) bytes = Buffer.concat([before, bytes])
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#write(this.#sealer === null ? bytes : this.#sealer.seal(bytes))
  }

  /**
   * Right after LoginResp was sent, or inside `onMessage` for it: all that follows both ways is encrypted. Never
   * throws; where there was no login, or it is done twice, the channel ends.
   */
  encrypt(authToken: string): void {
    if (this.#state !== 'open') return
    const { randomBytes } = this.#options
    try {
      if (this.#opener !== null) throw new TypeError('the channel is encrypted already')
      const { sealer, opener } =
        this.version === 2
          ? this.#hello.ciphers(authToken)
          : { sealer: new CfbSealer(authToken, randomBytes), opener: new CfbOpener(authToken) }
      this.#sealer = sealer
      this.#opener = opener
    } catch (error) {
      this.#fail(error)
      return
    }
    const early = this.#bytes.rest()
    if (early.length > 0) this.onData(early)
  }

  /**
   * Stops being the handler: the wire is raw bytes from now on, and `early` (the caller's own) are those that came
   * behind the last message. The caller sets another handler in the same turn, or what comes then is lost.
   */
  detach(): { readonly wire: Wire; readonly early: Buffer } {
    if (this.#opener !== null) throw new TypeError('an encrypted channel has no raw bytes to hand out')
    this.#state = 'over'
    return { wire: this.#wire, early: this.#bytes.rest() }
  }

  /** Ends at once; `onClose` follows with this error. */
  destroy(error?: Error): void {
    if (this.#state === 'over') return
    this.#error ??= error ?? null
    this.#stopReading()
    this.#wire.destroy()
  }

  /** Ends once what was sent has left; `onClose` follows. Nothing more is read. */
  destroySoon(): void {
    if (this.#state !== 'open') return
    this.#stopReading()
    this.#wire.destroySoon()
  }

  onData(chunk: Buffer): void {
    if (this.#state !== 'open') return
    try {
      this.#bytes.give(this.#opener === null ? chunk : this.#opener.open(chunk))
    } catch (error) {
      this.#fail(error)
      return
    }
    // NOTE: a handler of a message can make more bytes come; the loop that called it goes on with them.
    if (this.#isReading) this.#bytes.keep()
    else this.#read()
  }

  onEnd(): void {
    if (this.#state !== 'open') return
    const error =
      this.#bytes.length > 0
        ? frpError('FRP_MESSAGE_TRUNCATED', `the end came ${this.#bytes.length} bytes into a message`)
        : null
    // The owner hears of it now, not when the wire has flushed what the peer may no longer read.
    this.#wire.destroySoon()
    this.#finish(error)
  }

  onDrain(): void {
    this.#isBlocked = false
    this.#queuedBytes = 0
  }

  onClose(error: Error | null): void {
    this.#finish(this.#error ?? error)
  }

  #read(): void {
    this.#isReading = true
    try {
      for (let message = this.#next(); message !== null; message = this.#next()) {
        this.#options.onMessage(message)
      }
    } finally {
      this.#bytes.keep()
      this.#isReading = false
    }
  }

  /** The next message; null if none is complete. Where the channel is no longer open, there are no bytes. */
  #next(): FrpMessage | null {
    try {
      this.#version ??= this.#detectVersion()
      if (this.#version === null) return null
      return this.#version === 1 ? readMessage(this.#bytes) : this.#nextOfV2()
    } catch (error) {
      this.#fail(error)
      return null
    }
  }

  #detectVersion(): 1 | 2 | null {
    const start = this.#bytes.peek(Math.min(this.#bytes.length, wireV2Magic.length))
    switch (start === null ? 'need-more' : detectStream(start)) {
      case 'need-more':
        return null
      case 'v1':
        return 1
      case 'v2':
        this.#bytes.take(wireV2Magic.length)
        return 2
      case 'yamux':
        throw frpError('FRP_MESSAGE_UNKNOWN', 'a yamux session inside a stream')
      case 'unknown':
        throw frpError('FRP_MESSAGE_UNKNOWN', 'the first bytes start no frp conversation')
    }
  }

  #nextOfV2(): FrpMessage | null {
    for (;;) {
      const frame = readFrame(this.#bytes)
      if (frame === null) return null
      if (frame.type === frameType.message) {
        const message = decodePayload(frame.payload)
        this.#hello.checkMessage(message)
        return message
      }
      const refused = this.#hello.receive(frame)
      if (refused !== null) {
        this.#error = frpError('FRP_CIPHER_UNSUPPORTED', 'the client does not offer aes-256-gcm')
        this.#write(refused.refusal)
        this.destroySoon()
        return null
      }
    }
  }

  #write(bytes: Buffer): void {
    if (!this.#wire.write(bytes)) this.#isBlocked = true
    if (!this.#isBlocked) return
    this.#queuedBytes += bytes.length
    if (this.#queuedBytes <= maxQueuedBytes) return
    this.destroy(frpError('FRP_PEER_STALLED', `${this.#queuedBytes} bytes wait for the other side to read`))
  }

  #fail(error: unknown): void {
    this.destroy(error instanceof Error ? error : new Error(String(error)))
  }

  #stopReading(): void {
    this.#state = 'closing'
    this.#bytes.rest()
  }

  #finish(error: Error | null): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#bytes.rest()
    this.#options.onClose(error)
  }
}
