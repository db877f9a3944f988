import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ConfigFiles, ConfigProblem, GatewayConfig } from './config.ts'
import { describeConfig, formatProblems } from './describe-config.ts'
import { parseConfig } from './parse-config.ts'
import { settingNames } from './settings.ts'

const key = 'kept-away-from-every-output'
const required = { HP_SHARED_KEY: key, NC_INSTANCE_URL: 'https://cloud.example.com' }

function disk(...paths: readonly string[]): ConfigFiles {
  return { exists: (path) => paths.includes(path), readFile: () => undefined }
}

function parse(env: Record<string, string>, files = disk()): ReturnType<typeof parseConfig> {
  return parseConfig({ ...required, ...env }, files)
}

function configOf(env: Record<string, string>, files = disk()): GatewayConfig {
  const { config, problems } = parse(env, files)
  if (config === null) throw new Error(formatProblems(problems).join('\n'))
  return config
}

function summaries(problems: readonly ConfigProblem[]): readonly string[] {
  return problems.map((problem) => `${problem.severity} ${problem.name}`)
}

test('the shared key and the URL are enough, and everything else has the documented default', () => {
  const { config, problems } = parse({})

  expect(problems).toEqual([])
  expect(JSON.parse(JSON.stringify(config))).toEqual({
    sharedKey: '[secret]',
    nextcloudUrl: 'https://cloud.example.com/',
    listen: {
      http: { host: '0.0.0.0', port: 8780 },
      https: { host: '0.0.0.0', port: 8781 },
      frp: { host: '0.0.0.0', port: 8782 },
      admin: { host: '127.0.0.1', port: 8783 },
    },
    certsDir: '/certs',
    dockerSocket: '/var/run/docker.sock',
    stateDir: '/var/lib/harp',
    frpTls: true,
    frpCertValidityDays: 5000,
    frpRequireTokens: 'none',
    frpLoopback: false,
    bindMounts: { isDisabled: false, allowed: [], denied: [], enforceAll: false },
    trustedProxies: [],
    timeouts: {
      connectMs: 30_000,
      clientMs: 30_000,
      bodyMs: 30_000,
      serverMs: 1_800_000,
      tunnelMs: 1_800_000,
      drainMs: 8_000,
    },
    sessionLifetimeMs: 3000,
    bans: { count: 10, windowMs: 300_000, response: 'drop', counting: 'all', ipv6PrefixBits: 64 },
    limits: { connections: 16_384, connectionsPerPeer: 0 },
    recordTtlMs: 60_000,
    aaVersion: '32',
    stripSessionCookies: false,
    kubernetesEnabled: false,
    kubernetes: {
      namespace: 'nextcloud-exapps',
      apiServer: null,
      caFile: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
      bearerToken: null,
      bearerTokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
      verifyTls: true,
      storageClass: null,
      defaultStorageSize: '10Gi',
      hostAliases: [],
    },
    logLevel: 'warn',
    verboseStart: true,
  })
})

type Pick = (config: GatewayConfig) => unknown

