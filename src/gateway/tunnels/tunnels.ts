import { randomInt, type X509Certificate } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { DeadlineSweeper } from '../../base/deadlines.ts'
import type { Logger } from '../../base/logger.ts'
import type { Metrics } from '../../base/metrics.ts'
import { formatHostPort } from '../../net/address.ts'
import type { Dialer } from '../../net/wire.ts'
import type { BruteForce } from '../access/brute-force.ts'
import type { AppLookup } from '../access/decision.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { TokenStore } from '../tokens/token-store.ts'
import type { TunnelTls } from './front-door.ts'
import { LocalEngine, localEnginePort } from './local-engine.ts'
import { LoginJudge } from './login-judge.ts'
import { LoopbackListeners } from './loopback-listeners.ts'
import { ProxyClaims } from './proxy-claims.ts'
import { ProxyRegistry, type FrpProxy } from './proxy-registry.ts'
import { AppDialer, EngineDialer } from './tunnel-dialer.ts'
import { TunnelEvents } from './tunnel-events.ts'
import { describeTunnel, TunnelHistory } from './tunnel-history.ts'
import { TunnelServer } from './tunnel-server.ts'
import type { TunnelOverview } from './tunnel-status.ts'

export interface TunnelsOptions {
  readonly config: GatewayConfig
  readonly makeUnverifiedTls: () => Promise<TunnelTls>
  readonly bruteForce: BruteForce
  readonly tokens: TokenStore
  readonly findApp: (appId: string) => AppLookup | Promise<AppLookup>
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly metrics: Metrics
  readonly log: Logger
  readonly onOpened: (proxy: FrpProxy) => void
  readonly onReleased: (proxy: FrpProxy) => void
}

/** The tunnels of a gateway, put together: the server, its rules, and the dialer that leads requests into them. */
export class Tunnels {
  readonly #options: TunnelsOptions
  readonly #registry: ProxyRegistry
  readonly #history: TunnelHistory
  readonly #claims: ProxyClaims
  readonly #server: TunnelServer
  readonly #loopback: LoopbackListeners | null
  readonly #localEngine: LocalEngine

  constructor(options: TunnelsOptions) {
    const { config, clock, sweeper, log, metrics, tokens } = options
    this.#options = options
    this.#registry = new ProxyRegistry(clock)
    const localEngine = new LocalEngine(config.dockerSocket)
    this.#localEngine = localEngine
    this.#history = new TunnelHistory(clock)
    this.#loopback = config.frpLoopback
      ? new LoopbackListeners({
          server: () => this.#server,
          clock,
          sweeper,
          log,
          idleMs: config.timeouts.tunnelMs,
        })
      : null
    this.#claims = new ProxyClaims({
      registry: this.#registry,
      findApp: options.findApp,
      requireTokens: config.frpRequireTokens,
      localEngine,
      bind: async (port) => (this.#loopback === null ? true : this.#loopback.open(port)),
      wallClock: () => clock.wall(),
      randomInt,
      log,
    })
    this.#server = new TunnelServer({
      address: config.listen.frp,
      requiresTls: config.frpTls,
      makeUnverifiedTls: options.makeUnverifiedTls,
      judge: new LoginJudge({
        sharedKey: config.sharedKey,
        tokens,
        requireTokens: config.frpRequireTokens,
        bruteForce: options.bruteForce,
        trustedProxies: config.trustedProxies,
      }),
      registry: this.#registry,
      claims: this.#claims,
      history: this.#history,
      events: new TunnelEvents(metrics),
      clock,
      sweeper,
      log,
      onOpened: options.onOpened,
      onReleased: (proxy) => {
        this.#loopback?.close(proxy.port)
        options.onReleased(proxy)
      },
    })
    tokens.onRevoke((revoked) => {
      this.#server.closeSessions(({ identity }) => identity.grant?.id === revoked.id, 'its token was revoked')
    })
    metrics.gauge('harp_tunnels', 'Open tunnels.', () => this.#registry.size)
    metrics.gauge(
      'harp_tunnel_connections',
      'Connections of tunnel clients.',
      () => this.#server.connectionCount,
    )
  }

  /** For apps: leads what a tunnel serves into it, and everything else to `direct`. */
  appDialer(direct: Dialer): Dialer {
    return new AppDialer({ server: this.#server, direct })
  }

  /** For allowed Docker calls. */
  engineDialer(direct: Dialer): Dialer {
    return new EngineDialer({ server: this.#server, direct, localEngine: this.#localEngine })
  }

  /** In TLS mode after `useTls`. Rejects with LISTEN_FAILED. */
  async start(): Promise<void> {
    await this.#server.start()
  }

  /** The certificates of the TLS mode, at the start and whenever they change. */
  useTls(identity: TunnelTls): void {
    this.#server.useTls(identity)
  }

  /** Ends the tunnels of clients that showed such a certificate. */
  endWhere(isGone: (certificate: X509Certificate) => boolean, problem: string): void {
    this.#server.endWhere(isGone, problem)
  }

  /** Nextcloud's record of an app came or changed. */
  recheck(appId: string, port: number): void {
    this.#claims.recheck(appId, port)
  }

  get open(): readonly FrpProxy[] {
    return this.#registry.list()
  }

  /** The ports of engines that are there or were within a day, and how they are reached. */
  get engines(): ReadonlyMap<number, 'socket' | 'tunnel'> {
    const ports = new Map<number, 'socket' | 'tunnel'>()
    for (const { kind, port } of [...this.#history.lostTunnels, ...this.#registry.list()]) {
      if (kind === 'engine') ports.set(port, 'tunnel')
    }
    if (this.#localEngine.has(localEnginePort)) ports.set(localEnginePort, 'socket')
    return ports
  }

  drain(): void {
    this.#server.drain()
  }

  stop(): void {
    this.#server.stop()
    this.#loopback?.stop()
  }

  overview(): TunnelOverview {
    const { config, clock } = this.#options
    const address = this.#server.address
    const open = this.#registry
      .list()
      .map((proxy) => describeTunnel(proxy, clock, this.#history.lastProblem(proxy.name)))
    return {
      listening: address === null ? null : formatHostPort(address),
      tls: config.frpTls,
      requireTokens: config.frpRequireTokens,
      tunnels: [...open, ...this.#history.lostTunnels],
      refused: this.#history.refusals,
    }
  }
}
