/** The settings HaRP has and this gateway acts on, with HaRP's names, defaults and rules. */
import type { SettingTable } from './setting.ts'

export const requiredSettings = {
  HP_SHARED_KEY: {
    kind: 'secret',
    default: '',
    part: 'gateway',
    description:
      'The secret shared with Nextcloud (AppAPI\'s deploy daemon calls it "HaRP shared key"). Required, unless ' +
      '`HP_SHARED_KEY_FILE` is given. Printable ASCII without `"` or `\\` inside; surrounding quotes are removed; 16 characters or more are advised.',
  },
  HP_SHARED_KEY_FILE: {
    kind: 'path',
    default: '',
    part: 'gateway',
    description:
      'A file that holds the shared key (trailing newlines are removed), in place of `HP_SHARED_KEY`; giving both is an error. Read at every start.',
  },
  NC_INSTANCE_URL: {
    kind: 'url',
    default: '',
    part: 'gateway',
    description:
      'Where Nextcloud answers, for example `https://cloud.example.com`. Required. One trailing `/` and then one trailing `/index.php` are removed. ' +
      'An absolute `http` or `https` URL without user, query or fragment.',
  },
} as const satisfies SettingTable

export const listenerSettings = {
  HP_EXAPPS_ADDRESS: {
    kind: 'address',
    default: '0.0.0.0:8780',
    part: 'gateway',
    description: 'The HTTP listener, to which the reverse proxy sends `/exapps/`.',
  },
  HP_EXAPPS_HTTPS_ADDRESS: {
    kind: 'address',
    default: '0.0.0.0:8781',
    part: 'gateway',
    description: 'The HTTPS listener. It is open while `cert.pem` is in `HARP_CERTS_DIR`.',
  },
  HP_FRP_ADDRESS: {
    kind: 'address',
    default: '0.0.0.0:8782',
    part: 'tunnels',
    description: 'Where tunnels from ExApps and remote Docker engines arrive. An empty value is an error.',
  },
  HP_FRP_DISABLE_TLS: {
    kind: 'boolean',
    default: 'false',
    part: 'tunnels',
    description: 'Tunnels without TLS. Only the exact text `true` switches TLS off.',
  },
  HP_FRP_CERT_VALIDITY_DAYS: {
    kind: 'integer',
    default: '5000',
    min: 1,
    max: 1_000_000,
    part: 'tunnels',
    description:
      'How long generated tunnel certificates are valid. Checked only when one would be generated: TLS is on and a file is missing in `frp` in `HARP_CERTS_DIR`.',
  },
  HP_TRUSTED_PROXY_IPS: {
    kind: 'list',
    default: '',
    part: 'gateway',
    description:
      "Your reverse proxies' addresses or networks, separated by commas. Only from them are `X-Forwarded-For` and `X-Real-IP` believed. " +
      'An entry that is no network is ignored with a warning. Empty: the client is whoever opened the connection.',
  },
} as const satisfies SettingTable

export const timeoutSettings = {
  HP_TIMEOUT_CONNECT: {
    kind: 'duration',
    default: '30s',
    zero: 'longest',
    part: 'gateway',
    description: 'For one attempt to connect to an ExApp.',
  },
  HP_TIMEOUT_CLIENT: {
    kind: 'duration',
    default: '30s',
    zero: 'longest',
    part: 'gateway',
    description:
      'How long a client may take for the head of a request, and how long an idle keep-alive connection stays open.',
  },
  HP_TIMEOUT_SERVER: {
    kind: 'duration',
    default: '1800s',
    zero: 'longest',
    part: 'gateway',
    description:
      "The longest wait for an ExApp's response, and the longest silence within one (server-sent events included).",
  },
  HP_TIMEOUT_TUNNEL: {
    kind: 'duration',
    default: '1800s',
    defaultFrom: 'HP_TIMEOUT_SERVER',
    zero: 'unlimited',
    part: 'gateway',
    description: 'The longest silence on an upgraded connection such as a WebSocket. `0` means unlimited.',
  },
} as const satisfies SettingTable

export const protectionSettings = {
  HP_SESSION_LIFETIME: {
    kind: 'number',
    default: '3',
    min: 0,
    max: 10,
    part: 'gateway',
    description: 'For how many seconds Nextcloud\'s answer to "who is this?" is reused. `0`: never.',
  },
  HP_BLACKLIST_COUNT: {
    kind: 'integer',
    default: '10',
    part: 'gateway',
    description:
      'This many failures within `HP_BLACKLIST_WINDOW` ban an address. `0` or less bans everyone, as in HaRP.',
  },
  HP_BLACKLIST_WINDOW: {
    kind: 'integer',
    default: '300',
    max: 1_000_000_000,
    part: 'gateway',
    description:
      'In seconds: how long a failure counts. A ban ends when enough failures are older than this.',
  },
} as const satisfies SettingTable

export const logSettings = {
  HP_LOG_LEVEL: {
    kind: 'enum',
    default: 'warning',
    choices: ['debug', 'info', 'warning', 'error', 'warn', 'critical', 'fatal', 'notset'],
    part: 'gateway',
    description:
      'What is logged; upper or lower case. `info` includes one line per request. `warn` means `warning`, `critical` and `fatal` mean `error`, `notset` means `debug`.',
  },
  HP_VERBOSE_START: {
    kind: 'integer',
    default: '1',
    part: 'gateway',
    description:
      '`1` prints the effective settings at the start, secrets excepted. Any other value does not.',
  },
} as const satisfies SettingTable

/** Of HaRP 0.4.6 and later. */
export const deploySettings = {
  HP_EXAPP_BIND_MOUNTS_DISABLED: {
    kind: 'boolean',
    default: 'false',
    part: 'gateway',
    description: 'Refuses every ExApp that is to mount a directory of its host.',
  },
  HP_EXAPP_BIND_MOUNTS_ALLOWED: {
    kind: 'list',
    default: '',
    part: 'gateway',
    description:
      'Absolute paths of hosts, separated by commas: ExApps may mount these and what is below them, and nothing else. ' +
      'Empty: everything that is not refused. What gives power over the host stays refused.',
  },
  HP_EXAPP_BIND_MOUNTS_DENIED: {
    kind: 'list',
    default: '',
    part: 'gateway',
    description:
      'Absolute paths, separated by commas, that no ExApp may mount, nor what is below them, nor what contains them.',
  },
  HP_EXAPP_BIND_MOUNTS_ENFORCE_ALL: {
    kind: 'boolean',
    default: 'false',
    part: 'gateway',
    description:
      "Refuses directories of the host's system (`/etc`, `/run`, `/usr`, `/bin`, `/sbin`, `/lib*`) read-only too, and volumes of other containers, unless `HP_EXAPP_BIND_MOUNTS_ALLOWED` has them.",
  },
} as const satisfies SettingTable