const validValues: readonly (readonly [string, string, Pick, unknown])[] = [
  ['NC_INSTANCE_URL', 'http://x/sub/index.php/', (config) => config.nextcloudUrl.href, 'http://x/sub'],
  ['NC_INSTANCE_URL', '"https://x:8443"', (config) => config.nextcloudUrl.href, 'https://x:8443/'],
  ['NC_INSTANCE_URL', 'http://x/index.php', (config) => config.nextcloudUrl.href, 'http://x/'],
  ['NC_INSTANCE_URL', 'http://[::1]:80/', (config) => config.nextcloudUrl.href, 'http://[::1]/'],
  ['HP_FRP_DISABLE_TLS', 'true', (config) => config.frpTls, false],
  ['HP_FRP_DISABLE_TLS', 'false', (config) => config.frpTls, true],
  ['HP_FRP_CERT_VALIDITY_DAYS', '1', (config) => config.frpCertValidityDays, 1],
  ['HP_TIMEOUT_CONNECT', '2m', (config) => config.timeouts.connectMs, 120_000],
  ['HP_TIMEOUT_CONNECT', '1500us', (config) => config.timeouts.connectMs, 2],
  ['HP_TIMEOUT_CONNECT', '2147483647', (config) => config.timeouts.connectMs, 2_147_483_647],
  ['HP_TIMEOUT_CLIENT', '45000', (config) => config.timeouts.clientMs, 45_000],
  ['HP_TIMEOUT_CLIENT', '"1h"', (config) => config.timeouts.clientMs, 3_600_000],
  ['HP_TIMEOUT_CLIENT', '2m', (config) => config.timeouts.bodyMs, 120_000],
  ['HARP_TIMEOUT_BODY', '5m', (config) => config.timeouts.bodyMs, 300_000],
  ['HP_TIMEOUT_SERVER', '1d', (config) => config.timeouts.serverMs, 86_400_000],
  ['HP_TIMEOUT_SERVER', '60s', (config) => config.timeouts.tunnelMs, 60_000],
  ['HP_TIMEOUT_TUNNEL', '0', (config) => config.timeouts.tunnelMs, Infinity],
  ['HP_TIMEOUT_TUNNEL', '0s', (config) => config.timeouts.tunnelMs, Infinity],
  ['HP_TIMEOUT_TUNNEL', '90s', (config) => config.timeouts.tunnelMs, 90_000],
  ['HARP_TIMEOUT_DRAIN', '0', (config) => config.timeouts.drainMs, 0],
  ['HARP_TIMEOUT_DRAIN', '2s', (config) => config.timeouts.drainMs, 2000],
  ['HP_SESSION_LIFETIME', '0', (config) => config.sessionLifetimeMs, 0],
  ['HP_SESSION_LIFETIME', '.5', (config) => config.sessionLifetimeMs, 500],
  ['HP_SESSION_LIFETIME', '10', (config) => config.sessionLifetimeMs, 10_000],
  ['HP_BLACKLIST_COUNT', '3', (config) => config.bans.count, 3],
  ['HP_BLACKLIST_COUNT', ' 1_000 ', (config) => config.bans.count, 1000],
  ['HP_BLACKLIST_WINDOW', '60', (config) => config.bans.windowMs, 60_000],
  ['HARP_BAN_RESPONSE', '429', (config) => config.bans.response, '429'],
  ['HARP_BAN_RESPONSE', 'DROP', (config) => config.bans.response, 'drop'],
  ['HARP_BAN_COUNTING', 'credentials', (config) => config.bans.counting, 'credentials'],
  ['HARP_BAN_IPV6_PREFIX', '32', (config) => config.bans.ipv6PrefixBits, 32],
  ['HARP_BAN_IPV6_PREFIX', '128', (config) => config.bans.ipv6PrefixBits, 128],
  ['HARP_MAX_CONNECTIONS', '1', (config) => config.limits.connections, 1],
  ['HARP_MAX_CONNECTIONS_PER_PEER', '200', (config) => config.limits.connectionsPerPeer, 200],
  ['HARP_RECORD_TTL', '1s', (config) => config.recordTtlMs, 1000],
  ['HARP_AA_VERSION', '33.0.1', (config) => config.aaVersion, '33.0.1'],
  ['HARP_FRP_REQUIRE_TOKENS', 'Engines', (config) => config.frpRequireTokens, 'engines'],
  ['HARP_FRP_REQUIRE_TOKENS', 'all', (config) => config.frpRequireTokens, 'all'],
  ['HARP_FRP_LOOPBACK', '1', (config) => config.frpLoopback, true],
  ['HARP_FRP_LOOPBACK', 'off', (config) => config.frpLoopback, false],
  ['HARP_STRIP_SESSION_COOKIES', 'yes', (config) => config.stripSessionCookies, true],
  ['HARP_STRIP_SESSION_COOKIES', 'Off', (config) => config.stripSessionCookies, false],
  ['HARP_CERTS_DIR', '/etc/harp/certs/', (config) => config.certsDir, '/etc/harp/certs'],
  ['HARP_STATE_DIR', '/srv/harp', (config) => config.stateDir, '/srv/harp'],
  ['XDG_STATE_HOME', '/home/me/state/', (config) => config.stateDir, '/home/me/state/harp'],
  ['XDG_STATE_HOME', 'state', (config) => config.stateDir, '/var/lib/harp'],
  ['HOME', '/home/me', (config) => config.stateDir, '/home/me/.local/state/harp'],
  ['HOME', '/', (config) => config.stateDir, '/.local/state/harp'],
  ['HP_LOG_LEVEL', 'debug', (config) => config.logLevel, 'debug'],
  ['HP_LOG_LEVEL', 'INFO', (config) => config.logLevel, 'info'],
  ['HP_LOG_LEVEL', 'Warning', (config) => config.logLevel, 'warn'],
  ['HP_LOG_LEVEL', 'WARN', (config) => config.logLevel, 'warn'],
  ['HP_LOG_LEVEL', 'error', (config) => config.logLevel, 'error'],
  ['HP_LOG_LEVEL', 'CRITICAL', (config) => config.logLevel, 'error'],
  ['HP_VERBOSE_START', '1', (config) => config.verboseStart, true],
  ['HP_VERBOSE_START', '0', (config) => config.verboseStart, false],
  ['HP_VERBOSE_START', '2', (config) => config.verboseStart, false],
]

