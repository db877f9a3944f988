/** The port of an app behind a tunnel: nobody listens on it, requests go from the gateway right into the tunnel. */
import type { ExAppRecord } from '../access/exapp-record.ts'
import { kindOfPort } from '../tunnels/tunnel-ports.ts'
import type { TunnelOverview, TunnelStatus } from '../tunnels/tunnel-status.ts'
import { fail, ok, type Check } from './check.ts'

const name = 'port'

type Place = Pick<ExAppRecord, 'appId' | 'host' | 'port'>

/** Where AppAPI expects the end of a tunnel. An app on the gateway's own machine may be there without one. */
export function mayHaveTunnel({ host, port }: Place): boolean {
  return ['127.0.0.1', 'localhost', '::1'].includes(host) && kindOfPort(port) === 'app'
}

/** null: no tunnel has the port now. */
export function judgeOpenTunnel({ appId, port }: Place, overview: TunnelOverview): Check | null {
  const tunnel = overview.tunnels.find((each) => each.state === 'open' && each.port === port)
  if (tunnel === undefined) return null
  const { peer, transport, roundTripMs, ageSeconds } = tunnel
  if (!isOf(appId, tunnel)) {
    return fail(
      name,
      `${port} is the port of ${appId}, but the tunnel of "${tunnel.name}" from ${peer} has it`,
      `find out who runs at ${peer}; harp token add --app ${appId} and HARP_FRP_REQUIRE_TOKENS=all keep others away`,
    )
  }
  const roundTrip = roundTripMs === null ? '' : `, round trip ${Math.round(roundTripMs)} ms`
  return ok(
    name,
    `${port} is the tunnel of ${appId} from ${peer} (${transport}), open for ${ageSeconds} s${roundTrip}`,
  )
}

/** Why there is none, as far as the gateway knows. */
export function explainMissingTunnel({ appId, port }: Place, overview: TunnelOverview | null): Check {
  const noTunnel = `${port} has no tunnel, and nothing listens there`
  const lookAtClient = `look into the log of the app for frpc (docker logs nc_app_${appId}); its host must reach HP_FRP_ADDRESS of the deploy daemon`
  if (overview === null) return fail(name, noTunnel, lookAtClient)
  if (overview.listening === null) {
    return fail(name, `${noTunnel}: the gateway does not accept tunnels`, 'see the tunnel server above')
  }
  const refused = overview.refused.find((each) => each.name !== null && isName(each.name, appId))
  const lost = overview.tunnels.find((each) => each.state === 'lost' && isOf(appId, each))
  if (refused !== undefined && (lost === undefined || refused.at >= lost.lastSeen)) {
    const what = `${noTunnel}: the one from ${refused.peer} was refused at ${refused.at}: ${refused.problem}`
    return fail(name, what, `correct what the gateway said there, and start ${appId} again`)
  }
  if (lost !== undefined) {
    const why = lost.lastError?.problem ?? 'no reason known'
    return fail(
      name,
      `${noTunnel}: the one from ${lost.peer} was lost at ${lost.lastSeen}: ${why}`,
      lookAtClient,
    )
  }
  return fail(name, `${noTunnel}: none has come since the gateway started`, lookAtClient)
}

function isOf(appId: string, tunnel: TunnelStatus): boolean {
  return isName(tunnel.name, appId) || isName(tunnel.name, `${tunnel.user}.${appId}`)
}

function isName(given: string, expected: string): boolean {
  return given.toLowerCase() === expected.toLowerCase()
}
