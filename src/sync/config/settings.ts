import type { LogLevel } from '../../base/logger.ts'
import { HarpError } from '../../base/errors.ts'
import { parseHostPort, type HostPort } from '../../net/address.ts'
import { keepPolicies, type KeepPolicy } from '../folder/version-source.ts'
import { parseRate, parseTime } from './amounts.ts'
import type { SyncEnvironment } from './env.ts'
import { syncSettings, type SyncSetting, type SyncSettingName } from './setting-table.ts'

/** What is in effect for one run of the daemon. */
export interface SyncSettings {
  readonly listen: HostPort
  /** Nobody asked for this address: without IPv6 it is 0.0.0.0, and another port if it is taken. */
  readonly isListenOptional: boolean
  /** Instead of the name that the device was made with. */
  readonly name: string | undefined
  readonly hashers: number
  /** Bytes per second; undefined: no limit. */
  readonly maxUpload: number | undefined
  readonly maxDownload: number | undefined
  readonly keep: KeepPolicy
  readonly rescanMs: number
  /** Bytes per second that are read to find damage; 0: none. */
  readonly scrubRate: number
  readonly discovery: DiscoveryWays
  /** Where metrics are told; undefined: nowhere. */
  readonly admin: HostPort | undefined
  /** Undefined: the one who shows the log decides. */
  readonly logLevel: LogLevel | undefined
}

/** How devices of the local networks are found. */
export interface DiscoveryWays {
  readonly beacons: boolean
  readonly mdns: boolean
  /** On this machine alone. */
  readonly loopback: boolean
}

/** As written behind the flags of `harp up`. */
export type SettingFlags = Readonly<Partial<Record<SyncSettingName, string | undefined>>>

export const longestName = 64

/** Throws HarpError `SYNC_USAGE` with the name of the flag or variable. An empty value counts as not given. */
export function readSettings(environment: SyncEnvironment, flags: SettingFlags = {}): SyncSettings {
  const source = new SettingSource(environment, flags)
  return {
    listen: source.read('HARP_LISTEN', parseListen, 'write host:port, [ipv6]:port or :port'),
    isListenOptional: source.given('HARP_LISTEN') === undefined,
    name: source.given('HARP_NAME') && source.read('HARP_NAME', parseName, nameFix),
    hashers: source.read('HARP_HASHERS', parseHashers, 'write a whole number from 1 to 64'),
    maxUpload: source.read('HARP_MAX_UPLOAD', parseRate, rateFix) || undefined,
    maxDownload: source.read('HARP_MAX_DOWNLOAD', parseRate, rateFix) || undefined,
    keep: source.read(
      'HARP_KEEP',
      (text) => keepPolicies.find((each) => each === text),
      'write all, staggered or current',
    ),
    discovery: source.read('HARP_DISCOVERY', parseDiscovery, 'write on, off, beacons, mdns or loopback'),
    rescanMs: source.read('HARP_RESCAN', parseRescan, 'write a time from 10s to 24d, such as 1h'),
    scrubRate: source.read('HARP_SCRUB', parseScrub, 'write bytes per second, such as 2M; 0 or off: never'),
    admin: source.read('HARP_ADMIN_ADDRESS', parseAdmin, 'write host:port, [ipv6]:port, :port or off')
      .address,
    logLevel:
      source.given('HARP_LOG_LEVEL') === undefined
        ? undefined
        : source.read('HARP_LOG_LEVEL', parseLevel, 'write debug, info, warning or error'),
  }
}

const rateFix = 'write bytes per second, such as 512K or 10M; 0 is no limit'
export const nameFix = 'a name has 1 to 64 characters, and none that controls a terminal'

/** A name for a device or a folder; undefined if it cannot be one. */
export function parseName(text: string): string | undefined {
  const name = text.trim().normalize('NFC')
  const isName = name !== '' && name.length <= longestName && name.isWellFormed()
  return isName && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name) ? name : undefined
}

class SettingSource {
  readonly #environment: SyncEnvironment
  readonly #flags: SettingFlags

  constructor(environment: SyncEnvironment, flags: SettingFlags) {
    this.#environment = environment
    this.#flags = flags
  }

  given(name: SyncSettingName): string | undefined {
    const text = (this.#flags[name] ?? this.#environment[name] ?? '').trim()
    return text === '' ? undefined : text
  }

  read<Value>(name: SyncSettingName, parse: (text: string) => Value | undefined, fix: string): Value {
    const setting: SyncSetting = syncSettings[name]
    const value = parse(this.given(name) ?? setting.default)
    if (value !== undefined) return value
    const shown = this.#flags[name] === undefined ? name : (setting.flag ?? name)
    throw new HarpError('SYNC_USAGE', `the value of ${shown} is not right`, { fix })
  }
}

function parseListen(text: string): HostPort | undefined {
  // Without a host every address is meant, as with the default.
  const address = parseHostPort(text.startsWith(':') ? `[::]${text}` : text)
  return address === undefined || address.host.length > 255 ? undefined : address
}

function parseAdmin(text: string): { readonly address: HostPort | undefined } | undefined {
  if (text.toLowerCase() === 'off') return { address: undefined }
  // Whoever reaches it may ask: other machines only if somebody names an address of theirs.
  const address = parseHostPort(text.startsWith(':') ? `127.0.0.1${text}` : text)
  return address === undefined || address.host.length > 255 ? undefined : { address }
}

function parseDiscovery(text: string): DiscoveryWays | undefined {
  switch (text.toLowerCase()) {
    case 'on':
      return { beacons: true, mdns: true, loopback: false }
    case 'off':
      return { beacons: false, mdns: false, loopback: false }
    case 'beacons':
      return { beacons: true, mdns: false, loopback: false }
    case 'mdns':
      return { beacons: false, mdns: true, loopback: false }
    case 'loopback':
      return { beacons: true, mdns: true, loopback: true }
    default:
      return undefined
  }
}

function parseHashers(text: string): number | undefined {
  const { min, max } = syncSettings.HARP_HASHERS
  const count = Number(text)
  return /^\d{1,3}$/.test(text) && count >= min && count <= max ? count : undefined
}

function parseScrub(text: string): number | undefined {
  return text.toLowerCase() === 'off' ? 0 : parseRate(text)
}

function parseRescan(text: string): number | undefined {
  const { min, max } = syncSettings.HARP_RESCAN
  const ms = parseTime(text)
  return ms !== undefined && ms >= min && ms <= max ? ms : undefined
}

function parseLevel(text: string): LogLevel | undefined {
  switch (text.toLowerCase()) {
    case 'debug':
      return 'debug'
    case 'info':
      return 'info'
    case 'warning':
    case 'warn':
      return 'warn'
    case 'error':
      return 'error'
    default:
      return undefined
  }
}