test.each(validValues)('%s=%s is taken without a word', (name, value, pick, expected) => {
  const { problems } = parse({ [name]: value })

  expect(problems).toEqual([])
  expect(pick(configOf({ [name]: value }))).toBe(expected)
})

test.each([
  ['NC_INSTANCE_URL', 'cloud.example.com'],
  ['NC_INSTANCE_URL', 'localhost:8080'],
  ['NC_INSTANCE_URL', 'ftp://cloud.example.com'],
  ['NC_INSTANCE_URL', 'https:/cloud.example.com'],
  ['NC_INSTANCE_URL', 'https://'],
  ['NC_INSTANCE_URL', 'https://cloud example.com'],
  ['NC_INSTANCE_URL', 'https://cloud.example.com:99999'],
  ['NC_INSTANCE_URL', 'https://cloud.example.com\\x'],
  ['NC_INSTANCE_URL', 'https://me:pass@cloud.example.com'],
  ['NC_INSTANCE_URL', 'https://cloud.example.com/?a=1'],
  ['NC_INSTANCE_URL', 'https://cloud.example.com/#top'],
  ['HP_FRP_CERT_VALIDITY_DAYS', '0'],
  ['HP_FRP_CERT_VALIDITY_DAYS', '1y'],
  ['HP_FRP_CERT_VALIDITY_DAYS', '-1'],
  ['HP_FRP_CERT_VALIDITY_DAYS', '99999999999999999999'],
  ['HP_TIMEOUT_CONNECT', '1.5s'],
  ['HP_TIMEOUT_CONNECT', '30 s'],
  ['HP_TIMEOUT_CLIENT', '-1'],
  ['HP_TIMEOUT_CLIENT', '30S'],
  ['HP_TIMEOUT_SERVER', 'never'],
  ['HP_TIMEOUT_SERVER', '25d'],
  ['HP_TIMEOUT_TUNNEL', '30sec'],
  ['HP_TIMEOUT_TUNNEL', '2147483648'],
  ['HP_TIMEOUT_TUNNEL', '1us'],
  ['HARP_TIMEOUT_BODY', 'x'],
  ['HARP_TIMEOUT_DRAIN', 'soon'],
  ['HARP_RECORD_TTL', '0'],
  ['HARP_RECORD_TTL', '999ms'],
  ['HP_SESSION_LIFETIME', '11'],
  ['HP_SESSION_LIFETIME', '-1'],
  ['HP_SESSION_LIFETIME', 'nan'],
  ['HP_SESSION_LIFETIME', '3s'],
  ['HP_BLACKLIST_COUNT', 'ten'],
  ['HP_BLACKLIST_COUNT', '1.5'],
  ['HP_BLACKLIST_COUNT', '9007199254740993'],
  ['HP_BLACKLIST_WINDOW', '5m'],
  ['HARP_BAN_RESPONSE', '403'],
  ['HARP_BAN_COUNTING', 'none'],
  ['HARP_BAN_IPV6_PREFIX', '31'],
  ['HARP_BAN_IPV6_PREFIX', '129'],
  ['HARP_MAX_CONNECTIONS', '0'],
  ['HARP_MAX_CONNECTIONS', '1000001'],
  ['HARP_MAX_CONNECTIONS_PER_PEER', '-1'],
  ['HARP_AA_VERSION', '3 2'],
  ['HARP_AA_VERSION', 'ü'],
  ['HARP_AA_VERSION', '1'.repeat(65)],
  ['HARP_FRP_REQUIRE_TOKENS', 'apps'],
  ['HARP_FRP_LOOPBACK', '127.0.0.1'],
  ['HARP_STRIP_SESSION_COOKIES', 'maybe'],
  ['HARP_CERTS_DIR', 'certs'],
  ['HARP_STATE_DIR', './state'],
  ['HARP_STATE_DIR', `/${'a'.repeat(90)}`],
  ['HP_LOG_LEVEL', 'verbose'],
  ['HP_LOG_LEVEL', 'constructor'],
])('%s=%s stops the start with one problem that has a name and a fix', (name, value) => {
  const { config, problems } = parse({ [name]: value })

  expect(config).toBeNull()
  expect(summaries(problems)).toEqual([`fatal ${name}`])
  expect(problems[0]?.fix).not.toBe('')
})

