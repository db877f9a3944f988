/** The settings that HaRP does not have. All are optional; with the defaults the gateway does what HaRP does. */
import type { SettingTable } from './setting.ts'

export const ownSettings = {
  HARP_CERTS_DIR: {
    kind: 'path',
    default: '/certs',
    part: 'gateway',
    description:
      'The directory of `cert.pem` (certificate chain and key for the HTTPS listener) and `frp` (tunnel certificates).',
  },
  HARP_STATE_DIR: {
    kind: 'path',
    default: '',
    defaultNote: '`$XDG_STATE_HOME/harp`, else `$HOME/.local/state/harp`, else `/var/lib/harp`',
    max: 90,
    part: 'gateway',
    description:
      'The directory of the control socket and of `tokens.json`, the tunnel tokens. Without `XDG_STATE_HOME` and `HOME` it is `/var/lib/harp`. At most 90 bytes, since the path of a Unix socket has a limit.',
  },
  HARP_ADMIN_ADDRESS: {
    kind: 'address',
    default: '127.0.0.1:8783',
    part: 'gateway',
    description:
      'Where `/metrics`, `/healthz` and `/readyz` answer: read-only and without secrets, but open to everyone who reaches the address. `off`: nowhere.',
  },
  HARP_FRP_REQUIRE_TOKENS: {
    kind: 'enum',
    default: 'none',
    choices: ['none', 'engines', 'all'],
    part: 'tunnels',
    description:
      'Which tunnels must log in with a token of their own (`harp token add`), so that the shared key is refused for them: remote Docker `engines`, or `all`. With `none` the key is accepted everywhere, with a warning for engines. With `all` an ExApp that Nextcloud deploys gets a token in place of the key; those deployed before have to be deployed again.',
  },
  HARP_FRP_LOOPBACK: {
    kind: 'boolean',
    default: 'false',
    part: 'tunnels',
    description:
      'Opens the ports of tunnels (23000-23999 and 24000-24099) on 127.0.0.1 too, as HaRP does. The gateway itself does not need them, and every process on this machine can drive the Docker engines behind them.',
  },
  HARP_DOCKER_SOCKET: {
    kind: 'path',
    default: '/var/run/docker.sock',
    part: 'tunnels',
    description:
      "The Docker engine of the gateway's own machine: while this socket is there, it is engine port 24000, without a tunnel. Podman's Docker-compatible socket works too. `off`: port 24000 is a tunnel like the others.",
  },
  HARP_TIMEOUT_BODY: {
    kind: 'duration',
    default: '30s',
    defaultFrom: 'HP_TIMEOUT_CLIENT',
    zero: 'longest',
    part: 'gateway',
    description:
      'The longest silence within the body of a request. Raise it where large uploads come over bad mobile networks.',
  },
  HARP_TIMEOUT_DRAIN: {
    kind: 'duration',
    default: '8s',
    zero: 'immediate',
    part: 'gateway',
    description:
      'How long running requests may go on after SIGTERM. `0` cuts at once. Docker kills after 10 s by default.',
  },
  HARP_BAN_RESPONSE: {
    kind: 'enum',
    default: 'drop',
    choices: ['drop', '429'],
    part: 'gateway',
    description:
      'What a banned client gets: a closed connection, as from HaRP, or status 429 with `Retry-After`.',
  },
  HARP_BAN_COUNTING: {
    kind: 'enum',
    default: 'all',
    choices: ['all', 'credentials'],
    part: 'gateway',
    description:
      'What counts as a failure: `all` that HaRP counts (expired sessions and unknown paths too), or only wrong `credentials` and the statuses that a route declares.',
  },
  HARP_BAN_IPV6_PREFIX: {
    kind: 'integer',
    default: '64',
    min: 32,
    max: 128,
    part: 'gateway',
    description:
      'IPv6 clients are counted and banned by this many leading bits, since one subscriber usually has a whole /64. `128`: every address by itself.',
  },
  HARP_MAX_CONNECTIONS: {
    kind: 'integer',
    default: '16384',
    min: 1,
    max: 1_000_000,
    part: 'gateway',
    description: 'How many client connections may be open at once; further HTTP/2 requests on one count too.',
  },
  HARP_MAX_CONNECTIONS_PER_PEER: {
    kind: 'integer',
    default: '0',
    min: 0,
    max: 1_000_000,
    part: 'gateway',
    description:
      'The same for one address that is not in `HP_TRUSTED_PROXY_IPS`. `0`: no limit. Set it only where clients reach the gateway directly.',
  },
  HARP_RECORD_TTL: {
    kind: 'duration',
    default: '60s',
    min: 1000,
    part: 'gateway',
    description:
      'For how long what Nextcloud says of an ExApp is used before the gateway asks again. A recreated container is found after this time at the latest. At least `1s`.',
  },
  HARP_AA_VERSION: {
    kind: 'text',
    default: '32',
    max: 64,
    part: 'gateway',
    description: 'The value of the `AA-VERSION` header that ExApps receive.',
  },
  HARP_STRIP_SESSION_COOKIES: {
    kind: 'boolean',
    default: 'false',
    part: 'gateway',
    description:
      "Removes Nextcloud's session cookies from requests before an ExApp gets them. Some ExApps read them: try before you rely on it.",
  },
} as const satisfies SettingTable

/** Not settings of ours: what the gateway looks at in the environment it was started in. */
export const surroundingSettings = {
  XDG_STATE_HOME: {
    kind: 'path',
    default: '',
    part: 'gateway',
    description: 'Where `HARP_STATE_DIR` is by default. A relative path is ignored, as the XDG rules say.',
  },
  HOME: {
    kind: 'path',
    default: '',
    part: 'gateway',
    description: 'The same, without `XDG_STATE_HOME`.',
  },
  KUBERNETES_SERVICE_HOST: {
    kind: 'text',
    default: '',
    part: 'kubernetes',
    description: 'Set by Kubernetes in every pod; the API server when `HP_K8S_API_SERVER` is empty.',
  },
  KUBERNETES_SERVICE_PORT: {
    kind: 'integer',
    default: '443',
    min: 1,
    max: 65_535,
    part: 'kubernetes',
    description: 'Its port.',
  },
} as const satisfies SettingTable
