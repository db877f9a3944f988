import type { FrpMessage } from '../frp/messages.ts'
import type { ChannelReceiver } from './opening-stream.ts'

/** Stands in for a control session until it is decided whether there is one; a client says nothing before that. */
export class LateReceiver implements ChannelReceiver {
  #receiver: ChannelReceiver | null = null
  #isClosed = false

  /** The channel ended before anything was decided. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  become(receiver: ChannelReceiver): void {
    this.#receiver = receiver
  }

  onMessage(message: FrpMessage): void {
    this.#receiver?.onMessage(message)
  }

  onClose(error: Error | null): void {
    this.#isClosed = true
    this.#receiver?.onClose(error)
  }
}
