import type { Logger } from '../../base/logger.ts'
import { formatHostPort, type HostPort } from '../../net/address.ts'
import { daemonMetrics, type MetricsSource } from './daemon-metrics.ts'
import { MetricsServer } from './metrics-server.ts'

export interface RunningMetrics {
  /** `host:port`. */
  readonly address: string
  stop(): void
}

/** Loaded by those who want metrics. Throws HarpError `SYNC_ADMIN_ADDRESS`. */
export async function serveMetrics(
  address: HostPort,
  source: MetricsSource,
  log: Logger,
): Promise<RunningMetrics> {
  const metrics = daemonMetrics(source)
  const server = new MetricsServer({ address, render: () => metrics.render(), log })
  const bound = formatHostPort(await server.start())
  log.info({ address: bound }, 'metrics')
  return { address: bound, stop: () => server.stop() }
}
