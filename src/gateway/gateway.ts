import { randomUUID } from 'node:crypto'
import { systemClock } from '../base/clock.ts'
import { DeadlineSweeper } from '../base/deadlines.ts'
import { errorMessage } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { Metrics } from '../base/metrics.ts'
import { formatHostPort, type HostPort } from '../net/address.ts'
import { BruteForce } from './access/brute-force.ts'
import { Operations } from './admin/operations.ts'
import { Admission } from './admission.ts'
import type { GatewayConfig } from './config/config.ts'
import { ControlApi } from './control/control-api.ts'
import { controlRoutes } from './control/control-routes.ts'
import { Diagnostics } from './control/diagnostics.ts'
import { dockerRoutes } from './docker/docker-routes.ts'
import { EngineEvents } from './engine/engine-events.ts'
import { Engines } from './engine/engines.ts'
import { PassThrough } from './engine/pass-through.ts'
import { Cluster } from './kubernetes/cluster.ts'
import { KubernetesDirectory } from './kubernetes/kubernetes-directory.ts'
import { kubernetesRoutes } from './kubernetes/kubernetes-routes.ts'
import { AppDirectory } from './nextcloud/app-directory.ts'
import { NextcloudClient, nextcloudClientDefaults } from './nextcloud/nextcloud-client.ts'
import { SessionDirectory } from './nextcloud/session-directory.ts'
import { AppActivities } from './proxy/app-activity.ts'
import { RequestEvents } from './proxy/request-events.ts'
import { RequestHandler } from './request-handler.ts'
import { CertificateFile } from './server/certificate.ts'
import { ConnectionLimits } from './server/listener.ts'
import { Listeners } from './server/listeners.ts'
import { GatewayTunnels } from './gateway-tunnels.ts'
import { Resolver } from './upstream/resolver.ts'
import { socketDialer } from '../net/socket-wire.ts'
import { UpstreamPool } from './upstream/upstream-pool.ts'

export interface GatewayOptions {
  readonly config: GatewayConfig
  readonly log: Logger
  readonly version: string
}

export interface Gateway {
  readonly httpAddress: HostPort
  readonly adminAddress: HostPort | null
  /** SIGHUP: reads cert.pem and the tunnels' certificates again. */
  reload(): void
  /** Stops accepting, lets requests end for at most the drain time, then cuts. Idempotent. */
  stop(): Promise<void>
}

const maxBannedAddresses = 100_000
const evictEveryMs = 5_000
/** Where Nextcloud has apps that are behind a tunnel. */
const tunnelAddress = '127.0.0.1'
/** Deadlines are late by at most this, or a quarter of the shortest timeout. */
const maxSweepMs = 1_000
/** Nextcloud waits 3 s for an engine's ping; one that takes longer to connect is not there. */
const maxEngineConnectMs = 2_500