test.each(['', '""', '  '])('NC_INSTANCE_URL=%j counts as not set and is fatal (row 152)', (value) => {
  const { config, problems } = parse({ NC_INSTANCE_URL: value })

  expect(config).toBeNull()
  expect(summaries(problems)).toEqual(['fatal NC_INSTANCE_URL'])
})

test.each([
  ['HP_BLACKLIST_COUNT', '0', (config: GatewayConfig) => config.bans.count, 0],
  ['HP_BLACKLIST_COUNT', '-5', (config: GatewayConfig) => config.bans.count, -5],
  ['HP_BLACKLIST_WINDOW', '0', (config: GatewayConfig) => config.bans.windowMs, 0],
  ['HP_BLACKLIST_WINDOW', '-1', (config: GatewayConfig) => config.bans.windowMs, 0],
  ['HP_FRP_DISABLE_TLS', 'True', (config: GatewayConfig) => config.frpTls, true],
  ['HP_FRP_DISABLE_TLS', '"true"', (config: GatewayConfig) => config.frpTls, true],
  ['HP_FRP_DISABLE_TLS', '1', (config: GatewayConfig) => config.frpTls, true],
  ['HP_VERBOSE_START', 'yes', (config: GatewayConfig) => config.verboseStart, false],
  ['HP_TIMEOUT_CLIENT', '30', (config: GatewayConfig) => config.timeouts.clientMs, 30],
  ['HP_TIMEOUT_CONNECT', '0', (config: GatewayConfig) => config.timeouts.connectMs, 2_073_600_000],
  ['HP_TIMEOUT_SERVER', '0s', (config: GatewayConfig) => config.timeouts.tunnelMs, Infinity],
  ['HP_TIMEOUT_CLIENT', '0', (config: GatewayConfig) => config.timeouts.bodyMs, 2_073_600_000],
])('%s=%s starts as HaRP would, with one warning', (name, value, pick, expected) => {
  const { problems } = parse({ [name]: value })

  expect(summaries(problems)).toEqual([`warning ${name}`])
  expect(pick(configOf({ [name]: value }))).toBe(expected)
})

const frpFiles = (certsDir: string): string[] =>
  ['ca.crt', 'server.crt', 'server.key', 'client.crt', 'client.key'].map((name) => `${certsDir}/frp/${name}`)

test.each(frpFiles('/certs'))(
  'a wrong HP_FRP_CERT_VALIDITY_DAYS stops the start when %s is missing',
  (path) => {
    const others = frpFiles('/certs').filter((each) => each !== path)

    const { config, problems } = parse({ HP_FRP_CERT_VALIDITY_DAYS: '1y' }, disk('/certs/frp', ...others))

    expect(config).toBeNull()
    expect(summaries(problems)).toEqual(['fatal HP_FRP_CERT_VALIDITY_DAYS'])
  },
)

test.each([
  ['TLS is off', { HP_FRP_DISABLE_TLS: 'true' }, disk()],
  ['the certificates exist', {}, disk(...frpFiles('/certs'))],
  ['they exist in another directory', { HARP_CERTS_DIR: '/other' }, disk(...frpFiles('/other'))],
])('a wrong HP_FRP_CERT_VALIDITY_DAYS does not stop the start when %s', (_why, env, files) => {
  const { config, problems } = parse({ ...env, HP_FRP_CERT_VALIDITY_DAYS: '1y' }, files)

  expect(summaries(problems)).toEqual(['warning HP_FRP_CERT_VALIDITY_DAYS'])
  expect(config?.frpCertValidityDays).toBe(5000)
})

test.each([`https://me:${key}@cloud.example.com`, `https://cloud.example.com/?key=${key}`])(
  'a secret in the URL stops the start and is not repeated',
  (url) => {
    const { config, problems } = parse({ NC_INSTANCE_URL: url })

    expect(config).toBeNull()
    expect(problems[0]?.value).toContain('[hidden]')
    expect(JSON.stringify(problems)).not.toContain(key)
  },
)

test('empty values count as not given', () => {
  const given = new Set(['HP_SHARED_KEY', 'NC_INSTANCE_URL', 'HP_FRP_ADDRESS'])
  const empty = Object.fromEntries(settingNames.filter((name) => !given.has(name)).map((name) => [name, '']))

  const { config, problems } = parse(empty)

  expect(problems).toEqual([])
  expect(JSON.stringify(config)).toBe(JSON.stringify(configOf({})))
})

