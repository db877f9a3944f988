/**
 * From environment to configuration. Pure apart from the injected `files`, never throws, and reports everything
 * that is wrong at once; the configuration is null as soon as one problem is fatal, and frozen to the bottom.
 * Spec: docs/spec/gateway.md, environment.
 */
import { readBindMounts } from './bind-mount-settings.ts'
import { parseBaseUrl, showUrl } from './base-url.ts'
import type { ConfigFiles, ConfigProblem, GatewayConfig } from './config.ts'
import type { Environment } from './env.ts'
import { readKubernetes, readKubernetesEnabled } from './kubernetes-settings.ts'
import { readListeners } from './listener-addresses.ts'
import { readSharedKey } from './secrets.ts'
import { ignoredFiles, settings } from './settings.ts'
import { SettingsReader } from './settings-reader.ts'
import { readTrustedProxies } from './trusted-proxies.ts'
import { findUnknownNames } from './unknown-names.ts'

export interface ParsedConfig {
  readonly config: GatewayConfig | null
  readonly problems: readonly ConfigProblem[]
}

export function parseConfig(env: Environment, files: ConfigFiles): ParsedConfig {
  const disk: ConfigFiles = {
    readFile: (path) => files.readFile(path),
    exists: (path) => exists(files, path),
  }
  const reader = new SettingsReader(env)

  const sharedKey = readSharedKey(reader, disk)
  const nextcloudUrl = readNextcloudUrl(reader)
  const certsDir = reader.path('HARP_CERTS_DIR')
  const listen = readListeners(reader, disk, certsDir)
  const frpTls = readFrpTls(reader)
  const frpCertValidityDays = readCertValidityDays(
    reader,
    frpTls && frpFiles.some((name) => !disk.exists(`${certsDir}/frp/${name}`)),
  )
  const frpRequireTokens = reader.choice('HARP_FRP_REQUIRE_TOKENS', requireTokens)
  const frpLoopback = reader.boolean('HARP_FRP_LOOPBACK')
  const isEngineOff = reader.text('HARP_DOCKER_SOCKET').toLowerCase() === 'off'
  const dockerSocket = isEngineOff ? null : reader.path('HARP_DOCKER_SOCKET')
  const bindMounts = readBindMounts(reader)
  const trustedProxies = readTrustedProxies(reader)
  const timeouts = {
    connectMs: reader.duration('HP_TIMEOUT_CONNECT'),
    clientMs: reader.duration('HP_TIMEOUT_CLIENT'),
    bodyMs: reader.duration('HARP_TIMEOUT_BODY'),
    serverMs: reader.duration('HP_TIMEOUT_SERVER'),
    tunnelMs: reader.duration('HP_TIMEOUT_TUNNEL'),
    drainMs: reader.duration('HARP_TIMEOUT_DRAIN'),
  }
  const sessionLifetimeMs = Math.round(reader.number('HP_SESSION_LIFETIME') * 1000)
  const bans = readBans(reader)
  const limits = {
    connections: reader.integer('HARP_MAX_CONNECTIONS'),
    connectionsPerPeer: reader.integer('HARP_MAX_CONNECTIONS_PER_PEER'),
  }
  const rest = {
    stateDir: readStateDir(reader),
    recordTtlMs: reader.duration('HARP_RECORD_TTL'),
    aaVersion: readAaVersion(reader),
    stripSessionCookies: reader.boolean('HARP_STRIP_SESSION_COOKIES'),
    logLevel: reader.choice('HP_LOG_LEVEL', logLevels),
    verboseStart: readVerboseStart(reader),
  }
  const kubernetesEnabled = readKubernetesEnabled(reader)
  const kubernetes = readKubernetes(reader, disk, kubernetesEnabled)
  reportIgnoredFiles(reader, disk)

  const problems = [...reader.problems, ...findUnknownNames(env)]
  const isFatal = problems.some((problem) => problem.severity === 'fatal')
  if (isFatal || sharedKey === undefined || nextcloudUrl === undefined) {
    return deepFreeze({ config: null, problems })
  }
  const config: GatewayConfig = {
    sharedKey,
    nextcloudUrl,
    listen,
    certsDir,
    frpTls,
    frpCertValidityDays,
    frpRequireTokens,
    frpLoopback,
    dockerSocket,
    bindMounts,
    trustedProxies,
    timeouts,
    sessionLifetimeMs,
    bans,
    limits,
    kubernetesEnabled,
    kubernetes,
    ...rest,
  }
  return deepFreeze({ config, problems })
}

function readNextcloudUrl(reader: SettingsReader): URL | undefined {
  const name = 'NC_INSTANCE_URL'
  const given = reader.given(name)
  if (given === undefined) {
    reader.fatal(name, 'is not set', "set it to Nextcloud's URL, such as https://cloud.example.com")
    return undefined
  }
  const parsed = parseBaseUrl(given.replace(/\/$/, '').replace(/\/index\.php$/, ''))
  if (parsed.kind === 'ok') return parsed.url
  reader.fatal(name, parsed.message, parsed.fix, showUrl(given))
  return undefined
}

