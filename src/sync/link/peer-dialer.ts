import type { DeviceId } from '../ids.ts'
import { DialTurns } from './dial-turns.ts'
import type { LinkTimes } from './link-limits.ts'

export interface PeerDialerOptions {
  /** Tries all addresses of a device; true if there is a link now. Never rejects. */
  readonly attempt: (peer: DeviceId, signal: AbortSignal) => Promise<boolean>
  readonly isLinked: (peer: DeviceId) => boolean
  /** From 0 to 1. */
  readonly random: () => number
  readonly times: Pick<LinkTimes, 'backOffFirstMs' | 'backOffLastMs' | 'steadyMs'>
}

interface Peer {
  failures: number
  timer: NodeJS.Timeout | undefined
  isTrying: boolean
  /** Asked for while an attempt was under way. */
  isDueAgain: boolean
  /** Greater for one whose link ended later; 0 if it had none in this run. */
  lastLinked: number
}

const jitter = 0.2

/** Keeps trying to reach every known device that there is no link to: each with a back-off of its own, and in its turn. */
export class PeerDialer {
  readonly #options: PeerDialerOptions
  readonly #peers = new Map<DeviceId, Peer>()
  readonly #turns = new DialTurns()
  #links = 0
  readonly #abort = new AbortController()

  constructor(options: PeerDialerOptions) {
    this.#options = options
  }

  /** Those to be reached from now on, and no others. */
  setPeers(ids: Iterable<DeviceId>): void {
    const wanted = new Set(ids)
    for (const [id, peer] of this.#peers) {
      if (wanted.has(id)) continue
      clearTimeout(peer.timer)
      this.#turns.forget(id)
      this.#peers.delete(id)
    }
    for (const id of wanted) if (!this.#peers.has(id)) this.#add(id)
  }

  /** At once, whatever the back-off says; if that fails, it goes on from where it was. */
  dialNow(id: DeviceId): void {
    if (this.#abort.signal.aborted) return
    const peer = this.#peers.get(id)
    if (peer === undefined) this.#add(id, true)
    else if (peer.isTrying) peer.isDueAgain = true
    else this.#schedule(id, peer, 0, true)
  }

  /** A link to it has ended, and there is no other. */
  lost(id: DeviceId, lastedMs: number): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    peer.lastLinked = ++this.#links
    if (peer.isTrying) return
    if (lastedMs >= this.#options.times.steadyMs) peer.failures = 0
    this.#scheduleAfterFailure(id, peer)
  }

  stop(): void {
    this.#abort.abort()
    for (const peer of this.#peers.values()) clearTimeout(peer.timer)
    this.#peers.clear()
    this.#turns.clear()
  }

  #add(id: DeviceId, isUrgent = false): void {
    if (this.#abort.signal.aborted) return
    const peer: Peer = { failures: 0, timer: undefined, isTrying: false, isDueAgain: false, lastLinked: 0 }
    this.#peers.set(id, peer)
    this.#schedule(id, peer, 0, isUrgent)
  }

  #scheduleAfterFailure(id: DeviceId, peer: Peer): void {
    const { backOffFirstMs, backOffLastMs } = this.#options.times
    const base = Math.min(backOffLastMs, backOffFirstMs * 2 ** peer.failures)
    peer.failures = Math.min(peer.failures + 1, 16)
    this.#schedule(id, peer, base * (1 - jitter + 2 * jitter * this.#options.random()))
  }

  #schedule(id: DeviceId, peer: Peer, delayMs: number, isUrgent = false): void {
    clearTimeout(peer.timer)
    peer.timer = setTimeout(() => {
      this.#turns.ask(id, peer.lastLinked, isUrgent)
      this.#goOn()
    }, delayMs)
  }

  #goOn(): void {
    for (let id = this.#turns.next(); id !== undefined; id = this.#turns.next()) {
      const peer = this.#peers.get(id)
      if (peer === undefined || peer.isTrying || this.#options.isLinked(id)) this.#turns.done()
      else void this.#try(id, peer)
    }
  }

  async #try(id: DeviceId, peer: Peer): Promise<void> {
    clearTimeout(peer.timer)
    peer.isTrying = true
    peer.isDueAgain = false
    await this.#options.attempt(id, this.#abort.signal)
    peer.isTrying = false
    this.#turns.done()
    const isOver = this.#peers.get(id) !== peer || this.#abort.signal.aborted || this.#options.isLinked(id)
    if (!isOver && peer.isDueAgain) this.#schedule(id, peer, 0, true)
    else if (!isOver) this.#scheduleAfterFailure(id, peer)
    this.#goOn()
  }
}
