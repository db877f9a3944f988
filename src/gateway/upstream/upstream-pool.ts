import type { Clock } from '../../base/clock.ts'
import type { Deadline, DeadlineSweeper } from '../../base/deadlines.ts'
import { UpstreamConnection } from './upstream-connection.ts'
import type { Dialer, DialTarget } from '../../net/wire.ts'

export interface UpstreamPoolOptions {
  readonly dialer: Dialer
  readonly connectTimeoutMs: number
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
}

const maxIdle = 2_048
const defaultIdleMs = 4_000
/** A request that must not be sent twice takes only a connection that was just used. */
const cautiousIdleMs = 1_000

/**
 * Idle upstream connections by address, youngest first. Old ones are closed before the usual keep-alive
 * limits of app servers (5 s) can race with a request; an announced `Keep-Alive: timeout` is respected.
 */
export class UpstreamPool implements Deadline {
  readonly #options: UpstreamPoolOptions
  readonly #idle = new Map<string, UpstreamConnection[]>()
  #idleCount = 0
  deadlineAt = Number.POSITIVE_INFINITY

  constructor(options: UpstreamPoolOptions) {
    this.#options = options
    options.sweeper.add(this)
  }

  get idleCount(): number {
    return this.#idleCount
  }

  /** A waiting connection, or null. `cautious`: the request cannot be retried. */
  take(target: DialTarget, cautious: boolean): UpstreamConnection | null {
    const list = this.#idle.get(poolKey(target))
    const connection = list?.at(-1)
    if (connection === undefined || list === undefined) return null
    const age = this.#options.clock.monotonic() - connection.idleSince
    if (age > (cautious ? Math.min(cautiousIdleMs, idleLimitMs(connection)) : idleLimitMs(connection))) {
      return null
    }
    list.pop()
    this.#idleCount--
    return connection
  }

  /** A new connection; rejects with the reason there is none. */
  async dial(target: DialTarget): Promise<UpstreamConnection> {
    const wire = await this.#options.dialer.dial(target, this.#options.connectTimeoutMs)
    const key = poolKey(target)
    return new UpstreamConnection(wire, (connection) => this.#remove(key, connection))
  }

  /** Takes a finished connection back; what is not reusable is closed. */
  release(target: DialTarget, connection: UpstreamConnection): void {
    connection.detach()
    if (!connection.isReusable || this.#idleCount >= maxIdle) {
      connection.destroy()
      return
    }
    const now = this.#options.clock.monotonic()
    connection.idleSince = now
    const key = poolKey(target)
    const list = this.#idle.get(key)
    if (list === undefined) this.#idle.set(key, [connection])
    else list.push(connection)
    this.#idleCount++
    if (this.deadlineAt === Number.POSITIVE_INFINITY) this.deadlineAt = now + defaultIdleMs / 2
  }

  /** Sweeps what has been idle for too long. */
  onDeadline(now: number): void {
    for (const [key, list] of this.#idle) {
      const kept = list.filter((connection) => {
        const young = now - connection.idleSince <= idleLimitMs(connection)
        if (!young) connection.destroy()
        return young
      })
      this.#idleCount -= list.length - kept.length
      if (kept.length === 0) this.#idle.delete(key)
      else this.#idle.set(key, kept)
    }
    this.deadlineAt = this.#idleCount === 0 ? Number.POSITIVE_INFINITY : now + defaultIdleMs / 2
  }

  /** Closes every idle connection to an address: its app has moved. */
  closeIdle(target: DialTarget): void {
    const key = poolKey(target)
    const list = this.#idle.get(key) ?? []
    this.#idle.delete(key)
    this.#idleCount -= list.length
    for (const connection of list) connection.destroy()
  }

  stop(): void {
    this.#options.sweeper.delete(this)
    for (const list of this.#idle.values()) for (const connection of list) connection.destroy()
    this.#idle.clear()
    this.#idleCount = 0
  }

  #remove(key: string, connection: UpstreamConnection): void {
    const list = this.#idle.get(key)
    const index = list?.indexOf(connection) ?? -1
    if (list === undefined || index === -1) return
    list.splice(index, 1)
    this.#idleCount--
    if (list.length === 0) this.#idle.delete(key)
  }
}

function poolKey(target: DialTarget): string {
  return `${target.address} ${target.port}`
}

function idleLimitMs(connection: UpstreamConnection): number {
  const announced = connection.keepAliveSeconds
  return announced === null ? defaultIdleMs : Math.min(60_000, Math.max(0, announced * 1000 - 1000))
}
