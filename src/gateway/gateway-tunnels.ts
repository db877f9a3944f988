import type { Clock } from '../base/clock.ts'
import type { DeadlineSweeper } from '../base/deadlines.ts'
import type { Logger } from '../base/logger.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Dialer } from '../net/wire.ts'
import type { BruteForce } from './access/brute-force.ts'
import type { AppLookup } from './access/decision.ts'
import { daysLeft } from './certificates/expiry.ts'
import { FrpCertificates } from './certificates/frp-certificates.ts'
import { CertificateHolders, heldCertificate } from './certificates/holders.ts'
import { makeThrowAwayTls } from './certificates/issue.ts'
import type { GatewayConfig } from './config/config.ts'
import { TokenStore } from './tokens/token-store.ts'
import type { FrpProxy } from './tunnels/proxy-registry.ts'
import { Tunnels } from './tunnels/tunnels.ts'
import type { TunnelOverview } from './tunnels/tunnel-status.ts'

export interface GatewayTunnelsOptions {
  readonly config: GatewayConfig
  readonly bruteForce: BruteForce
  readonly findApp: (appId: string) => AppLookup | Promise<AppLookup>
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly metrics: Metrics
  readonly log: Logger
  /** The port has no tunnel any more. */
  readonly onReleased: (port: number) => void
}

/** A tunnel that stays open for months is still seen. */
const recordHoldersEveryMs = 12 * 3_600_000

/** The tunnels with what they live on: their certificates, who holds those, and the tokens of apps and engines. */
export class GatewayTunnels {
  readonly tokens: TokenStore
  readonly #holders: CertificateHolders
  readonly #certificates: FrpCertificates
  readonly #tunnels: Tunnels
  #recording: NodeJS.Timeout | undefined

  constructor(options: GatewayTunnelsOptions) {
    const { config, clock, metrics, log } = options
    const { stateDir, certsDir } = config
    this.tokens = new TokenStore({ stateDir, clock, log: log.child('tokens') })
    this.#holders = new CertificateHolders({ stateDir, clock, log: log.child('certificates') })
    this.#certificates = new FrpCertificates({
      certsDir,
      tls: config.frpTls,
      validityDays: config.frpCertValidityDays,
      clock,
      log: log.child('certificates'),
      onChange: (bundle) => this.#tunnels.useTls(bundle),
    })
    this.#tunnels = new Tunnels({
      ...options,
      tokens: this.tokens,
      makeThrowAwayTls: () => makeThrowAwayTls(clock.wall()),
      log: log.child('tunnels'),
      onOpened: (proxy) => this.#recordHolder(proxy),
      onReleased: (proxy) => {
        this.#recordHolder(proxy)
        options.onReleased(proxy.port)
      },
    })
    for (const certificate of ['ca', 'server', 'client'] as const) {
      metrics.gauge(
        `harp_tunnel_${certificate}_certificate_days_left`,
        `Whole days until the ${certificate} certificate of the tunnels ends; NaN without one.`,
        () => {
          const expiry = this.#certificates.expiries().find((each) => each.certificate === certificate)
          return expiry === undefined ? Number.NaN : daysLeft(expiry, clock.wall())
        },
      )
    }
  }

  /** Leads what a tunnel serves into it, and everything else to `direct`. */
  dialer(direct: Dialer): Dialer {
    return this.#tunnels.dialer(direct)
  }

  /** Rejects with LISTEN_FAILED, or FRP_CERT_… where there is no certificate to serve with; call `stop` then too. */
  async start(): Promise<void> {
    this.#holders.start()
    await this.#certificates.start()
    await this.#tunnels.start()
    this.#recording = setInterval(() => this.#recordHolders(), recordHoldersEveryMs)
    this.#recording.unref()
  }

  /** Resolves when all there is to keep is on the disk. */
  async stop(): Promise<void> {
    clearInterval(this.#recording)
    this.#tunnels.stop()
    this.#certificates.stop()
    await Promise.all([this.#holders.stop(), this.tokens.close()])
  }

  /** SIGHUP: reads the certificates again. */
  reload(): void {
    this.#certificates.reload()
  }

  /** Nextcloud's record of an app came or changed. */
  recheck(appId: string, port: number): void {
    this.#tunnels.recheck(appId, port)
  }

  overview(): TunnelOverview {
    return this.#tunnels.overview()
  }

  #recordHolders(): void {
    for (const proxy of this.#tunnels.open) this.#recordHolder(proxy)
  }

  /** Who still has which client certificate, for a renewal to know. */
  #recordHolder({ name, port, session }: FrpProxy): void {
    const { certificate, peer: address } = session.connection.arrival
    if (certificate === null) return
    const authorities = this.#certificates.bundle?.ca ?? []
    this.#holders.record({ name, port, address, certificate: heldCertificate(certificate, authorities) })
  }
}
