import { existsSync } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import { errorCode, errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { Metrics } from '../../base/metrics.ts'
import { SingleFlight } from '../../base/single-flight.ts'
import { formatHostPort, type HostPort } from '../../net/address.ts'
import type { BruteForce } from '../access/brute-force.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { Engines } from '../engine/engines.ts'
import type { AppDirectory } from '../nextcloud/app-directory.ts'
import { NextcloudClient, nextcloudClientDefaults } from '../nextcloud/nextcloud-client.ts'
import type { AppActivities } from '../proxy/app-activity.ts'
import type { CertificateFile } from '../server/certificate.ts'
import type { ConnectionLimits } from '../server/listener.ts'
import type { Listeners } from '../server/listeners.ts'
import type { TokenStore } from '../tokens/token-store.ts'
import type { TunnelOverview } from '../tunnels/tunnel-status.ts'
import { AdminServer } from './admin-server.ts'
import { describeApps } from './app-overview.ts'
import { ControlSocket } from './control-socket.ts'
import { EventLoopLag } from './event-loop-lag.ts'
import { askHeartbeat } from './heartbeat.ts'
import { NextcloudHealth } from './nextcloud-health.ts'
import { operatorApi, type GatewayStatus } from './operator-api.ts'
import { judgeReadiness, type CertificateState, type Readiness } from './readiness.ts'

export interface OperationsOptions {
  readonly config: GatewayConfig
  readonly version: string
  readonly instance: string
  readonly log: Logger
  readonly clock: Clock
  readonly metrics: Metrics
  readonly bruteForce: BruteForce
  readonly apps: AppDirectory
  readonly limits: ConnectionLimits
  readonly listeners: Listeners
  readonly certificate: CertificateFile
  /** Loaded at the start, closed at the stop. */
  readonly tokens: TokenStore
  readonly tunnels: () => TunnelOverview
  readonly engines: Engines
  readonly activities: AppActivities
}

const nextcloudTimeoutMs = 3_000
const nextcloudMaxAgeMs = 10_000
const heartbeatTimeoutMs = 2_000
const lagWindowMs = 10_000

/** Everything that an operator talks to: the admin address and the control socket, and what they tell of the gateway. */
export class Operations {
  readonly #options: OperationsOptions
  readonly #lag: EventLoopLag
  readonly #nextcloud: NextcloudClient
  readonly #health: NextcloudHealth
  readonly #flight = new SingleFlight<'readiness', Readiness>()
  readonly #startedAt: number
  #admin: AdminServer | null = null
  #control: ControlSocket | null = null

  constructor(options: OperationsOptions) {
    const { config, clock } = options
    this.#options = options
    this.#startedAt = clock.wall()
    this.#lag = new EventLoopLag({ clock, windowMs: lagWindowMs })
    this.#nextcloud = new NextcloudClient({
      ...nextcloudClientDefaults,
      baseUrl: config.nextcloudUrl,
      connectTimeoutMs: nextcloudTimeoutMs,
      totalTimeoutMs: nextcloudTimeoutMs,
    })
    this.#health = new NextcloudHealth({ nextcloud: this.#nextcloud, clock, maxAgeMs: nextcloudMaxAgeMs })
  }

  get adminAddress(): HostPort | null {
    return this.#admin?.address ?? null
  }

  /** Rejects with CONTROL_SOCKET_BUSY or LISTEN_FAILED; call `stop` then too. */
  async start(): Promise<void> {
    const { config, metrics, log, tokens } = this.#options
    await this.#openControlSocket()
    // Only now it is sure that no other gateway writes them.
    await tokens.load()
    if (config.listen.admin === null) return
    this.#admin = new AdminServer({
      address: config.listen.admin,
      metrics,
      // One answer serves all who ask at the same time.
      readiness: () => this.#flight.run('readiness', () => this.#readiness()),
      log: log.child('admin'),
    })
    await this.#admin.start()
    log.info({ admin: formatHostPort(this.#admin.address) }, 'admin address opened')
  }

  stop(): void {
    this.#lag.stop()
    this.#nextcloud.close()
    this.#admin?.stop()
    this.#control?.stop()
  }

  /** A state directory that cannot be used costs commands such as `harp bans`, not the service; a second gateway in it must not start. */
  async #openControlSocket(): Promise<void> {
    const { config, bruteForce, log, tokens, tunnels, engines, apps, activities } = this.#options
    const control = new ControlSocket({
      stateDir: config.stateDir,
      handle: operatorApi({
        bruteForce,
        tokens,
        status: () => this.#status(),
        tunnels,
        engines: () => engines.survey(),
        apps: () => describeApps(apps.list(), tunnels().tunnels, (appId) => activities.of(appId)),
      }),
      log: log.child('control-socket'),
    })
    try {
      await control.start()
      this.#control = control
    } catch (error) {
      control.stop()
      if (errorCode(error) !== 'STATE_DIR_UNUSABLE') throw error
      log.error(
        {
          code: 'STATE_DIR_UNUSABLE',
          problem: errorMessage(error),
          next: '`harp apps`, `bans`, `engines`, `token` and `tunnels` are not available',
        },
        'control socket unavailable',
      )
    }
  }

  async #readiness(): Promise<Readiness> {
    const { config, clock, listeners } = this.#options
    const [heartbeat, nextcloud] = await Promise.all([
      askHeartbeat({
        address: listeners.httpAddress,
        sharedKey: config.sharedKey,
        timeoutMs: heartbeatTimeoutMs,
      }),
      this.#health.check(),
    ])
    return judgeReadiness({
      heartbeat,
      isDraining: listeners.isDraining,
      certificate: this.#certificate(),
      nextcloud,
      lagMs: this.#lag.longestMs,
      now: clock.wall(),
    })
  }

  #certificate(): CertificateState {
    const { certificate, listeners } = this.#options
    const { current } = certificate
    if (current === null) return { kind: existsSync(certificate.path) ? 'unusable' : 'absent' }
    return { kind: 'loaded', validTo: current.validTo, isListening: listeners.isHttpsOpen }
  }

  #status(): GatewayStatus {
    const { config, clock, version, instance, listeners, limits, apps, bruteForce, certificate } =
      this.#options
    const { known, unknown } = apps.sizes
    const admin = this.adminAddress
    return {
      version,
      instance,
      pid: process.pid,
      startedAt: new Date(this.#startedAt).toISOString(),
      uptimeSeconds: Math.round((clock.wall() - this.#startedAt) / 1000),
      isDraining: listeners.isDraining,
      listeners: {
        http: formatHostPort(listeners.httpAddress),
        https: listeners.isHttpsOpen ? formatHostPort(config.listen.https) : null,
        admin: admin === null ? null : formatHostPort(admin),
      },
      connections: { open: limits.total, refused: limits.refused },
      apps: { known, unknown },
      bannedAddresses: bruteForce.list().length,
      certificate:
        certificate.current === null
          ? null
          : { path: certificate.path, validTo: certificate.current.validTo.toISOString() },
    }
  }
}
