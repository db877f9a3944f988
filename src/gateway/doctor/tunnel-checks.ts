/** The tunnel server: can clients reach it, is its certificate what they check, does it take the key, who is lost. */
import { errorMessage, HarpError } from '../../base/errors.ts'
import { formatHostPort } from '../../net/address.ts'
import { ControlClient, type ControlReply } from '../admin/control-client.ts'
import { reachable } from '../admin/heartbeat.ts'
import { expiriesOf, judgeExpiry } from '../certificates/expiry.ts'
import { FrpDirectory } from '../certificates/frp-directory.ts'
import { attempt, type FrpFiles } from '../certificates/frp-files.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { TokenEntry } from '../tokens/token-record.ts'
import type { TunnelOverview } from '../tunnels/tunnel-status.ts'
import { excerpt, fail, ok, skip, warn, type Check } from './check.ts'
import type { ConnectionProblem } from './connection-problem.ts'
import type { GatewayAccess } from './echo.ts'
import { tryTunnelLogin, type TunnelClientTls, type TunnelLoginResult } from './tunnel-login.ts'

export interface TunnelChecksOptions {
  readonly config: GatewayConfig
  readonly version: string
  readonly access: GatewayAccess
  /** A gateway answers here, and takes this shared key. */
  readonly isUp: boolean
}

export interface TunnelFindings {
  readonly checks: readonly Check[]
  /** null: the gateway could not be asked. */
  readonly overview: TunnelOverview | null
}

export async function checkTunnels(options: TunnelChecksOptions): Promise<TunnelFindings> {
  const { config, isUp, access } = options
  const files = config.frpTls ? new FrpDirectory(config.certsDir).read() : null
  const expiries =
    files === null
      ? []
      : expiriesOf(files).map((each) => describeExpiry(judgeExpiry(each, access.clock.wall())))
  if (!isUp) {
    return {
      checks: [skip('server', 'no gateway answers with this shared key'), ...expiries],
      overview: null,
    }
  }
  const client = new ControlClient(config.stateDir)
  const [reply, tokens] = await Promise.all([client.tunnels(), client.tokens()])
  const overview = reply.kind === 'ok' ? reply.value : null
  const server = await checkServer(options, files, overview)
  const tunnels =
    overview === null ? skip('tunnels', 'asked through the control socket') : judgeTunnels(overview)
  const engines = overview === null ? [] : judgeEngines(overview)
  return { checks: [...server, ...expiries, judgeTokens(tokens), tunnels, ...engines], overview }
}

/**
 * One connection for all of it. It logs in with the key that the gateway has just accepted over HTTP, so that a gateway
 * with another key never counts a failure against this machine; and not at all where the key is refused on purpose.
 */
async function checkServer(
  { config, access, version }: TunnelChecksOptions,
  files: FrpFiles | null,
  overview: TunnelOverview | null,
): Promise<readonly Check[]> {
  if (overview !== null && overview.listening === null) {
    const fix = 'look into the log of the gateway for LISTEN_FAILED or FRP_CERT, then restart it'
    return [fail('server', 'the gateway does not accept tunnels', fix)]
  }
  const client = files === null ? null : attempt(() => clientTls(files))
  const isRefusedByRule = config.frpRequireTokens === 'all'
  const isLoginPossible = !isRefusedByRule && !(client instanceof HarpError)
  const address = reachable(config.listen.frp)
  const result = await tryTunnelLogin({
    address,
    tls: client instanceof HarpError ? null : client,
    key: isLoginPossible ? access.sharedKey : null,
    clientVersion: `harp-${version}`,
    clock: access.clock,
    timeoutMs: access.timeoutMs,
  })
  const server = judgeServer(result, formatHostPort(address))
  if (server.status !== 'ok') return [server]
  if (client instanceof HarpError) return [server, cannotTry(client)]
  const tls = judgeTls(result, config.frpTls)
  if (tls.status === 'fail') return [server, tls]
  const byRule = skip('login', 'HARP_FRP_REQUIRE_TOKENS=all: the shared key is refused, as it should be')
  return [server, tls, isRefusedByRule ? byRule : judgeLogin(result, config.frpTls)]
}

/** The same files that apps and engines get. */
function clientTls(files: FrpFiles): TunnelClientTls {
  const { pem: cert, key } = files.pair('client')
  return { ca: files.text('ca.crt'), cert, key }
}

function cannotTry(error: HarpError): Check {
  return warn(
    'TLS',
    `could not be tried: ${errorMessage(error)}`,
    error.fix ?? 'run the doctor as the gateway',
  )
}

