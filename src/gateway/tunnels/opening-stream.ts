import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { Deadline, DeadlineSweeper } from '../../base/deadlines.ts'
import { FrpChannel } from '../frp/frp-channel.ts'
import type { FrpMessage, Login, NewWorkConn } from '../frp/messages.ts'
import type { Wire } from '../../net/wire.ts'
import type { FrpConnection } from './frp-connection.ts'

/** Who takes a stream over once its first message has said what it is. */
export interface OpeningHost {
  onLogin(connection: FrpConnection, channel: FrpChannel, login: Login): ChannelReceiver
  onWorkConnection(connection: FrpConnection, channel: FrpChannel, message: NewWorkConn): void
}

/** What a channel tells once it belongs to somebody. */
export interface ChannelReceiver {
  onMessage(message: FrpMessage): void
  /** Once; null after an orderly end. */
  onClose(error: Error | null): void
}

export interface OpeningStreamOptions {
  readonly connection: FrpConnection
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly host: OpeningHost
  /** The first message came, or never will. */
  readonly onSettled: (opening: OpeningStream) => void
}

const firstMessageMs = 10_000

/** A stream whose first message is awaited: Login makes it a control connection, NewWorkConn a work connection. */
export class OpeningStream implements Deadline {
  readonly #options: OpeningStreamOptions
  readonly #channel: FrpChannel
  #receiver: ChannelReceiver | null = null
  #isSettled = false
  deadlineAt: number

  constructor(wire: Wire, options: OpeningStreamOptions) {
    this.#options = options
    this.deadlineAt = options.clock.monotonic() + firstMessageMs
    options.sweeper.add(this)
    this.#channel = new FrpChannel(wire, {
      side: 'server',
      randomBytes,
      onMessage: (message) => this.#onMessage(message),
      onClose: (error) => {
        this.#settle()
        this.#receiver?.onClose(error)
      },
    })
  }

  onDeadline(): void {
    this.destroy()
  }

  destroy(): void {
    this.#settle()
    this.#channel.destroy()
  }

  #onMessage(message: FrpMessage): void {
    if (this.#receiver !== null) {
      this.#receiver.onMessage(message)
      return
    }
    this.#settle()
    const { connection, host } = this.#options
    if (message.kind === 'Login') this.#receiver = host.onLogin(connection, this.#channel, message)
    else if (message.kind === 'NewWorkConn') host.onWorkConnection(connection, this.#channel, message)
    else this.#channel.destroy()
  }

  #settle(): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#options.sweeper.delete(this)
    this.#options.onSettled(this)
  }
}
