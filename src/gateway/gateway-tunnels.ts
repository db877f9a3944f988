import type { X509Certificate } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { DeadlineSweeper } from '../base/deadlines.ts'
import { HarpError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Dialer } from '../net/wire.ts'
import type { BruteForce } from './access/brute-force.ts'
import type { AppLookup } from './access/decision.ts'
import { daysLeft } from './certificates/expiry.ts'
import { FrpCertificates, type FrpBundle, type FrpClientFiles } from './certificates/frp-certificates.ts'
import { FrpDirectory } from './certificates/frp-directory.ts'
import { attempt } from './certificates/frp-files.ts'
import { CertificateHolders, heldCertificate } from './certificates/holders.ts'
import { makeThrowAwayTls } from './certificates/issue.ts'
import type { GatewayConfig } from './config/config.ts'
import { TokenStore } from './tokens/token-store.ts'
import type { TunnelTls } from './tunnels/front-door.ts'
import type { FrpProxy } from './tunnels/proxy-registry.ts'
import { kindOfPort } from './tunnels/tunnel-ports.ts'
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
      onChange: (bundle, before) => this.#useBundle(bundle, before),
    })
    this.#tunnels = new Tunnels({
      ...options,
      tokens: this.tokens,
      makeUnverifiedTls: () => unverifiedTls(certsDir, clock.wall()),
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

  /** For apps: leads what a tunnel serves into it, and everything else to `direct`. */
  appDialer(direct: Dialer): Dialer {
    return this.#tunnels.appDialer(direct)
  }

  /** For allowed Docker calls. */
  engineDialer(direct: Dialer): Dialer {
    return this.#tunnels.engineDialer(direct)
  }

  /** Rejects with LISTEN_FAILED, or FRP_CERT_… where there is no certificate to serve with; call `stop` then too. */
  async start(): Promise<void> {
    this.#holders.start()
    await this.#certificates.start()
    await this.#tunnels.start()
    this.#recording = setInterval(() => this.#recordHolders(), recordHoldersEveryMs)
    this.#recording.unref()
  }

  /** No new clients; the tunnels there are stay until `stop`. */
  drain(): void {
    this.#tunnels.drain()
  }

  /** Resolves when all there is to keep is on the disk. */
  async stop(): Promise<void> {
    clearInterval(this.#recording)
    this.#tunnels.stop()
    this.#certificates.stop()
    await Promise.all([this.#holders.stop(), this.tokens.close()])
  }

  /** For the tunnel of a new app; null: tunnels are without TLS. Throws a HarpError FRP_CERT_… if they cannot be used. */
  clientFiles(): FrpClientFiles | null {
    return this.#certificates.clientFiles()
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

  /** Where there is an engine, or ever was one as far as is remembered: a socket of this machine or a tunnel. */
  get engines(): ReadonlyMap<number, 'socket' | 'tunnel'> {
    const remembered = this.#holders.ports.filter((port) => kindOfPort(port) === 'engine')
    return new Map([...remembered.map((port) => [port, 'tunnel'] as const), ...this.#tunnels.engines])
  }

  /** A CA that is dropped takes its tunnels along: whoever was to be cut off is, and a stolen key is of no more use. */
  #useBundle(bundle: FrpBundle, before: FrpBundle | null): void {
    this.#tunnels.useTls(bundle)
    const dropped = (before?.ca ?? []).filter((each) => !bundle.ca.includes(each))
    if (dropped.length === 0) return
    const isOf = (certificate: X509Certificate, authorities: readonly string[]): boolean =>
      heldCertificate(certificate, authorities).issuerFingerprint !== null
    this.#tunnels.endWhere(
      (certificate) => isOf(certificate, dropped) && !isOf(certificate, bundle.ca),
      'the CA of its certificate is not accepted any more',
    )
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

/**
 * Where TLS is off a client may still want it. One that was deployed while it was on verifies our certificate, so the
 * one that is still there is shown; any other gets one that proves nothing.
 */
async function unverifiedTls(certsDir: string, now: number): Promise<TunnelTls> {
  const server = attempt(() => new FrpDirectory(certsDir).read().pair('server'))
  return server instanceof HarpError ? makeThrowAwayTls(now) : { cert: server.pem, key: server.key, ca: [] }
}
