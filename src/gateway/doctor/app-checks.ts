/** The last hop: the app's host, its port, and its heartbeat through the gateway. */
import net from 'node:net'
import type { Clock } from '../../base/clock.ts'
import { errorCode } from '../../base/errors.ts'
import { silentLogger } from '../../base/logger.ts'
import { formatHostPort } from '../../net/address.ts'
import type { ExAppRecord } from '../access/exapp-record.ts'
import type { TunnelOverview } from '../tunnels/tunnel-status.ts'
import { Resolver } from '../upstream/resolver.ts'
import { explainMissingTunnel, judgeOpenTunnel, mayHaveTunnel } from './app-tunnel-check.ts'
import { excerpt, fail, ok, skip, type Check } from './check.ts'
import { connectionProblem, timeoutCode } from './connection-problem.ts'
import { keyField, type GatewayAccess } from './echo.ts'
import { probe, type ProbeResult } from './http-probe.ts'
import { HarpError } from '../../base/errors.ts'

export interface AppChecksOptions {
  readonly record: ExAppRecord
  readonly access: GatewayAccess
  /** A gateway answers at `access`. */
  readonly isUp: boolean
  /** null: the gateway could not be asked. */
  readonly tunnels: TunnelOverview | null
}

export async function checkApp(options: AppChecksOptions): Promise<readonly Check[]> {
  const { record, access } = options
  const known = ok('record', `version ${record.version}, ${record.routes.length} routes`)
  const address = await resolveHost(record.host, access.clock)
  if (address === null) {
    const unresolved = fail(
      'host',
      `${record.host} has no address from here`,
      `put the gateway into the container network of the app: docker network connect NETWORK GATEWAY-CONTAINER`,
    )
    return [known, unresolved, skip('port', 'no address'), skip('heartbeat', 'no address')]
  }
  const host = ok('host', address === record.host ? address : `${record.host} is ${address}`)
  const port = await checkPort(options, address)
  if (port.status !== 'ok') return [known, host, port, skip('heartbeat', 'the port is not open')]
  return [known, host, port, await checkHeartbeat(options)]
}

async function resolveHost(host: string, clock: Clock): Promise<string | null> {
  const found = await new Resolver({ clock, log: silentLogger }).resolve(host)
  return found.kind === 'resolved' ? found.address : null
}

async function checkPort({ record, tunnels, access }: AppChecksOptions, address: string): Promise<Check> {
  const name = 'port'
  const isTunnel = mayHaveTunnel(record)
  const tunnel = isTunnel && tunnels !== null ? judgeOpenTunnel(record, tunnels) : null
  if (tunnel !== null) return tunnel
  const where = formatHostPort({ host: address, port: record.port })
  const error = await connectError(address, record.port, access.timeoutMs)
  if (error === null) return ok(name, `${where} accepts connections; the app runs without a tunnel`)
  if (isTunnel) return explainMissingTunnel(record, tunnels)
  const { text } = connectionProblem(error, 'connect')
  const fix =
    errorCode(error) === 'ECONNREFUSED'
      ? 'start the container of the app (docker ps, docker logs nc_app_ID); if it runs, it listens on another port or only on its own 127.0.0.1'
      : 'check that gateway and app share a network and that no firewall is between them'
  return fail(name, `${where} ${text}`, fix)
}

/** null: connected. */
async function connectError(host: string, port: number, timeoutMs: number): Promise<Error | null> {
  const { promise, resolve } = Promise.withResolvers<Error | null>()
  const socket = net.connect({ host, port }, () => resolve(null))
  const timer = setTimeout(() => resolve(new HarpError(timeoutCode, 'too slow')), timeoutMs)
  socket.on('error', resolve)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

/** As AppAPI asks: signed, through the gateway; without a gateway directly. */
async function checkHeartbeat({ record, access, isUp }: AppChecksOptions): Promise<Check> {
  const name = 'heartbeat'
  const way = isUp ? 'through the gateway' : 'directly'
  const direct = new URL(`http://${formatHostPort(record)}/heartbeat`)
  const result = await probe({
    url: isUp ? new URL(`/exapps/${record.appId}/heartbeat`, access.base) : direct,
    headers: {
      ...(isUp
        ? { ...keyField(access), 'ex-app-host': record.host, 'ex-app-port': String(record.port) }
        : {}),
      'ex-app-id': record.appId,
      'ex-app-version': record.version,
      'authorization-app-api': Buffer.from(`:${record.token}`, 'utf8').toString('base64'),
    },
    timeoutMs: access.timeoutMs,
    clock: access.clock,
  })
  return judgeHeartbeat(result, name, way)
}

function judgeHeartbeat(result: ProbeResult, name: string, way: string): Check {
  const lookAtApp = 'look into the log of the app (docker logs nc_app_ID)'
  if (result.kind === 'failed') {
    return fail(name, `${way}: the connection ${result.problem.text}`, lookAtApp)
  }
  if (result.kind === 'upgraded') return fail(name, `${way}: answered with an upgrade`, lookAtApp)
  const { status, body } = result
  if (status === 200) return ok(name, `answered ${way}`)
  const what = `${way}: answered with ${status} ${excerpt(body)}`
  switch (status) {
    case 404:
      return fail(
        name,
        what,
        'the program on this port has no /heartbeat: is it another app, or no ExApp at all?',
      )
    case 401:
    case 403:
      return fail(
        name,
        what,
        'the app does not take the secret that Nextcloud has for it: install the app again',
      )
    case 502:
      return fail(
        name,
        what,
        'the app closed the connection or does not speak HTTP on this port: look into its log',
      )
    case 504:
      return fail(
        name,
        what,
        'the app accepts connections and does not answer: look into its log, restart it',
      )
    default:
      return fail(name, what, lookAtApp)
  }
}
