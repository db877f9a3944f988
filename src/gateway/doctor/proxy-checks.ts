/** The way from the public URL through the reverse proxy to this gateway. */
import { formatHostPort, type HostPort, type Network } from '../../net/address.ts'
import { reachable } from '../admin/heartbeat.ts'
import { fail, ok, skip, warn, type Check } from './check.ts'
import { judgeClientAddress, withProxy } from './client-address-check.ts'
import { askEcho, controlUrl, keyField, type Echo, type GatewayAccess } from './echo.ts'
import { probe, type ProbeResponse } from './http-probe.ts'
import { judgeArrival } from './arrival-check.ts'
import { proxyFixes } from './proxy-fixes.ts'
import { checkStream, checkUpload } from './streaming-checks.ts'
import { checkWebSocket } from './websocket-check.ts'

export interface ProxyChecksOptions {
  readonly access: GatewayAccess
  /** Where the gateway listens. */
  readonly gateway: HostPort
  /** Of the gateway that answers directly; null: none does. */
  readonly instance: string | null
  readonly trustedProxies: readonly Network[]
}

/** What proxies like to change: escaped delimiters, lower-case escapes, a double slash, and a query. */
const escapedPath = '/a%2Fb%20c%25d%3Fe%c3%a9+~;x=1//y'
const escapedQuery = '?q=%2F%3f&r=a+b'
const dayMs = 86_400_000
const warnDays = 14
const unchecked = ['same gateway', 'escapes', 'client address', 'ban', 'streaming', 'uploads', 'WebSocket']

export async function checkProxy(options: ProxyChecksOptions): Promise<readonly Check[]> {
  const { access } = options
  const heartbeat = await probe({
    url: controlUrl(access.base, '/heartbeat'),
    headers: keyField(access),
    timeoutMs: access.timeoutMs,
    clock: access.clock,
  })
  const arrival = judgeArrival(heartbeat, access.base, formatHostPort(reachable(options.gateway)))
  const certificate = heartbeat.kind === 'response' ? judgeExpiry(heartbeat, access.clock.wall()) : []
  if (arrival.status === 'fail') return [arrival, ...skipAll('no request gets through to the gateway')]
  const { echo } = await askEcho(access)
  if (echo === null) {
    const stranger = fail(
      'same gateway',
      'what answers behind this URL has a heartbeat but is not Harp: HaRP, or another version',
      `let the proxy send /exapps/ to this gateway (${formatHostPort(options.gateway)}), and stop HaRP`,
    )
    return [arrival, ...certificate, stranger]
  }
  const [escapes, streaming, uploads, webSocket] = await Promise.all([
    checkEscapes(access),
    checkStream(access),
    checkUpload(access),
    checkWebSocket(access),
  ])
  return [
    arrival,
    ...certificate,
    judgeInstance(echo, options.instance),
    escapes,
    judgeClientAddress(echo, options.trustedProxies),
    judgeBan(echo, options.trustedProxies),
    streaming,
    uploads,
    webSocket,
  ]
}

function skipAll(why: string): Check[] {
  return unchecked.map((name) => skip(name, why))
}

function judgeInstance(echo: Echo, instance: string | null): Check {
  const name = 'same gateway'
  if (instance === null) return skip(name, 'no gateway answers here directly')
  if (echo.instance === instance) return ok(name, 'the proxy leads to the gateway of this environment')
  return fail(
    name,
    'the proxy leads to another running gateway than the one at the address of this environment',
    'send /exapps/ to this one, or run the doctor where the other one runs',
  )
}

function judgeExpiry(response: ProbeResponse, now: number): Check[] {
  const { certificateValidTo } = response
  if (certificateValidTo === null) return []
  const days = Math.floor((certificateValidTo.getTime() - now) / dayMs)
  const detail = `valid until ${certificateValidTo.toISOString().slice(0, 10)}`
  return days < warnDays
    ? [warn('public certificate', `${detail}, ${days} days`, 'renew the certificate of the reverse proxy')]
    : [ok('public certificate', detail)]
}

async function checkEscapes(access: GatewayAccess): Promise<Check> {
  const name = 'escapes'
  const { result, echo } = await askEcho(access, `${escapedPath}${escapedQuery}`)
  const sent = `/exapps/app_api/doctor/echo${escapedPath}${escapedQuery}`
  if (echo?.target === sent) return ok(name, 'paths arrive unchanged')
  if (echo === null) {
    const what = result.kind === 'response' ? `is answered with ${result.status}` : 'is not answered'
    return fail(name, `a path with escapes (${escapedPath}) ${what}`, proxyFixes.escapes)
  }
  const changed = `${sent} arrives as ${echo.target}`
  return normalise(echo.target) === normalise(sent)
    ? warn(name, `${changed}: the same to most apps`, proxyFixes.escapes)
    : fail(name, changed, proxyFixes.escapes)
}

/** Spellings that RFC 3986 calls equivalent, and slashes that most servers merge. */
function normalise(target: string): string {
  return target
    .replace(/%[0-9a-f]{2}/gi, (each) => each.toUpperCase())
    .replace(/%7E/g, '~')
    .replace(/\/{2,}/g, '/')
}

function judgeBan(echo: Echo, trustedProxies: readonly Network[]): Check {
  const name = 'ban'
  const { client, peer } = echo
  if (!echo.isBanned) return ok(name, `${client} is not banned`)
  if (client !== peer) {
    return fail(
      name,
      `${client}, the address of this machine behind the proxy, is banned: the proxy shows its users 502`,
      `harp bans lift ${client}`,
    )
  }
  return fail(
    name,
    `${client} is banned and stands for everybody behind the reverse proxy: all of them get 502`,
    `harp bans lift ${client}, and set HP_TRUSTED_PROXY_IPS=${withProxy(trustedProxies, peer)}`,
  )
}
