/** The gateway itself: does it answer with this key, is it ours, and what does it say through its control socket. */
import { formatHostPort, type HostPort } from '../../net/address.ts'
import { ControlClient, type ControlReply } from '../admin/control-client.ts'
import { reachable } from '../admin/heartbeat.ts'
import type { GatewayStatus } from '../admin/operator-api.ts'
import type { GatewayConfig } from '../config/config.ts'
import { judgeBans } from './ban-check.ts'
import { checkCertificate } from './certificate-check.ts'
import { excerpt, fail, ok, skip, warn, type Check } from './check.ts'
import { askEcho, controlUrl, keyField, type Echo, type GatewayAccess } from './echo.ts'
import { probe, type ProbeResult } from './http-probe.ts'
import { checkFileLimit, checkStateDir } from './machine-checks.ts'

export interface GatewayChecksOptions {
  readonly config: GatewayConfig
  readonly version: string
  /** Without a reverse proxy in between. */
  readonly access: GatewayAccess
  readonly publicUrl: URL | null
}

export interface GatewayFindings {
  readonly checks: readonly Check[]
  /** null: no gateway answers with this key. */
  readonly instance: string | null
  readonly status: GatewayStatus | null
}

/** The base URL for asking the gateway at its own listener. */
export function directBase(listening: HostPort): URL {
  return new URL(`http://${formatHostPort(reachable(listening))}`)
}

export async function checkGateway(options: GatewayChecksOptions): Promise<GatewayFindings> {
  const { config, access } = options
  const client = new ControlClient(config.stateDir)
  const heartbeat = await probe({
    url: controlUrl(access.base, '/heartbeat'),
    headers: keyField(access),
    timeoutMs: access.timeoutMs,
    clock: access.clock,
  })
  const listener = judgeListener(heartbeat, formatHostPort(config.listen.http))
  const isUp = listener.status === 'ok'
  const [{ echo }, status, bans] = await Promise.all([
    isUp ? askEcho(access) : { echo: null },
    client.status(),
    client.bans(),
  ])
  const known = status.kind === 'ok' ? status.value : null
  const checks = [
    listener,
    ...(isUp ? [judgeIdentity(echo, options.version)] : []),
    judgeControlSocket(status, isUp, echo, client.path),
    bans.kind === 'ok'
      ? judgeBans(bans.value, config.trustedProxies)
      : skip('bans', 'asked through the control socket'),
    await checkCertificate({
      config,
      publicUrl: options.publicUrl,
      isUp,
      clock: access.clock,
      timeoutMs: access.timeoutMs,
    }),
    checkStateDir(config.stateDir),
    checkFileLimit(known?.pid ?? null, config.limits.connections),
  ]
  return { checks, instance: echo?.instance ?? null, status: known }
}

function judgeListener(result: ProbeResult, address: string): Check {
  const name = 'listener'
  if (result.kind === 'failed') {
    const fix =
      result.problem.kind === 'timeout'
        ? 'it is stuck or overloaded: look into its log, then restart it'
        : 'start it with `harp gateway`; if it runs in a container, run the doctor there: docker exec CONTAINER harp doctor'
    return fail(name, `${address} ${result.problem.text}`, fix)
  }
  if (result.kind === 'response' && result.status === 200 && /"status"\s*:\s*"ok"/.test(result.body)) {
    return ok(name, `${address} answers with this shared key`)
  }
  if (result.kind === 'response' && result.status === 401) {
    return fail(
      name,
      `the gateway at ${address} does not accept this shared key`,
      'restart it with this environment, or run the doctor with the environment of the gateway',
    )
  }
  const what = result.kind === 'response' ? `${result.status} ${excerpt(result.body)}` : 'an upgrade'
  return fail(
    name,
    `another program answers at ${address}: ${what}`,
    'stop that program, or give the gateway another HP_EXAPPS_ADDRESS',
  )
}

function judgeIdentity(echo: Echo | null, version: string): Check {
  const name = 'version'
  if (echo === null) {
    return fail(
      name,
      'what listens here has a heartbeat but is not Harp',
      'stop HaRP before starting Harp: both use the same port',
    )
  }
  if (echo.version === version) return ok(name, `Harp ${version}`)
  return warn(name, `the running gateway is Harp ${echo.version}, this is ${version}`, 'restart the gateway')
}

function judgeControlSocket(
  status: ControlReply<GatewayStatus>,
  isUp: boolean,
  echo: Echo | null,
  path: string,
): Check {
  const name = 'control socket'
  switch (status.kind) {
    case 'ok': {
      if (echo !== null && status.value.instance !== echo.instance) {
        return warn(
          name,
          `${path} belongs to another gateway than the one that listens`,
          'give each gateway a HARP_STATE_DIR of its own',
        )
      }
      const { uptimeSeconds, connections, apps } = status.value
      return ok(name, `up ${uptimeSeconds} s, ${connections.open} connections, ${apps.known} apps known`)
    }
    case 'not-running':
      if (!isUp) return skip(name, 'no gateway runs')
      return warn(
        name,
        `the gateway runs without ${path}, so \`harp bans\` does not work`,
        'give this command the HARP_STATE_DIR of the gateway; if it is the same, see STATE_DIR_UNUSABLE in the gateway’s log',
      )
    case 'denied':
      return warn(name, `${path} belongs to another user`, 'run the doctor as the user of the gateway')
    case 'missing':
    case 'failed':
      return warn(name, `${path}: ${status.problem}`, 'restart the gateway')
  }
}
