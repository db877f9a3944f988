import { createHash } from 'node:crypto'
import type { WireHandler } from '../../src/net/wire.ts'

/** Notes what a wire tells its handler, and whatever breaks the order of events that `Wire` promises. */
export class WireRecorder implements WireHandler {
  readonly #hash = createHash('sha1')
  readonly chunks: Buffer[] = []
  readonly closes: (Error | null)[] = []
  readonly broken: string[] = []
  /** Runs inside onData, after the bytes were noted. */
  react: (chunk: Buffer) => void = () => undefined
  whenDrained: () => void = () => undefined
  whenEnded: () => void = () => undefined
  whenClosed: () => void = () => undefined
  keepsBytes = true
  byteCount = 0
  endCount = 0
  drainCount = 0

  onData(chunk: Buffer): void {
    this.#isOpen('onData')
    if (chunk.length === 0) this.broken.push('onData without bytes')
    if (this.endCount > 0) this.broken.push('onData after onEnd')
    this.byteCount += chunk.length
    this.#hash.update(chunk)
    if (this.keepsBytes) this.chunks.push(Buffer.from(chunk))
    this.react(chunk)
  }

  onEnd(): void {
    this.#isOpen('onEnd')
    this.endCount += 1
    if (this.endCount > 1) this.broken.push('onEnd twice')
    this.whenEnded()
  }

  onDrain(): void {
    this.#isOpen('onDrain')
    this.drainCount += 1
    this.whenDrained()
  }

  onClose(error: Error | null): void {
    this.#isOpen('onClose')
    this.closes.push(error)
    this.whenClosed()
  }

  get isClosed(): boolean {
    return this.closes.length > 0
  }

  /** Everything so far; only where `keepsBytes`. */
  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }

  /** Of everything so far. */
  get digest(): string {
    return this.#hash.copy().digest('hex')
  }

  #isOpen(event: string): void {
    if (this.closes.length > 0) this.broken.push(`${event} after onClose`)
  }
}

export function digestOf(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex')
}
