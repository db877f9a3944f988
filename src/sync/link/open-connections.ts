import type { DeviceId } from '../ids.ts'
import { linkLimits } from './link-limits.ts'

/** What of a link counts here: also of one whose ends are still greeting, or saying goodbye. */
export interface OpenLink {
  readonly peer: DeviceId
  /** Its connection is gone. Never rejects. */
  readonly closed: Promise<void>
  close(reason: string): void
  destroy(): void
}

/** The socket of a join. */
export interface OpenSocket {
  once(event: 'close', listener: () => void): unknown
  /** After what was written has left. */
  destroySoon(): void
  destroy(): void
}

/** For goodbyes to leave. */
const closeMs = 1_500

/** All connections whose other end is known, from their beginning to their end: how many there may be, and their end. */
export class OpenConnections<Each extends OpenLink> {
  readonly #links = new Set<Each>()
  readonly #joins = new Set<OpenSocket>()

  add(link: Each): void {
    this.#links.add(link)
    void link.closed.then(() => this.#links.delete(link))
  }

  addJoin(socket: OpenSocket): void {
    this.#joins.add(socket)
    socket.once('close', () => this.#joins.delete(socket))
  }

  /** No other connection of this device fits in. */
  isCrowded(peer: DeviceId): boolean {
    if (this.#links.size >= linkLimits.links) return true
    let ofPeer = 0
    for (const link of this.#links) if (link.peer === peer) ofPeer++
    return ofPeer >= linkLimits.linksOfDevice
  }

  /** Says goodbye to all. None is open after it, however slow the other ends are. */
  async close(): Promise<void> {
    const closed = [...this.#links].map((link) => link.closed)
    for (const link of this.#links) link.close('stopping')
    for (const socket of this.#joins) socket.destroySoon()
    const { promise: late, resolve } = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => resolve(undefined), closeMs)
    await Promise.race([Promise.all(closed), late])
    clearTimeout(timer)
    for (const link of this.#links) link.destroy()
    for (const socket of this.#joins) socket.destroy()
  }
}
