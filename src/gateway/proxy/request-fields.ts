import type { RequestHead } from '../../codec/http1/request-head.ts'

/**
 * One pass over a request's fields: what the decision reads, and the lines that go upstream. Dropped on
 * the way: hop-by-hop fields (RFC 9110 section 7.6.1) and all that Connection names, fields that the gateway
 * sets itself in any spelling that a CGI-style app would confuse with them, and secrets that are not the
 * app's business (W6).
 */
export interface RequestFields {
  /** Field lines to forward, Latin-1, each with CRLF. */
  readonly forwarded: string
  readonly sharedKey: string | undefined
  readonly enginePort: string
  readonly appApi: {
    readonly authorization: string
    readonly version: string
    readonly host: string
    readonly port: string
  } | null
  readonly cookie: string
  readonly authorization: string | undefined
  readonly xForwardedFor: string | undefined
  readonly xRealIp: string | undefined
  readonly requestId: string | undefined
}

export interface RequestFieldOptions {
  readonly stripSessionCookies: boolean
}

const Action = {
  drop: 1,
  sharedKey: 2,
  enginePort: 3,
  exAppId: 4,
  exAppVersion: 5,
  exAppHost: 6,
  exAppPort: 7,
  appApiAuthorization: 8,
  cookie: 9,
  authorization: 10,
  xForwardedFor: 11,
  xRealIp: 12,
  requestId: 13,
  te: 14,
  expect: 15,
} as const
type Action = (typeof Action)[keyof typeof Action]

const actions = new Map<string, Action>([
  ['connection', Action.drop],
  ['keep-alive', Action.drop],
  ['proxy-connection', Action.drop],
  ['transfer-encoding', Action.drop],
  ['content-length', Action.drop],
  ['upgrade', Action.drop],
  ['http2-settings', Action.drop],
  ['aa-version', Action.drop],
  ['harp-shared-key', Action.sharedKey],
  ['docker-engine-port', Action.enginePort],
  ['ex-app-id', Action.exAppId],
  ['ex-app-version', Action.exAppVersion],
  ['ex-app-host', Action.exAppHost],
  ['ex-app-port', Action.exAppPort],
  ['authorization-app-api', Action.appApiAuthorization],
  ['cookie', Action.cookie],
  ['authorization', Action.authorization],
  ['x-forwarded-for', Action.xForwardedFor],
  ['x-real-ip', Action.xRealIp],
  ['aa-request-id', Action.requestId],
  ['te', Action.te],
  ['expect', Action.expect],
])

/** Fields that only the gateway may send to an app; also refused in trailers. */
export const gatewayOwnedFields: ReadonlySet<string> = new Set([
  'aa-version',
  'authorization-app-api',
  'docker-engine-port',
  'ex-app-host',
  'ex-app-id',
  'ex-app-port',
  'ex-app-version',
  'harp-shared-key',
])

const sessionCookie = /^(?:oc_.*|nc_.*|oc[a-z0-9]{10}|__(?:Host|Secure)-nc_.*)$/i

export function readRequestFields(head: RequestHead, options: RequestFieldOptions): RequestFields {
  const { fields, connectionOptions } = head
  let forwarded = ''
  let sharedKey: string | undefined
  let enginePort = ''
  let exAppId: string | undefined
  let exAppVersion: string | undefined
  let exAppHost: string | undefined
  let exAppPort: string | undefined
  let appApiAuthorization: string | undefined
  let cookie = ''
  let authorization: string | undefined
  let xForwardedFor: string | undefined
  let xRealIp: string | undefined
  let requestId: string | undefined
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? ''
    const value = fields[index + 1] ?? ''
    const action = actions.get(name)
    if (action === undefined) {
      if (name.includes('_') && gatewayOwnedFields.has(name.replaceAll('_', '-'))) continue
      if (connectionOptions.length > 0 && name !== 'host' && connectionOptions.includes(name)) continue
      forwarded += `${name}: ${value}\r\n`
      continue
    }
    switch (action) {
      case Action.drop:
        continue
      case Action.sharedKey:
        sharedKey = value
        continue
      case Action.enginePort:
        enginePort = value
        continue
      case Action.exAppId:
        exAppId = value
        continue
      case Action.exAppVersion:
        exAppVersion = value
        continue
      case Action.exAppHost:
        exAppHost = value
        continue
      case Action.exAppPort:
        exAppPort = value
        continue
      case Action.appApiAuthorization:
        appApiAuthorization = value
        continue
      case Action.te:
        if (/(?:^|,)\s*trailers\s*(?:;|,|$)/i.test(value)) forwarded += 'te: trailers\r\nconnection: te\r\n'
        continue
      case Action.expect:
        if (head.minorVersion === 0) continue
        break
      case Action.cookie: {
        cookie = cookie === '' ? value : `${cookie}; ${value}`
        if (!options.stripSessionCookies) break
        const kept = withoutSessionCookies(value)
        if (kept !== '' && !connectionOptions.includes(name)) forwarded += `cookie: ${kept}\r\n`
        continue
      }
      case Action.authorization:
        authorization = value
        break
      case Action.xForwardedFor:
        xForwardedFor = xForwardedFor === undefined ? value : `${xForwardedFor},${value}`
        break
      case Action.xRealIp:
        xRealIp = value
        break
      case Action.requestId:
        requestId = value
        break
    }
    if (connectionOptions.length > 0 && connectionOptions.includes(name)) continue
    forwarded += `${name}: ${value}\r\n`
  }
  const isAppApi =
    exAppId !== undefined &&
    appApiAuthorization !== undefined &&
    sharedKey !== undefined &&
    exAppHost !== undefined
  const appApi =
    isAppApi && exAppVersion !== undefined && exAppPort !== undefined
      ? {
          authorization: appApiAuthorization ?? '',
          version: exAppVersion,
          host: exAppHost ?? '',
          port: exAppPort,
        }
      : null
  return {
    forwarded,
    sharedKey,
    enginePort,
    appApi,
    cookie,
    authorization,
    xForwardedFor,
    xRealIp,
    requestId,
  }
}

function withoutSessionCookies(value: string): string {
  return value
    .split(';')
    .map((each) => each.trim())
    .filter((each) => !sessionCookie.test(each.split('=', 1)[0] ?? ''))
    .join('; ')
}

/** True where a non-empty oc_sessionPassphrase cookie is there (first occurrence decides). */
export function hasSessionCookie(cookie: string): boolean {
  if (!cookie.includes('oc_sessionPassphrase=')) return false
  for (const part of cookie.split(';')) {
    const text = part.trim()
    if (text.startsWith('oc_sessionPassphrase=')) return text.length > 'oc_sessionPassphrase='.length
  }
  return false
}

/**
 * The fields besides cookie and authorization that Nextcloud gets to know a user by (W20). `client`: the peer
 * is no trusted proxy, so its address stands in for what it claims of others (W9); null: the fields count.
 */
export function userContext(fields: readonly string[], client: string | null): Record<string, string> {
  const context: Record<string, string> = {}
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? ''
    if (!isContextField(name)) continue
    const value = fields[index + 1] ?? ''
    context[name] = context[name] === undefined ? value : `${context[name]}, ${value}`
  }
  if (client !== null) {
    delete context['x-real-ip']
    context['x-forwarded-for'] = client
  }
  return context
}

function isContextField(name: string): boolean {
  switch (name) {
    case 'user-agent':
    case 'accept-language':
    case 'x-real-ip':
    case 'requesttoken':
    case 'ocs-apirequest':
      return true
    default:
      return name.startsWith('x-forwarded-')
  }
}