export function judgeServer(result: TunnelLoginResult, address: string): Check {
  const name = 'server'
  if (result.kind !== 'failed' || result.stage !== 'connect') {
    return ok(name, `${address} accepts connections`)
  }
  return fail(
    name,
    `${address} ${result.problem.text}`,
    'look into the log of the gateway for LISTEN_FAILED, and compare its HP_FRP_ADDRESS with the one here',
  )
}

export function judgeTls(result: TunnelLoginResult, isOn: boolean): Check {
  const name = 'TLS'
  if (!isOn) return skip(name, 'HP_FRP_DISABLE_TLS=true')
  if (result.kind !== 'failed' || result.stage !== 'tls') {
    return ok(name, 'the certificate is for harp.nc and of the CA that clients have')
  }
  const fix = tlsFixes[result.problem.kind] ?? 'look into the log of the gateway'
  return fail(name, `the server ${result.problem.text}, so no client connects`, fix)
}

const otherServer =
  'the gateway runs with HP_FRP_DISABLE_TLS=true, or another program has the port: restart it with this environment'
const otherCertificate =
  'restart the gateway with this HARP_CERTS_DIR; if frp/server.crt there is not of frp/ca.crt and for harp.nc, move server.crt and server.key away: new ones are made'
const tlsFixes: Readonly<Partial<Record<ConnectionProblem['kind'], string>>> = {
  untrusted: otherCertificate,
  'wrong-name': otherCertificate,
  expired: 'harp certs status says which one, harp certs renew makes new ones',
  'not-tls': otherServer,
  closed: otherServer,
}

export function judgeLogin(result: TunnelLoginResult, isTls: boolean): Check {
  const name = 'login'
  if (result.kind === 'connected') return skip(name, 'not tried')
  if (result.kind === 'failed') {
    const fix = isTls
      ? 'it may not take the client certificate: harp certs status compares frp/client.crt with the CA in use'
      : 'the gateway may want TLS: restart it with this environment; or another program has the port'
    return fail(name, `the server ${result.problem.text}`, fix)
  }
  if (result.error === '') return ok(name, 'the shared key is accepted')
  const what = `the server refuses: ${excerpt(result.error, 200)}`
  if (/banned/i.test(result.error)) return fail(name, what, `harp bans lift ${result.localAddress}`)
  return fail(
    name,
    what,
    'another program than this gateway has the port (HaRP?), or the gateway was started with another HP_SHARED_KEY: restart it',
  )
}

function describeExpiry({ certificate, status, detail, fix }: ReturnType<typeof judgeExpiry>): Check {
  const name = `${certificate} certificate`
  if (status === 'ok' || fix === null) return ok(name, detail)
  return status === 'warn' ? warn(name, detail, fix) : fail(name, detail, fix)
}

const shown = 5

/** A lost tunnel is its client's trouble, so nothing is broken here. */
export function judgeTunnels({ tunnels }: TunnelOverview): Check {
  const name = 'tunnels'
  const open = tunnels.filter((each) => each.state === 'open').length
  const lost = tunnels.filter((each) => each.state === 'lost')
  if (lost.length === 0) return ok(name, `${open} open`)
  const list = lost
    .slice(0, shown)
    .map((each) => `${each.name} (${each.lastError?.problem ?? 'no reason known'})`)
  const more = lost.length > shown ? ` and ${lost.length - shown} more` : ''
  return warn(
    name,
    `${open} open; gone and not back: ${list.join(', ')}${more}`,
    'if they should be there: start them, look into their logs, and at the network in between; harp tunnels shows more',
  )
}

export function judgeTokens(reply: ControlReply<readonly TokenEntry[]>): Check {
  const name = 'tokens'
  if (reply.kind === 'ok') return ok(name, `${reply.value.length} beside the shared key`)
  if (reply.kind !== 'failed') return skip(name, 'asked through the control socket')
  return fail(name, reply.problem, 'no app or engine with a token of its own can connect until this is right')
}

/** Whoever has the shared key, which every app has, can take the port of such an engine when it is away. */
export function judgeEngines({ tunnels }: TunnelOverview): readonly Check[] {
  const names = tunnels
    .filter((each) => each.kind === 'engine' && each.state === 'open' && each.identity.kind === 'shared-key')
    .map((each) => each.name)
  if (names.length === 0) return []
  return [
    warn(
      'engines',
      `${names.slice(0, shown).join(', ')} logged in with the shared key, which every app has`,
      'harp token add --engine NAME for each, then HARP_FRP_REQUIRE_TOKENS=engines',
    ),
  ]
}
