import { transientBytes } from '../../net/wire.ts'
import { ByteQueue } from './byte-queue.ts'
import { frameFlag, frameType, frameWord, initialWindowBytes, maxUint32 } from './frame.ts'
import type { OutputBatch } from './output-batch.ts'
import type { SendScheduler } from './send-scheduler.ts'

/** With less than this queued in copies, a writer may go on. */
const queueMarkBytes = 65_536
const dataWord = frameWord(frameType.data, 0)
const finWord = frameWord(frameType.windowUpdate, frameFlag.fin)

export interface SendSideOwner {
  /** After `end`: some of what was left was given to the wire. */
  onSendProgress(): void
  /** After a write that returned false: all of it has left. */
  onSendDrained(): void
  /** All data and then the FIN have left. */
  onSendEnded(): void
}

/** The outgoing half of a stream: what waits, what the peer's window allows, one FIN after the last byte. */
export class SendSide {
  nextInRing: SendSide | null = null
  isInRing = false
  /** The FIN was given to the wire, or nothing may be sent any more. */
  isFinished = false
  readonly #owner: SendSideOwner
  readonly #streamId: number
  readonly #scheduler: SendScheduler
  #queue: ByteQueue | null = null
  #windowBytes = initialWindowBytes
  #isCorked = false
  #isEnding = false
  #wantsDrain = false
  /** The queue, or the wire while it is blocked, refers to a buffer of the caller. */
  #refersToCaller = false

  constructor(owner: SendSideOwner, streamId: number, scheduler: SendScheduler) {
    this.#owner = owner
    this.#streamId = streamId
    this.#scheduler = scheduler
  }

  get queuedBytes(): number {
    return this.#queue === null ? 0 : this.#queue.length
  }

  /** As a wire's `write`; after `end` or `drop` nothing is sent, and the answer is true. */
  write(data: Buffer | string): boolean {
    if (this.#isEnding) return true
    const isText = typeof data === 'string'
    const bytes = isText ? Buffer.from(data, 'latin1') : data
    if (bytes.length === 0) return !this.#wantsDrain
    this.#queue ??= new ByteQueue()
    if (bytes.length <= transientBytes) this.#queue.copy(bytes)
    else {
      this.#queue.keep(bytes)
      if (!isText) this.#refersToCaller = true
    }
    if (this.#isCorked) return true
    this.#activate()
    return this.#mayGoOn()
  }

  cork(): void {
    this.#isCorked = true
  }

  uncork(): boolean {
    this.#isCorked = false
    if (this.#isEnding) return true
    this.#activate()
    return this.#mayGoOn()
  }

  /** Uncorks, too. */
  end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#isCorked = false
    this.#scheduler.activate(this)
  }

  /** Forgets what was not given to the wire; no FIN. */
  drop(): void {
    this.#queue = null
    this.#isEnding = true
    this.isFinished = true
    this.#wantsDrain = false
  }

  /** False if the window would become larger than the protocol allows. */
  widen(credit: number): boolean {
    if (this.#windowBytes + credit > maxUint32) return false
    this.#windowBytes += credit
    this.#activate()
    return true
  }

  /** For the scheduler: adds the next frame, if there is one. True if there is more and the window allows it. */
  send(batch: OutputBatch, quantumBytes: number): boolean {
    if (this.#isCorked) return false
    const queue = this.#queue
    if (queue !== null) {
      const count = Math.min(queue.length, quantumBytes, this.#windowBytes)
      if (count === 0) return false
      if (this.#isEnding) this.#owner.onSendProgress()
      this.#windowBytes -= count
      batch.addHeader(dataWord, this.#streamId, count)
      batch.addFrom(queue, count)
      if (queue.length > 0) return this.#windowBytes > 0
      this.#queue = null
    }
    if (this.#isEnding && !this.isFinished) {
      batch.addHeader(finWord, this.#streamId, 0)
      this.isFinished = true
      this.#owner.onSendProgress()
      this.#scheduler.awaitLeft(this)
    } else if (this.#wantsDrain) this.#scheduler.awaitLeft(this)
    return false
  }

  /** From the scheduler, after `awaitLeft`. */
  left(): void {
    if (this.#queue !== null) return
    this.#refersToCaller = false
    if (this.#wantsDrain) {
      this.#wantsDrain = false
      this.#owner.onSendDrained()
    }
    if (this.isFinished) this.#owner.onSendEnded()
  }

  /** Where there is a byte that may be sent. */
  #activate(): void {
    if (this.#queue !== null && this.#windowBytes > 0 && !this.#isCorked) this.#scheduler.activate(this)
  }

  #mayGoOn(): boolean {
    const scheduler = this.#scheduler
    if (this.#refersToCaller || this.queuedBytes >= queueMarkBytes) scheduler.flush()
    if (this.#queue === null && !scheduler.isBlocked) this.#refersToCaller = false
    if (!this.#refersToCaller && this.queuedBytes < queueMarkBytes) return !this.#wantsDrain
    this.#wantsDrain = true
    if (this.#queue === null) scheduler.awaitLeft(this)
    return false
  }
}
