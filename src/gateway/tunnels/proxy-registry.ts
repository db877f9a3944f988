import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import type { ControlSession } from './control-session.ts'
import type { TunnelKind } from './tunnel-status.ts'

/** A proxy in frp's sense: a name and a port, served by one client's control session. */
export interface FrpProxy {
  readonly name: string
  readonly port: number
  readonly kind: TunnelKind
  readonly useEncryption: boolean
  readonly session: ControlSession
  /** Wall-clock milliseconds. */
  readonly openedAt: number
}

const rememberedMs = 24 * 3_600_000
const maxRemembered = 10_000

/** Live proxies by name and by port; both are unique over all clients. */
export class ProxyRegistry {
  readonly #byName = new Map<string, FrpProxy>()
  readonly #byPort = new Map<number, FrpProxy>()
  readonly #lastPorts: BoundedMap<string, number>

  constructor(clock: Clock) {
    this.#lastPorts = new BoundedMap({
      maxEntries: maxRemembered,
      maxAgeMs: rememberedMs,
      now: () => clock.monotonic(),
    })
  }

  get size(): number {
    return this.#byPort.size
  }

  byName(name: string): FrpProxy | undefined {
    return this.#byName.get(name)
  }

  byPort(port: number): FrpProxy | undefined {
    return this.#byPort.get(port)
  }

  /** The port that a name had within the last day. */
  lastPortOf(name: string): number | undefined {
    return this.#lastPorts.get(name)
  }

  /** Name and port must be free. */
  add(proxy: FrpProxy): void {
    this.#byName.set(proxy.name, proxy)
    this.#byPort.set(proxy.port, proxy)
    this.#lastPorts.set(proxy.name, proxy.port)
  }

  /** Does nothing where another proxy has taken the place. */
  remove(proxy: FrpProxy): void {
    if (this.#byName.get(proxy.name) === proxy) this.#byName.delete(proxy.name)
    if (this.#byPort.get(proxy.port) === proxy) this.#byPort.delete(proxy.port)
  }

  list(): FrpProxy[] {
    return [...this.#byPort.values()].toSorted((one, other) => one.port - other.port)
  }
}
