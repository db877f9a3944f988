/** Configuration and problems as text for people; the shared key and the token never appear. */
import { formatDuration } from '../../base/duration.ts'
import { formatHostPort, formatNetwork } from '../../net/address.ts'
import type { ConfigProblem, GatewayConfig } from './config.ts'
import type { SettingName } from './settings.ts'

/** What is in effect, by the name of the setting, for `harp gateway --check`. */
export function describeConfig(config: GatewayConfig): [string, string][] {
  const { listen, timeouts, bans, limits, bindMounts, kubernetes } = config
  const aliases = kubernetes.hostAliases.flatMap(({ ip, hostnames }) =>
    hostnames.map((each) => `${each}:${ip}`),
  )
  const rows: [SettingName, string][] = [
    ['HP_SHARED_KEY', config.sharedKey.toString()],
    ['NC_INSTANCE_URL', config.nextcloudUrl.href],
    ['HP_EXAPPS_ADDRESS', formatHostPort(listen.http)],
    ['HP_EXAPPS_HTTPS_ADDRESS', formatHostPort(listen.https)],
    ['HP_FRP_ADDRESS', formatHostPort(listen.frp)],
    ['HP_FRP_DISABLE_TLS', String(!config.frpTls)],
    ['HP_FRP_CERT_VALIDITY_DAYS', String(config.frpCertValidityDays)],
    ['HP_TRUSTED_PROXY_IPS', config.trustedProxies.map(formatNetwork).join(', ')],
    ['HP_TIMEOUT_CONNECT', formatDuration(timeouts.connectMs)],
    ['HP_TIMEOUT_CLIENT', formatDuration(timeouts.clientMs)],
    ['HP_TIMEOUT_SERVER', formatDuration(timeouts.serverMs)],
    ['HP_TIMEOUT_TUNNEL', formatDuration(timeouts.tunnelMs)],
    ['HP_SESSION_LIFETIME', String(config.sessionLifetimeMs / 1000)],
    ['HP_BLACKLIST_COUNT', String(bans.count)],
    ['HP_BLACKLIST_WINDOW', String(bans.windowMs / 1000)],
    ['HP_EXAPP_BIND_MOUNTS_DISABLED', String(bindMounts.isDisabled)],
    ['HP_EXAPP_BIND_MOUNTS_ALLOWED', bindMounts.allowed.join(', ')],
    ['HP_EXAPP_BIND_MOUNTS_DENIED', bindMounts.denied.join(', ')],
    ['HP_EXAPP_BIND_MOUNTS_ENFORCE_ALL', String(bindMounts.enforceAll)],
    ['HP_LOG_LEVEL', config.logLevel === 'warn' ? 'warning' : config.logLevel],
    ['HP_VERBOSE_START', config.verboseStart ? '1' : '0'],
    ['HARP_CERTS_DIR', config.certsDir],
    ['HARP_STATE_DIR', config.stateDir],
    ['HARP_ADMIN_ADDRESS', listen.admin === null ? 'off' : formatHostPort(listen.admin)],
    ['HARP_FRP_REQUIRE_TOKENS', config.frpRequireTokens],
    ['HARP_FRP_LOOPBACK', String(config.frpLoopback)],
    ['HARP_DOCKER_SOCKET', config.dockerSocket ?? 'off'],
    ['HARP_TIMEOUT_BODY', formatDuration(timeouts.bodyMs)],
    ['HARP_TIMEOUT_DRAIN', formatDuration(timeouts.drainMs)],
    ['HARP_BAN_RESPONSE', bans.response],
    ['HARP_BAN_COUNTING', bans.counting],
    ['HARP_BAN_IPV6_PREFIX', String(bans.ipv6PrefixBits)],
    ['HARP_MAX_CONNECTIONS', String(limits.connections)],
    ['HARP_MAX_CONNECTIONS_PER_PEER', String(limits.connectionsPerPeer)],
    ['HARP_RECORD_TTL', formatDuration(config.recordTtlMs)],
    ['HARP_AA_VERSION', config.aaVersion],
    ['HARP_STRIP_SESSION_COOKIES', String(config.stripSessionCookies)],
    ['HP_K8S_ENABLED', String(config.kubernetesEnabled)],
    ['HP_K8S_NAMESPACE', kubernetes.namespace],
    ['HP_K8S_API_SERVER', kubernetes.apiServer?.href ?? ''],
    ['HP_K8S_CA_FILE', kubernetes.caFile],
    ['HP_K8S_BEARER_TOKEN', kubernetes.bearerToken?.toString() ?? ''],
    ['HP_K8S_BEARER_TOKEN_FILE', kubernetes.bearerTokenFile],
    ['HP_K8S_VERIFY_SSL', String(kubernetes.verifyTls)],
    ['HP_K8S_STORAGE_CLASS', kubernetes.storageClass ?? ''],
    ['HP_K8S_DEFAULT_STORAGE_SIZE', kubernetes.defaultStorageSize],
    ['HP_K8S_HOST_ALIASES', aliases.join(', ')],
  ]
  return rows
}

/** One line each, the fatal ones first. */
export function formatProblems(problems: readonly ConfigProblem[]): string[] {
  const fatal = problems.filter((problem) => problem.severity === 'fatal')
  const warnings = problems.filter((problem) => problem.severity === 'warning')
  return [...fatal.map((each) => `ERROR: ${line(each)}`), ...warnings.map((each) => `WARNING: ${line(each)}`)]
}

const mostValueCharacters = 200

function line({ name, value, message, fix }: ConfigProblem): string {
  const subject = value === null ? name : `${name}=${quote(value)}`
  return oneLine(`${subject} ${message}. Fix: ${fix}.`).replace(/([?.])\.$/, '$1')
}

function quote(value: string): string {
  const isLong = value.length > mostValueCharacters
  return `"${isLong ? `${value.slice(0, mostValueCharacters)}…` : value}"`
}

/** Line breaks and terminal control characters become visible escapes; a value cannot forge a second line. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (each) => {
    return `\\u${(each.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}