test('settings of the processes of HaRP are accepted unread', () => {
  const { problems } = parse({
    HP_SPOA_ADDRESS: '0.0.0.0:8780',
    HP_WAIT_FRP: 'x',
    HP_WATCHDOG_ENABLED: 'maybe',
    HP_WATCHDOG_FAILS: '0',
  })

  expect(problems).toEqual([])
})

test('all problems are reported at once', () => {
  const { config, problems } = parse({
    HP_SHARED_KEY: '',
    NC_INSTANCE_URL: 'cloud',
    HP_EXAPPS_ADDRESS: 'nowhere',
    HP_TIMEOUT_CLIENT: 'x',
    HP_LOG_LEVEL: 'loud',
    HP_SESSION_LIFETIME: '11',
    HP_TRUSTED_PROXY_IPS: 'bad',
    HP_SHAREDKEY: 'y',
  })

  expect(config).toBeNull()
  expect(summaries(problems)).toEqual([
    'fatal HP_SHARED_KEY',
    'fatal NC_INSTANCE_URL',
    'fatal HP_EXAPPS_ADDRESS',
    'warning HP_TRUSTED_PROXY_IPS',
    'warning HP_TRUSTED_PROXY_IPS',
    'fatal HP_TIMEOUT_CLIENT',
    'fatal HP_SESSION_LIFETIME',
    'fatal HP_LOG_LEVEL',
    'warning HP_SHAREDKEY',
  ])
})

test('a wrong value does not cause a second problem in what inherits from it', () => {
  const { problems } = parse({ HP_TIMEOUT_SERVER: 'x', HP_TIMEOUT_CLIENT: 'y' })

  expect(summaries(problems)).toEqual(['fatal HP_TIMEOUT_CLIENT', 'fatal HP_TIMEOUT_SERVER'])
})

test('configuration files of the original are each named as ignored', () => {
  const { config, problems } = parse({}, disk('/haproxy.cfg', '/frps.toml', '/frpc-docker.toml'))

  expect(config).not.toBeNull()
  expect(summaries(problems)).toEqual([
    'warning /haproxy.cfg',
    'warning /frps.toml',
    'warning /frpc-docker.toml',
  ])
})

test('Kubernetes is on with an API server and a token', () => {
  const { config, problems } = parse({
    HP_K8S_ENABLED: 'true',
    HP_K8S_API_SERVER: 'https://k8s.example.com',
    HP_K8S_BEARER_TOKEN: 'token',
  })

  expect(config?.kubernetesEnabled).toBe(true)
  expect(problems).toEqual([])
})

test('a disk that cannot be looked at does not throw', () => {
  const broken = (): never => {
    throw new Error('EIO')
  }

  const { config } = parse({}, { exists: broken, readFile: broken })

  expect(config).not.toBeNull()
})

test('the configuration is frozen at every depth', () => {
  const config = configOf({ HP_TRUSTED_PROXY_IPS: '10.0.0.0/8', HP_K8S_HOST_ALIASES: 'a:10.0.0.1' })

  const thawed: string[] = []
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return
    if (!Object.isFrozen(value)) thawed.push(path)
    for (const [name, each] of Object.entries(value)) walk(each, `${path}.${name}`)
  }
  walk(config, 'config')

  expect(thawed).toEqual([])
})

test('any environment gives a configuration or a fatal problem, never an exception, and never shows the key', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom(
      '0',
      '-1',
      '"',
      ':',
      '::1',
      '@',
      'http://a?b',
      '10.0.0.0/8',
      'true',
      '99999999999999999999',
    ),
  )
  const others = settingNames.filter((name) => name !== 'HP_SHARED_KEY')
  const environment = fc.dictionary(fc.constantFrom(...others, 'HP_X', 'HARP_PORT'), text)
  fc.assert(
    fc.property(environment, (env) => {
      const { config, problems } = parseConfig({ ...env, HP_SHARED_KEY: key }, disk())

      const shown = [...formatProblems(problems), ...(config === null ? [] : describeConfig(config).flat())]
      expect(shown.join('\n') + JSON.stringify({ config, problems })).not.toContain(key)
      expect(config === null).toBe(problems.some((problem) => problem.severity === 'fatal'))
      expect(formatProblems(problems).filter((line) => line.includes('\n'))).toEqual([])
    }),
    { numRuns: 300 },
  )
})
