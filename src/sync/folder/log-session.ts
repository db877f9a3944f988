import type { Clock } from '../../base/clock.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { ExchangeSession } from '../exchange/exchange-session.ts'
import type { DeviceId } from '../ids.ts'
import type { FrameStream } from '../link/link.ts'
import type { Acceptance } from '../log/acceptance.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Replica } from '../replica/replica.ts'

export interface LogSessionParts {
  readonly replica: Replica
  readonly suite: CryptoSuite
  readonly clock: Clock
  /** The log or the statements have grown by what this peer sent. */
  readonly onGrown: (acceptance: Acceptance | undefined, session: LogSession) => void
  readonly onClosed: (session: LogSession, reason: string) => void
  /** Whatever a store may throw while a message is taken in ends the folder, and not the process. */
  readonly guard: (act: () => void) => void
}

const nothing = new Uint8Array(0)
/** An answer that is due for so long does not come any more. */
const answerDeadlineMs = 60_000

/** One folder's exchange with one device, on one stream: pulls messages as the stream takes them. */
export class LogSession {
  readonly peer: DeviceId
  readonly #stream: FrameStream
  readonly #parts: LogSessionParts
  readonly #exchange: ExchangeSession<Acceptance>
  #isBlocked = false
  #isClosed = false
  #waitingSince: number | undefined

  constructor(stream: FrameStream, parts: LogSessionParts) {
    this.peer = stream.peer
    this.#stream = stream
    this.#parts = parts
    const { replica, suite } = parts
    this.#exchange = new ExchangeSession<Acceptance>(replica, {
      suite,
      folderId: replica.folderId,
      peer: stream.peer,
    })
    stream.setHandler({
      onFrame: (head) => parts.guard(() => this.#receive(head)),
      onDrain: () => {
        this.#isBlocked = false
        parts.guard(() => this.pump())
      },
      onClose: (reason) => this.#closed(reason),
    })
    this.pump()
  }

  /** As far as both ends know, they have the same. */
  get isIdle(): boolean {
    return this.#exchange.idle
  }

  /** Entries that the peer said it has. */
  get peerSize(): number | undefined {
    return this.#exchange.peerSize
  }

  peerHas(entry: LogEntry): boolean {
    return this.#exchange.peerHas(entry)
  }

  /** It was this end that had enough. */
  get brokeRules(): boolean {
    return this.#exchange.fault?.by === 'us'
  }

  /** The log has grown here. */
  changed(): void {
    this.#exchange.changed()
    this.pump()
  }

  compareAgain(): void {
    this.#exchange.compareAgain()
    this.pump()
  }

  /** Something that the peer sent earlier turned out to be invalid. */
  charge(detail: string): void {
    this.#exchange.charge(detail)
    this.pump()
  }

  /** Closes a session whose answer never came. */
  checkDeadline(): void {
    const now = this.#parts.clock.monotonic()
    if (!this.#exchange.waiting) this.#waitingSince = undefined
    else this.#waitingSince ??= now
    if (this.#waitingSince !== undefined && now - this.#waitingSince > answerDeadlineMs) {
      this.close('no answer for a minute')
    }
  }

  pump(): void {
    while (!this.#isBlocked && !this.#isClosed) {
      const message = this.#exchange.next(this.#parts.clock.wall())
      if (message === undefined) break
      this.#isBlocked = !this.#stream.send(message, nothing)
    }
    const { fault } = this.#exchange
    if (fault !== undefined) this.close(`${fault.reason}: ${fault.detail}`)
  }

  close(reason: string): void {
    if (this.#isClosed) return
    this.#stream.close(reason.slice(0, 200))
    this.#closed(reason)
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isClosed) return
    this.#waitingSince = undefined
    const { received, changed } = this.#exchange.receive(bytes, this.#parts.clock.wall())
    if (changed || (received !== undefined && received.forks.length > 0)) {
      this.#parts.onGrown(received, this)
    }
    this.pump()
  }

  #closed(reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#parts.onClosed(this, reason)
  }
}
