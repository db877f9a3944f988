import type { Clock } from '../../base/clock.ts'
import type { DeadlineSweeper } from '../../base/deadlines.ts'
import type { Dialer } from '../../net/wire.ts'
import { isEnginePort } from '../access/engine-allow-list.ts'
import { UpstreamPool } from '../upstream/upstream-pool.ts'
import type { EngineVersion } from './api-version.ts'
import { EngineClient, type EngineProblem } from './engine-client.ts'
import type { EngineEvents } from './engine-events.ts'
import { untilAborted } from './until-aborted.ts'

export type { EngineVersion } from './api-version.ts'

/** How an engine is reached; tcp: whatever listens on the port of this machine. */
export type EngineVia = 'socket' | 'tunnel' | 'tcp'

export interface EngineStatus {
  readonly port: number
  readonly via: EngineVia
  /** At the last attempt; null: there was none. */
  readonly reachable: boolean | null
  /** As last known. */
  readonly version: EngineVersion | null
  readonly lastError: EngineProblem | null
  /** Calls under way, and those that wait for their turn. */
  readonly busy: number
  readonly waiting: number
}

export interface EnginesOptions {
  /** Leads 127.0.0.1 and an engine port to its engine. */
  readonly dialer: Dialer
  readonly connectTimeoutMs: number
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly events: EngineEvents
  /** Engines there are, or were, by what the gateway knows besides its own calls: a socket, tunnels open or remembered. */
  readonly known: () => ReadonlyMap<number, EngineVia>
}

/** For all questions to one engine about its versions. */
const surveyTimeoutMs = 3_000

/** All Docker engines behind the gateway, by the ports under which Nextcloud knows them. */
export class Engines {
  /** Of the connections to engines. */
  readonly pool: UpstreamPool
  readonly events: EngineEvents
  readonly #options: EnginesOptions
  readonly #clients = new Map<number, EngineClient>()

  constructor(options: EnginesOptions) {
    this.#options = options
    this.events = options.events
    this.pool = new UpstreamPool({ ...options, dialer: engineDialer(options.dialer) })
  }

  client(port: number): EngineClient {
    const known = this.#clients.get(port)
    if (known !== undefined) return known
    const client = new EngineClient({
      port,
      pool: this.pool,
      clock: this.#options.clock,
      events: this.events,
    })
    // Another port has no engine: it is not worth remembering.
    if (isEnginePort(port)) this.#clients.set(port, client)
    return client
  }

  /** Rejects as `EngineClient.version`. */
  versionOf(port: number): Promise<EngineVersion> {
    return this.client(port).version()
  }

  /**
   * Whether there ever was an engine at the port: the socket of this machine, a tunnel that is open or remembered, or
   * anything that answered since the start.
   */
  isConfigured(port: number): boolean {
    return this.#options.known().has(port) || this.#clients.get(port)?.wasReached === true
  }

  /** What is behind the port has changed: a tunnel opened or closed. */
  changed(port: number): void {
    const client = this.#clients.get(port)
    if (client === undefined) return
    client.forgetVersion()
    this.pool.closeIdle(client.target)
  }

  list(): readonly EngineStatus[] {
    const known = this.#options.known()
    const ports = new Set([...known.keys(), ...this.#clients.keys()])
    return [...ports]
      .toSorted((one, other) => one - other)
      .map((port) => {
        const client = this.client(port)
        return {
          port,
          via: known.get(port) ?? 'tcp',
          reachable: client.isReachable,
          version: client.lastVersion,
          lastError: client.lastError,
          busy: client.busy,
          waiting: client.waiting,
        }
      })
  }

  /** As `list`, once each was asked now; what is too slow is told as it was last. Never rejects. */
  async survey(): Promise<readonly EngineStatus[]> {
    await Promise.all(this.list().map(({ port }) => this.#ask(this.client(port))))
    return this.list()
  }

  async #ask(client: EngineClient): Promise<void> {
    client.forgetVersion()
    try {
      await untilAborted(client.version(), AbortSignal.timeout(surveyTimeoutMs))
    } catch {
      // NOTE: the client has noted what is wrong, which is what was asked.
    }
  }

  stop(): void {
    for (const client of this.#clients.values()) client.stop()
    this.pool.stop()
  }
}

/** What else listens on this machine is no engine, whatever port a caller names (W4). */
function engineDialer(dialer: Dialer): Dialer {
  return {
    async dial(target, timeoutMs) {
      if (!isEnginePort(target.port)) throw new Error('engines have the ports 24000 to 24099')
      return dialer.dial(target, timeoutMs)
    },
  }
}
