/** The HP_K8S_* settings. While Kubernetes is off nothing uses them, so what is wrong in them only warns. */
import { Secret } from '../../base/secret.ts'
import { canonicalAddress } from '../../net/address.ts'
import { parseBaseUrl, showUrl } from './base-url.ts'
import type { ConfigFiles, HostAlias, KubernetesConfig } from './config.ts'
import { settings, type SettingName } from './settings.ts'
import type { SettingsReader } from './settings-reader.ts'

export function readKubernetesEnabled(reader: SettingsReader): boolean {
  const text = reader.exact('HP_K8S_ENABLED')?.toLowerCase() ?? 'false'
  if (['1', 'true', 'yes'].includes(text)) return true
  if (!['0', 'false', 'no', 'off'].includes(text)) {
    reader.warn('HP_K8S_ENABLED', 'means off', 'write 1, true or yes to enable Kubernetes, false if not')
  }
  return false
}

export function readKubernetes(
  reader: SettingsReader,
  files: ConfigFiles,
  isEnabled: boolean,
): KubernetesConfig {
  const complain: Complain = (name, message, fix, value) => {
    if (isEnabled) reader.fatal(name, message, fix, value)
    else reader.warn(name, message, fix, value)
  }
  const storageClass = matching(
    reader,
    complain,
    'HP_K8S_STORAGE_CLASS',
    dnsNames,
    'the name of a storage class',
  )
  const kubernetes = {
    namespace: matching(reader, complain, 'HP_K8S_NAMESPACE', dnsLabel, 'the name of a namespace'),
    apiServer: readApiServer(reader, complain, isEnabled),
    caFile: reader.text('HP_K8S_CA_FILE'),
    bearerToken: readBearerToken(reader, complain),
    bearerTokenFile: reader.text('HP_K8S_BEARER_TOKEN_FILE'),
    verifyTls: readVerifyTls(reader),
    storageClass: storageClass === '' ? null : storageClass,
    defaultStorageSize: matching(
      reader,
      complain,
      'HP_K8S_DEFAULT_STORAGE_SIZE',
      quantity,
      'a size above zero such as 10Gi',
    ),
    hostAliases: readHostAliases(reader),
  }
  if (isEnabled) warnOfMissingFiles(reader, files, kubernetes)
  return kubernetes
}

type Complain = (name: SettingName, message: string, fix: string, value?: string | null) => void

const dnsLabel = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/
const dnsNames = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)?$/
const quantity = /^\+?(?=[\d.]*[1-9])(?:\d+\.?\d*|\.\d+)(?:m|[kMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/

function matching(
  reader: SettingsReader,
  complain: Complain,
  name: SettingName,
  pattern: RegExp,
  what: string,
): string {
  const text = reader.text(name)
  if (pattern.test(text) && text.length <= (settings[name].max ?? Infinity)) return text
  complain(name, `is not ${what}`, `write ${what}`)
  return settings[name].default
}

function readApiServer(reader: SettingsReader, complain: Complain, isEnabled: boolean): URL | null {
  const given = reader.given('HP_K8S_API_SERVER')
  const host = reader.given('KUBERNETES_SERVICE_HOST')
  if (given === undefined && host === undefined) {
    if (isEnabled) {
      // As the original: it starts, and its Kubernetes routes say what is missing.
      reader.warn(
        'HP_K8S_API_SERVER',
        'is not set, and there is no KUBERNETES_SERVICE_HOST',
        'set it to the URL of the API server',
      )
    }
    return null
  }
  if (given !== undefined) {
    const parsed = parseBaseUrl(given.replace(/\/$/, ''))
    if (parsed.kind === 'ok') return parsed.url
    complain('HP_K8S_API_SERVER', parsed.message, parsed.fix, showUrl(given))
    return null
  }
  const port = reader.text('KUBERNETES_SERVICE_PORT')
  const parsed = parseBaseUrl(`https://${host?.includes(':') === true ? `[${host}]` : host}:${port}`)
  if (parsed.kind === 'ok') return parsed.url
  complain('KUBERNETES_SERVICE_HOST', 'and KUBERNETES_SERVICE_PORT make no URL', 'set HP_K8S_API_SERVER')
  return null
}

function readBearerToken(reader: SettingsReader, complain: Complain): Secret | null {
  const token = reader.given('HP_K8S_BEARER_TOKEN')
  if (token === undefined) return null
  if (/^[\x21-\x7e]+$/.test(token)) return new Secret(token)
  complain(
    'HP_K8S_BEARER_TOKEN',
    'contains blanks, control or non-ASCII characters, which no token has',
    'copy the token again',
  )
  return null
}

function readVerifyTls(reader: SettingsReader): boolean {
  const text = reader.exact('HP_K8S_VERIFY_SSL')?.toLowerCase() ?? 'true'
  if (text === 'false') {
    reader.warn(
      'HP_K8S_VERIFY_SSL',
      'lets anyone on the network pose as the API server and take the token',
      'set HP_K8S_CA_FILE to its certificate authority instead',
    )
    return false
  }
  if (!['1', 'true', 'yes', 'on'].includes(text)) {
    reader.warn('HP_K8S_VERIFY_SSL', 'means true', 'write false to switch the check off, true if not')
  }
  return true
}

function readHostAliases(reader: SettingsReader): readonly HostAlias[] {
  const hostnamesByIp = new Map<string, string[]>()
  for (const part of (reader.given('HP_K8S_HOST_ALIASES') ?? '').split(',')) {
    const entry = part.trim()
    if (entry === '') continue
    const colon = entry.lastIndexOf(':')
    const hostname = entry.slice(0, Math.max(colon, 0)).trim()
    const ip = entry.slice(colon + 1).trim()
    if (hostname === '' || ip === '') {
      reader.warn(
        'HP_K8S_HOST_ALIASES',
        'has an entry that is not hostname:ip: it is ignored',
        'write nextcloud.local:192.0.2.7',
        entry,
      )
      continue
    }
    if (canonicalAddress(ip) === undefined) {
      reader.warn(
        'HP_K8S_HOST_ALIASES',
        'has an entry whose second half is no IP address: Kubernetes will refuse it',
        'write nextcloud.local:192.0.2.7',
        entry,
      )
    }
    hostnamesByIp.set(ip, [...(hostnamesByIp.get(ip) ?? []), hostname])
  }
  return [...hostnamesByIp].map(([ip, hostnames]) => ({ ip, hostnames }))
}

function warnOfMissingFiles(reader: SettingsReader, files: ConfigFiles, kubernetes: KubernetesConfig): void {
  if (reader.given('HP_K8S_CA_FILE') !== undefined && !files.exists(kubernetes.caFile)) {
    reader.warn(
      'HP_K8S_CA_FILE',
      "names a file that does not exist: the system's authorities are used",
      'check the path',
    )
  }
  if (kubernetes.bearerToken === null && !files.exists(kubernetes.bearerTokenFile)) {
    reader.warn(
      'HP_K8S_BEARER_TOKEN_FILE',
      'names a file that does not exist, and HP_K8S_BEARER_TOKEN is not set: the API server will refuse',
      'set one of them, or run with a service account',
      kubernetes.bearerTokenFile,
    )
  }
}
