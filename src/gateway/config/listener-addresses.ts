/** The addresses of the listeners, in HAProxy's bind syntax, and the check that no two of them collide. */
import { canonicalAddress, formatHostPort, parseHostPort, type HostPort } from '../../net/address.ts'
import type { ConfigFiles, GatewayConfig } from './config.ts'
import { settings, type SettingName } from './settings.ts'
import type { SettingsReader } from './settings-reader.ts'

export function readListeners(
  reader: SettingsReader,
  files: ConfigFiles,
  certsDir: string,
): GatewayConfig['listen'] {
  if (reader.isSetEmpty('HP_FRP_ADDRESS')) {
    reader.fatal('HP_FRP_ADDRESS', 'is empty', `remove it, or write ${settings.HP_FRP_ADDRESS.default}`)
  }
  const http = readAddress(reader, 'HP_EXAPPS_ADDRESS')
  const https = readAddress(reader, 'HP_EXAPPS_HTTPS_ADDRESS')
  const frp = readAddress(reader, 'HP_FRP_ADDRESS')
  const isAdminOff = reader.text('HARP_ADMIN_ADDRESS').toLowerCase() === 'off'
  const admin = isAdminOff ? off : readAddress(reader, 'HARP_ADMIN_ADDRESS')

  const mandatory = [http, frp].filter((each) => each.kind === 'given')
  reportCollision(reader, mandatory)
  reportHttpsCollision(reader, https, mandatory, files.exists(`${certsDir}/cert.pem`))
  const others = [...mandatory, ...[https].filter((each) => each.kind === 'given')]
  return {
    http: http.address,
    https: https.address,
    frp: frp.address,
    admin: settleAdmin(reader, admin, others),
  }
}

const off = { kind: 'off' } as const

interface Listener {
  /** `replaced`: what was given is wrong and already reported; the default stands in and collides with nothing. */
  readonly kind: 'given' | 'replaced'
  readonly name: SettingName
  readonly address: HostPort
}

function readAddress(reader: SettingsReader, name: SettingName): Listener {
  const address = parseBindAddress(reader.text(name))
  if (address !== undefined) return { kind: 'given', name, address }
  reader.fatal(
    name,
    'is not one host:port address to listen on',
    `write an IP address and a port, such as ${settings[name].default}`,
  )
  const standIn = parseBindAddress(settings[name].default) ?? { host: '127.0.0.1', port: 0 }
  return { kind: 'replaced', name, address: standIn }
}

/** Port 0 is any free port. */
function parseBindAddress(text: string): HostPort | undefined {
  // NOTE: HAProxy splits at the last colon, so that `:::8780` is port 8780 of `::`.
  const bareIpv6 = /^([^[\]]*:[^[\]]*):(\d+)$/.exec(text)
  const parsed = parseHostPort(bareIpv6 === null ? text : `[${bareIpv6[1]}]:${bareIpv6[2]}`)
  if (parsed === undefined) return undefined
  const host =
    canonicalAddress(parsed.host) ?? (isHostName(parsed.host) ? parsed.host.toLowerCase() : undefined)
  return host === undefined ? undefined : { host, port: parsed.port }
}

function isHostName(text: string): boolean {
  return /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(text)
}

function reportCollision(reader: SettingsReader, listeners: readonly Listener[]): void {
  const [http, frp] = listeners
  if (http === undefined || frp === undefined || !doCollide(http.address, frp.address)) return
  reader.fatal(frp.name, `takes the same port as ${http.name}`, 'give every listener a port of its own')
}

/** Without a certificate HTTPS is not listened on, and HaRP starts; so it is only said. */
function reportHttpsCollision(
  reader: SettingsReader,
  https: Listener,
  others: readonly Listener[],
  hasCertificate: boolean,
): void {
  const other = others.find((each) => https.kind === 'given' && doCollide(each.address, https.address))
  if (other === undefined) return
  const fix = 'give every listener a port of its own'
  if (hasCertificate) {
    reader.fatal(https.name, `takes the same port as ${other.name}`, fix)
  } else {
    reader.warn(
      https.name,
      `takes the same port as ${other.name}: HTTPS cannot start when a certificate appears`,
      fix,
    )
  }
}

/** HaRP has no admin listener: where only its default collides, an environment that worked must go on working. */
function settleAdmin(
  reader: SettingsReader,
  admin: Listener | typeof off,
  others: readonly Listener[],
): HostPort | null {
  if (admin.kind === 'off') return null
  const other = others.find((each) => admin.kind === 'given' && doCollide(each.address, admin.address))
  if (other === undefined) return admin.address
  if (reader.given('HARP_ADMIN_ADDRESS') !== undefined) {
    reader.fatal(admin.name, `takes the same port as ${other.name}`, 'give every listener a port of its own')
    return admin.address
  }
  reader.warn(
    admin.name,
    `is off, because its default ${formatHostPort(admin.address)} takes the same port as ${other.name}`,
    'set it to another address for metrics and health, or to off',
  )
  return null
}

function doCollide(one: HostPort, other: HostPort): boolean {
  if (one.port !== other.port || one.port === 0) return false
  const hosts = [one.host, other.host].map((host) => (host === 'localhost' ? '127.0.0.1' : host))
  return hosts[0] === hosts[1] || hosts.includes('0.0.0.0') || hosts.includes('::')
}
