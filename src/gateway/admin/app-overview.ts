/** What an operator sees of apps: `GET /apps` on the control socket and `harp apps`. Never a token. */
import { formatHostPort, isThisMachine } from '../../net/address.ts'
import type { ExAppRecord } from '../access/exapp-record.ts'
import type { AppActivity } from '../proxy/app-activity.ts'
import type { TunnelStatus } from '../tunnels/tunnel-status.ts'

export interface AppStatus extends AppActivity {
  readonly id: string
  readonly version: string
  /** Where requests go, as `host:port`. */
  readonly address: string
  readonly route: 'tunnel' | 'direct' | 'kubernetes'
  /** null: its route is another. */
  readonly tunnel: AppTunnel | null
}

/** As in `harp tunnels`; `ageSeconds` of a lost one is how long it was open. */
export type AppTunnel = Pick<
  TunnelStatus,
  'name' | 'state' | 'peer' | 'openedAt' | 'ageSeconds' | 'lastSeen' | 'lastError'
>

/** The apps that the gateway knows, by their ids. */
export function describeApps(
  records: readonly ExAppRecord[],
  tunnels: readonly TunnelStatus[],
  activityOf: (appId: string) => AppActivity,
): readonly AppStatus[] {
  return records
    .toSorted((one, other) => (one.appId < other.appId ? -1 : 1))
    .map((record) => {
      const { appId: id, version, foundIn } = record
      const tunnel = foundIn === 'kubernetes' ? null : findTunnel(record, tunnels)
      const route = foundIn ?? (tunnel === null ? 'direct' : 'tunnel')
      return { id, version, address: formatHostPort(record), route, tunnel, ...activityOf(id) }
    })
}

/** Whoever has the port serves the app; once it is gone, only one of the app's own name tells of it. */
function findTunnel({ appId, host, port }: ExAppRecord, tunnels: readonly TunnelStatus[]): AppTunnel | null {
  if (host !== 'localhost' && !isThisMachine(host)) return null
  const atPort = tunnels.filter((each) => each.port === port)
  const found =
    atPort.find(({ state }) => state === 'open') ?? atPort.find(({ name }) => name.toLowerCase() === appId)
  if (found === undefined) return null
  const { name, state, peer, openedAt, ageSeconds, lastSeen, lastError } = found
  return { name, state, peer, openedAt, ageSeconds, lastSeen, lastError }
}
