import { BoundedMap } from '../../base/bounded-map.ts'
import type { Clock } from '../../base/clock.ts'
import type { FrpProxy } from './proxy-registry.ts'
import type { RefusedTunnel, TunnelProblem, TunnelStatus } from './tunnel-status.ts'

const maxRefused = 50
const maxLost = 200
const lostForMs = 24 * 3_600_000

/** What an operator wants to know after the fact: tunnels that are gone, problems they had, and who was refused. */
export class TunnelHistory {
  readonly #clock: Clock
  readonly #refused: RefusedTunnel[] = []
  readonly #lost: BoundedMap<string, TunnelStatus>
  readonly #problems: BoundedMap<string, TunnelProblem>

  constructor(clock: Clock) {
    const now = (): number => clock.monotonic()
    this.#clock = clock
    this.#lost = new BoundedMap({ maxEntries: maxLost, maxAgeMs: lostForMs, now })
    this.#problems = new BoundedMap({ maxEntries: maxLost, maxAgeMs: lostForMs, now })
  }

  opened(proxy: FrpProxy): void {
    this.#lost.delete(proxy.name)
  }

  lost(proxy: FrpProxy, problem: string): void {
    this.problem(proxy.name, problem)
    this.#lost.set(proxy.name, {
      ...describeTunnel(proxy, this.#clock, this.lastProblem(proxy.name)),
      state: 'lost',
    })
  }

  problem(name: string, problem: string): void {
    this.#problems.set(name, { at: this.#now(), problem })
  }

  lastProblem(name: string): TunnelProblem | null {
    return this.#problems.get(name) ?? null
  }

  /** `name` is null where the client had not said one yet. */
  refused(peer: string, name: string | null, problem: string): void {
    this.#refused.unshift({ at: this.#now(), peer, name, problem })
    if (this.#refused.length > maxRefused) this.#refused.pop()
  }

  /** Newest first. */
  get refusals(): readonly RefusedTunnel[] {
    return [...this.#refused]
  }

  get lostTunnels(): readonly TunnelStatus[] {
    return [...this.#lost.entries()].map(([, tunnel]) => tunnel)
  }

  #now(): string {
    return new Date(this.#clock.wall()).toISOString()
  }
}

/** A live proxy as `harp tunnels` shows it. */
export function describeTunnel(proxy: FrpProxy, clock: Clock, lastError: TunnelProblem | null): TunnelStatus {
  const { session, name, port, kind, openedAt } = proxy
  const { connection, identity, login } = session
  const { arrival } = connection
  const { certificate } = arrival
  const idle = session.idleWork
  const now = clock.wall()
  return {
    name,
    port,
    kind,
    state: 'open',
    peer: arrival.peer,
    user: login.user,
    clientVersion: login.version,
    transport: arrival.transport,
    mux: connection.isMultiplexed,
    wire: session.wireVersion,
    certificate:
      certificate === null
        ? null
        : {
            subject: certificate.subject,
            serialNumber: certificate.serialNumber,
            validTo: certificate.validToDate.toISOString(),
          },
    identity: identity.grant === null ? { kind: 'shared-key' } : { kind: 'token', id: identity.grant.id },
    runId: session.runId.slice(0, 4),
    openedAt: new Date(openedAt).toISOString(),
    ageSeconds: Math.round((now - openedAt) / 1000),
    connections: {
      active: Math.max(0, session.activeWork),
      idle,
      total: session.servedWork,
    },
    bytes: { toApp: session.bytesToApp, fromApp: session.bytesFromApp },
    roundTripMs: connection.roundTripMs,
    lastError,
    lastSeen: new Date(now).toISOString(),
  }
}