/**
 * The composition root: every part is made here, given what it needs, started in order and stopped in
 * reverse. Rejects with a HarpError that names what could not start; nothing is left running then.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, log } = options
  const clock = systemClock
  const { timeouts } = config
  const shortest = Math.min(timeouts.clientMs, timeouts.bodyMs, timeouts.serverMs, timeouts.tunnelMs)
  const sweeper = new DeadlineSweeper(Math.max(20, Math.min(maxSweepMs, shortest / 4)), () =>
    clock.monotonic(),
  )
  const metrics = new Metrics({ processMetrics: true })
  const nextcloud = new NextcloudClient({ ...nextcloudClientDefaults, baseUrl: config.nextcloudUrl })
  const bruteForce = new BruteForce({ ...config.bans, maxAddresses: maxBannedAddresses, clock })
  const { sharedKey } = config
  const cluster = new Cluster({ config: config.kubernetes, isEnabled: config.kubernetesEnabled, clock })
  const kubernetes = new KubernetesDirectory(cluster, log.child('kubernetes'))
  const apps = new AppDirectory({
    nextcloud,
    sharedKey,
    recordTtlMs: config.recordTtlMs,
    clock,
    log: log.child('apps'),
    ...(config.kubernetesEnabled ? { locate: (record) => kubernetes.relocate(record) } : {}),
    onRecord: (record) => tunnels.recheck(record.appId, record.port),
  })
  const sessions = new SessionDirectory({
    nextcloud,
    sharedKey,
    lifetimeMs: config.sessionLifetimeMs,
    clock,
    log: log.child('sessions'),
  })
  const resolver = new Resolver({ clock, log: log.child('resolver') })
  const tunnels: GatewayTunnels = new GatewayTunnels({
    config,
    bruteForce,
    findApp: (appId) => apps.find(appId),
    clock,
    sweeper,
    metrics,
    log,
    // Its client waits for its connections to end before it stops.
    onReleased: (port) => {
      pool.closeIdle({ address: tunnelAddress, port })
      engines.changed(port)
    },
  })
  const pool: UpstreamPool = new UpstreamPool({
    dialer: tunnels.appDialer(socketDialer),
    connectTimeoutMs: timeouts.connectMs,
    clock,
    sweeper,
  })
  const engines: Engines = new Engines({
    dialer: tunnels.engineDialer(socketDialer),
    connectTimeoutMs: Math.min(timeouts.connectMs, maxEngineConnectMs),
    clock,
    sweeper,
    known: () => tunnels.engines,
    events: new EngineEvents(metrics),
  })
  const admission = new Admission({
    sharedKey,
    trustedProxies: config.trustedProxies,
    counting: config.bans.counting,
    bruteForce,
    apps,
    sessions,
    resolver,
  })
  const control = new ControlApi(
    [
      ...controlRoutes({ apps, cluster, version: options.version, log: log.child('control') }),
      ...dockerRoutes({
        engines,
        certificates: () => tunnels.clientFiles(),
        config,
        tokens: tunnels.tokens,
        clock,
        log: log.child('docker'),
      }),
      ...kubernetesRoutes({ cluster, apps, clock, log: log.child('kubernetes') }),
    ],
    log.child('control'),
  )
  const forward = {
    clock,
    sweeper,
    serverTimeoutMs: timeouts.serverMs,
    tunnelTimeoutMs: timeouts.tunnelMs,
  }
  const instance = randomUUID()
  const activities = new AppActivities(clock)
  const handler = new RequestHandler({
    admission,
    apps,
    resolver,
    bruteForce,
    control,
    diagnostics: new Diagnostics({
      version: options.version,
      instance,
      trustedProxies: config.trustedProxies,
      isBanned: (address) => bruteForce.isBanned(address),
      clock,
    }),
    forward: { ...forward, pool },
    passThrough: new PassThrough({ engines, forward, answersPing: config.kubernetesEnabled }),
    events: new RequestEvents(metrics, activities, log.child('access')),
    clock,
    log,
    banResponse: config.bans.response,
    aaVersion: config.aaVersion,
    stripSessionCookies: config.stripSessionCookies,
  })
  const limits = new ConnectionLimits(
    config.limits.connections,
    config.limits.connectionsPerPeer,
    config.trustedProxies,
  )
  const badRequests = metrics.counter(
    'harp_gateway_bad_requests_total',
    'Requests refused by the HTTP parser.',
  )
  const listeners = new Listeners({
    http: config.listen.http,
    https: config.listen.https,
    log: log.child('listener'),
    limits,
    context: {
      clock,
      sweeper,
      clientTimeoutMs: timeouts.clientMs,
      bodyTimeoutMs: timeouts.bodyMs,
      onRequest: (front, head) => handler.handle(front, head),
      onBadRequest: (error, peer) => {
        badRequests.add(1)
        log.debug({ peer, problem: errorMessage(error) }, 'bad request')
      },
    },
  })
  registerGauges(metrics, { limits, listeners, pool, engines, apps, sessions, bruteForce })
  const evict = setInterval(() => {
    bruteForce.evictExpired()
    apps.evictExpired()
    sessions.evictExpired()
    listeners.retryHttps()
  }, evictEveryMs)
  evict.unref()

  const certificate = new CertificateFile({
    certsDir: config.certsDir,
    log: log.child('certificate'),
    onChange: (bundle) => listeners.useCertificate(bundle),
  })
  const operations = new Operations({
    config,
    version: options.version,
    instance,
    log,
    clock,
    metrics,
    bruteForce,
    apps,
    limits,
    listeners,
    certificate,
    tokens: tunnels.tokens,
    tunnels: () => tunnels.overview(),
    engines,
    activities,
  })

  const release = async (): Promise<void> => {
    clearInterval(evict)
    operations.stop()
    certificate.stop()
    listeners.destroy()
    engines.stop()
    pool.stop()
    const tunnelsStopped = tunnels.stop()
    sweeper.stop()
    nextcloud.close()
    cluster.close()
    metrics.stop()
    await tunnelsStopped
  }
  try {
    await operations.start()
    await tunnels.start()
    await listeners.start()
    certificate.start()
    await listeners.settled()
  } catch (error) {
    await release()
    throw error
  }
  log.info({ http: formatHostPort(listeners.httpAddress) }, 'gateway started')

  let stopping: Promise<void> | null = null
  const stop = async (): Promise<void> => {
    log.info({ connections: listeners.openConnections }, 'gateway stopping')
    tunnels.drain()
    await listeners.drain(timeouts.drainMs)
    await release()
    log.info({}, 'gateway stopped')
  }
  return {
    httpAddress: listeners.httpAddress,
    adminAddress: operations.adminAddress,
    reload: () => {
      certificate.reload()
      tunnels.reload()
    },
    stop: () => (stopping ??= stop()),
  }
}

interface Measured {
  readonly limits: ConnectionLimits
  readonly listeners: Listeners
  readonly pool: UpstreamPool
  readonly engines: Engines
  readonly apps: AppDirectory
  readonly sessions: SessionDirectory
  readonly bruteForce: BruteForce
}

function registerGauges(metrics: Metrics, parts: Measured): void {
  metrics.gauge(
    'harp_gateway_connections',
    'Open client connections and further HTTP/2 requests on them.',
    () => parts.limits.total,
  )
  metrics.gauge(
    'harp_gateway_connections_refused',
    'Connections refused by a limit.',
    () => parts.limits.refused,
  )
  metrics.gauge('harp_gateway_upstream_idle', 'Idle upstream connections.', () => parts.pool.idleCount)
  for (const [place, what] of [
    ['busy', 'under way'],
    ['waiting', 'that wait for their turn'],
  ] as const) {
    metrics.gauge(`harp_engine_calls_${place}`, `Calls to Docker engines ${what}.`, () =>
      parts.engines.list().reduce((sum, engine) => sum + engine[place], 0),
    )
  }
  metrics.gauge('harp_gateway_apps_known', 'App records in memory.', () => parts.apps.sizes.known)
  metrics.gauge('harp_gateway_apps_unknown', 'Unknown app ids remembered.', () => parts.apps.sizes.unknown)
  metrics.gauge('harp_gateway_sessions', 'User answers in memory.', () => parts.sessions.size)
  metrics.gauge(
    'harp_gateway_failing_addresses',
    'Client addresses with failures.',
    () => parts.bruteForce.size,
  )
  metrics.gauge(
    'harp_gateway_banned_addresses',
    'Banned client addresses.',
    () => parts.bruteForce.list().length,
  )
}
