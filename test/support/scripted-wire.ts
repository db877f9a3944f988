import type { Wire, WireHandler } from '../../src/net/wire.ts'

/**
 * A wire without a peer: the test says what comes and looks at what was written. Bytes it hands out are
 * overwritten after the call, as `WireHandler.onData` allows.
 */
export class ScriptedWire implements Wire {
  readonly writes: Buffer[] = []
  /** What was called, in order, apart from writes. */
  readonly calls: ('end' | 'destroy' | 'destroySoon' | 'pause' | 'resume')[] = []
  #handler: WireHandler | null = null
  /** What `write` returns. */
  isWritable = true
  /** Answers a write at once, inside the call. */
  onWrite: (bytes: Buffer) => void = () => undefined

  get written(): Buffer {
    return Buffer.concat(this.writes)
  }

  get handler(): WireHandler | null {
    return this.#handler
  }

  /** Bytes arrive. */
  give(bytes: Buffer): void {
    const chunk = Buffer.from(bytes)
    this.#handler?.onData(chunk)
    chunk.fill(0xaa)
  }

  giveEnd(): void {
    this.#handler?.onEnd()
  }

  drain(): void {
    this.isWritable = true
    this.#handler?.onDrain()
  }

  close(error: Error | null = null): void {
    this.#handler?.onClose(error)
  }

  setHandler(handler: WireHandler): void {
    this.#handler = handler
  }

  write(data: Buffer | string): boolean {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data)
    this.writes.push(bytes)
    this.onWrite(bytes)
    return this.isWritable
  }

  cork(): void {}

  uncork(): boolean {
    return this.isWritable
  }

  end(): void {
    this.calls.push('end')
  }

  destroy(): void {
    this.calls.push('destroy')
  }

  destroySoon(): void {
    this.calls.push('destroySoon')
  }

  pause(): void {
    this.calls.push('pause')
  }

  resume(): void {
    this.calls.push('resume')
  }
}
