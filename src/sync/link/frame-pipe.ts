import { errorCode } from '../../base/errors.ts'
import { freeMemory } from '../../base/free-memory.ts'
import { printable } from '../../base/printable.ts'
import { spend } from '../../base/spent-memory.ts'
import type { Wire, WireHandler } from '../../net/wire.ts'
import { encodeEnd, FrameReader, prefixBytes, writePrefix } from './frames.ts'
import type { FrameFault } from './frames.ts'
import type { FrameHandler } from './link.ts'
import type { FrameLimits } from './link-limits.ts'
import { reasonCharacters } from './link-limits.ts'

const nothing = new Uint8Array(0)
/** Small writes are copied, so one is enough for all. */
const prefix = Buffer.alloc(prefixBytes)
const reasonDecoder = new TextDecoder()

export interface FramePipeOptions {
  /** Of what comes. */
  readonly limits: FrameLimits
  /** Of what is sent, where that is something else. */
  readonly sendLimits?: FrameLimits
  /** A reader that has read from the wire before goes on with what is left in it. */
  readonly reader?: FrameReader
  /** The other end broke the rules. The pipe is closed by then. */
  readonly onFault: (fault: FrameFault) => void
}

/**
 * Frames both ways on a wire whose chunks stay as they are after the call (streams of a yamux session that says so, and
 * a StreamWire). Holds at most one unfinished frame and the rest of one chunk.
 */
export class FramePipe implements WireHandler {
  readonly #wire: Wire
  readonly #options: FramePipeOptions
  readonly #reader: FrameReader
  #handler: FrameHandler | undefined
  #isPaused = false
  /** The wire itself is paused: until there is a handler, and while the reader pauses. */
  #isHeld = true
  #isReading = false
  #isReadDue = false
  #hasEnded = false
  #isClosing = false
  /** Nothing more happens: everything has left, or nothing can. */
  #isOver = false
  #closeReason: string | undefined
  #closeWasTold = false
  /** Payloads that nobody needs once they have left. */
  #spent: Uint8Array[] = []

  constructor(wire: Wire, options: FramePipeOptions) {
    this.#wire = wire
    this.#options = options
    this.#reader = options.reader ?? new FrameReader(options.limits)
    this.#reader.setLimits(options.limits)
    wire.pause()
    wire.setHandler(this)
  }

  /** Nothing can be sent any more. */
  get isClosed(): boolean {
    return this.#isClosing
  }

  setHandler(handler: FrameHandler): void {
    this.#handler = handler
    this.#readSoon()
  }

  send(head: Uint8Array, payload: Uint8Array = nothing, isSpent = false): boolean {
    if (this.#isClosing) return false
    const { headBytes, payloadBytes } = this.#options.sendLimits ?? this.#options.limits
    if (head.length > headBytes || payload.length > payloadBytes) {
      throw new RangeError(`a frame of ${head.length} and ${payload.length} bytes is too large to be sent`)
    }
    const wire = this.#wire
    wire.cork()
    writePrefix(prefix, head.length, payload.length)
    wire.write(prefix)
    if (head.length > 0) wire.write(bufferOf(head))
    if (payload.length > 0) wire.write(bufferOf(payload))
    const isTaken = wire.uncork()
    if (isSpent && isTaken) freeMemory(payload)
    else if (isSpent) this.#spent.push(payload)
    return isTaken
  }

  pause(): void {
    this.#isPaused = true
    this.#isHeld = true
    this.#wire.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#readSoon()
  }

  /** The handler's `onClose` follows once everything has left. */
  close(reason = 'closed'): void {
    if (this.#isClosing) return
    const text = printable(reason.toWellFormed(), reasonCharacters - 1)
    this.#wire.write(encodeEnd(text))
    this.#finish(text)
  }

  /** Nothing of what was sent is waited for. */
  destroy(reason: string): void {
    this.#isClosing = true
    this.#closeReason ??= reason
    this.#wire.destroy()
    this.#over()
  }

  // What follows is for the wire.

  onData(chunk: Buffer): void {
    if (this.#isClosing) return
    spend(chunk.length)
    this.#reader.push(chunk)
    this.#read()
  }

  onEnd(): void {
    this.#hasEnded = true
    this.#readSoon()
  }

  onDrain(): void {
    for (const payload of this.#spent) freeMemory(payload)
    this.#spent = []
    if (!this.#isClosing) this.#handler?.onDrain()
  }

  onClose(error: Error | null): void {
    this.#spent = []
    this.#isClosing = true
    this.#isOver = true
    this.#closeReason ??= error === null ? 'the other end closed it' : `${errorCode(error)}: ${error.message}`
    this.#tellClose()
  }

  #readSoon(): void {
    if (this.#isReadDue) return
    this.#isReadDue = true
    queueMicrotask(this.#readDue)
  }

  readonly #readDue = (): void => {
    this.#isReadDue = false
    this.#read()
  }

  #read(): void {
    if (this.#isOver) {
      this.#tellClose()
      return
    }
    if (this.#isReading || this.#isPaused || this.#handler === undefined) return
    this.#isReading = true
    try {
      if (!this.#readFrames()) return
    } finally {
      this.#isReading = false
    }
    if (!this.#hasEnded) this.#release()
    else {
      this.#finish('the other end closed it')
      this.#over()
    }
  }

  #release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#wire.resume()
  }

  /** True once everything that came is read. */
  #readFrames(): boolean {
    const reader = this.#reader
    while (!this.#isPaused && !this.#isClosing) {
      const step = reader.next()
      if (step === 'more') return true
      if (step === 'frame') this.#handler?.onFrame(reader.head, reader.payload)
      else if (step === 'end') this.#endedByPeer(reader.payload)
      else this.#fail(step)
    }
    return false
  }

  #endedByPeer(reason: Uint8Array): void {
    this.#finish(printable(reasonDecoder.decode(reason), reasonCharacters))
    this.#over()
  }

  #fail(fault: FrameFault): void {
    this.destroy(`a frame beyond the limits: ${fault}`)
    this.#options.onFault(fault)
  }

  /** Ends our side; what was written still leaves. */
  #finish(reason: string): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#closeReason ??= reason
    this.#release()
    this.#wire.destroySoon()
  }

  #over(): void {
    this.#isOver = true
    this.#readSoon()
  }

  #tellClose(): void {
    if (this.#closeWasTold || this.#handler === undefined) return
    this.#closeWasTold = true
    this.#handler.onClose(this.#closeReason ?? 'closed')
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
