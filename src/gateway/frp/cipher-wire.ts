import type { Wire, WireHandler } from '../../net/wire.ts'
import { CfbOpener, CfbSealer } from './control-cipher.ts'

export interface CipherWireOptions {
  readonly authToken: string
  readonly randomBytes: (count: number) => Buffer
  /** Bytes of the other side that were read from the wire already, still encrypted. */
  readonly early?: Buffer
}

/**
 * The payload of a work connection with useEncryption: a wire on a wire, with the cipher of the control
 * connection. The IV leaves with the first bytes. It owns the wire; ends and back-pressure pass through.
 */
export class CipherWire implements Wire, WireHandler {
  readonly #wire: Wire
  readonly #sealer: CfbSealer
  readonly #opener: CfbOpener
  #handler: WireHandler | null = null
  /** Clear bytes that wait for the first handler, or for `resume`. */
  #early: Buffer | null
  #isPaused = false
  #isEndHeld = false

  constructor(wire: Wire, options: CipherWireOptions) {
    this.#wire = wire
    this.#sealer = new CfbSealer(options.authToken, options.randomBytes)
    this.#opener = new CfbOpener(options.authToken)
    const early = this.#opener.open(options.early ?? Buffer.alloc(0))
    this.#early = early.length > 0 ? early : null
  }

  setHandler(handler: WireHandler): void {
    const isFirst = this.#handler === null
    this.#handler = handler
    if (!isFirst) return
    this.#wire.setHandler(this)
    // Not inside this call: nobody expects bytes of a wire there.
    if (this.#early !== null) queueMicrotask(() => this.#giveEarly())
  }

  write(data: Buffer | string): boolean {
    return this.#wire.write(this.#sealer.seal(data))
  }

  cork(): void {
    this.#wire.cork()
  }

  uncork(): boolean {
    return this.#wire.uncork()
  }

  end(): void {
    this.#wire.end()
  }

  destroy(): void {
    this.#early = null
    this.#wire.destroy()
  }

  destroySoon(): void {
    this.#wire.destroySoon()
  }

  pause(): void {
    this.#isPaused = true
    this.#wire.pause()
  }

  resume(): void {
    this.#isPaused = false
    if (this.#early !== null) queueMicrotask(() => this.#giveEarly())
    this.#wire.resume()
  }

  onData(chunk: Buffer): void {
    const clear = this.#opener.open(chunk)
    if (this.#early !== null) this.#early = Buffer.concat([this.#early, clear])
    else if (clear.length > 0) this.#handler?.onData(clear)
  }

  onEnd(): void {
    if (this.#early === null) this.#handler?.onEnd()
    else this.#isEndHeld = true
  }

  onDrain(): void {
    this.#handler?.onDrain()
  }

  onClose(error: Error | null): void {
    this.#isPaused = false
    this.#giveEarly()
    this.#handler?.onClose(error)
  }

  #giveEarly(): void {
    const early = this.#early
    if (early === null || this.#isPaused) return
    this.#early = null
    this.#handler?.onData(early)
    if (!this.#isEndHeld) return
    this.#isEndHeld = false
    this.#handler?.onEnd()
  }
}