/** What is made at the start where it is missing; `ca.key` alone is not. */
const frpFiles = ['ca.crt', 'server.crt', 'server.key', 'client.crt', 'client.key'] as const

function readFrpTls(reader: SettingsReader): boolean {
  const text = reader.exact('HP_FRP_DISABLE_TLS') ?? 'false'
  if (text === 'true') return false
  if (text !== 'false') {
    reader.warn(
      'HP_FRP_DISABLE_TLS',
      'leaves TLS on: only the exact text true switches it off',
      'write true or false',
    )
  }
  return true
}

function readCertValidityDays(reader: SettingsReader, isNeeded: boolean): number {
  const name = 'HP_FRP_CERT_VALIDITY_DAYS'
  const { default: fallback, max = Infinity } = settings[name]
  const text = reader.exact(name) ?? fallback
  const days = Number(text)
  if (/^\d+$/.test(text) && days >= 1 && days <= max) return days
  const message = `is not a positive integer number of days (at most ${max})`
  const fix = `write digits only, such as ${fallback}`
  if (isNeeded) reader.fatal(name, message, fix)
  else reader.warn(name, `${message}; no certificate is generated now`, fix)
  return Number(fallback)
}

function readBans(reader: SettingsReader): GatewayConfig['bans'] {
  const count = reader.integer('HP_BLACKLIST_COUNT')
  if (count <= 0) {
    reader.warn(
      'HP_BLACKLIST_COUNT',
      'BANS EVERYONE, from the first request on',
      'write 10 for the usual protection',
    )
  }
  const windowSeconds = reader.integer('HP_BLACKLIST_WINDOW')
  if (windowSeconds <= 0) {
    reader.warn(
      'HP_BLACKLIST_WINDOW',
      'means that nobody is ever banned',
      'write 300 for the usual protection',
    )
  }
  return {
    count,
    windowMs: Math.max(0, windowSeconds) * 1000,
    response: reader.choice('HARP_BAN_RESPONSE', { drop: 'drop', '429': '429' }),
    counting: reader.choice('HARP_BAN_COUNTING', { all: 'all', credentials: 'credentials' }),
    ipv6PrefixBits: reader.integer('HARP_BAN_IPV6_PREFIX'),
  }
}

const requireTokens = { none: 'none', engines: 'engines', all: 'all' } as const

const logLevels = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  warn: 'warn',
  critical: 'error',
  fatal: 'error',
  notset: 'debug',
} as const

function readVerboseStart(reader: SettingsReader): boolean {
  const text = reader.exact('HP_VERBOSE_START') ?? settings.HP_VERBOSE_START.default
  if (!/^\s*[+-]?\d+\s*$/.test(text)) {
    reader.warn('HP_VERBOSE_START', 'is not a whole number and means 0', 'write 1 or 0')
    return false
  }
  return Number(text) === 1
}

function readAaVersion(reader: SettingsReader): string {
  const text = reader.text('HARP_AA_VERSION')
  if (/^[\x21-\x7e]{1,64}$/.test(text)) return text
  reader.fatal(
    'HARP_AA_VERSION',
    'cannot be a header value: it has blanks, non-ASCII characters, or more than 64',
    `write ${settings.HARP_AA_VERSION.default}`,
  )
  return settings.HARP_AA_VERSION.default
}

function readStateDir(reader: SettingsReader): string {
  const stateDir =
    reader.given('HARP_STATE_DIR') === undefined ? defaultStateDir(reader) : reader.path('HARP_STATE_DIR')
  const { max = Infinity } = settings.HARP_STATE_DIR
  if (Buffer.byteLength(stateDir) > max) {
    reader.fatal(
      'HARP_STATE_DIR',
      `is longer than ${max} bytes, too long for the path of the control socket in it`,
      'set it to a shorter path, such as /var/lib/harp',
      stateDir,
    )
  }
  return stateDir
}

function defaultStateDir(reader: SettingsReader): string {
  const stateHome = reader.exact('XDG_STATE_HOME')
  if (stateHome?.startsWith('/') === true) return `${stateHome.replace(/\/+$/, '')}/harp`
  const home = reader.exact('HOME')
  if (home?.startsWith('/') === true) return `${home.replace(/\/+$/, '')}/.local/state/harp`
  return '/var/lib/harp'
}

function reportIgnoredFiles(reader: SettingsReader, files: ConfigFiles): void {
  for (const path of ignoredFiles) {
    if (!files.exists(path)) continue
    reader.add({
      severity: 'warning',
      name: path,
      value: null,
      message: "IS IGNORED: this gateway does not read configuration files of HaRP's parts",
      fix: 'remove the file, and say what it changed with the settings in the documentation',
    })
  }
}

function exists(files: ConfigFiles, path: string): boolean {
  try {
    return files.exists(path)
  } catch {
    // NOTE: what cannot even be looked at is as good as absent; who needs the file reports why.
    return false
  }
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const each of Object.values(value)) deepFreeze(each)
  return value
}
