/**
 * Every outcome of admission by its reason code: what the client gets, whether it counts against the
 * client's address, and what an operator should know. The code is in the access log, the metrics and
 * docs/errors.md.
 */
export interface ReasonEntry {
  /** What the client sees: a status, `drop` (no bytes), or `pass`. */
  readonly status: 'drop' | 'pass' | `${number}`
  /** May be recorded as a failure of the client's address. */
  readonly counts: boolean
  /** The failure is about a credential, so it also counts with HARP_BAN_COUNTING=credentials. */
  readonly credential?: true
  readonly summary: string
  readonly fix: string
}

export const decisionReasons = {
  banned: {
    status: 'drop',
    counts: false,
    summary: 'The client address has too many failures in the window; nothing is answered.',
    fix: 'See `harp bans`; lift with `harp bans lift ADDRESS`. If it is your reverse proxy or everybody at once, set HP_TRUSTED_PROXY_IPS.',
  },
  'parent-segment': {
    status: 'drop',
    counts: true,
    summary: 'The path has a `..` segment, plain or percent-encoded.',
    fix: 'Nothing to fix on a healthy client: browsers resolve such segments before sending.',
  },
  'no-app-id': {
    status: '404',
    counts: true,
    summary: 'The path does not start with /exapps/<app>.',
    fix: 'Check that the reverse proxy forwards /exapps/ with the prefix kept.',
  },
  'app-id-grammar': {
    status: '404',
    counts: true,
    summary: 'The app id has characters that no ExApp id can have; Nextcloud is not asked.',
    fix: 'ExApp ids are made of a-z, 0-9, `_` and `-`.',
  },
  'control-key': {
    status: '401',
    counts: true,
    credential: true,
    summary: 'A control request came without harp-shared-key or with a wrong one.',
    fix: 'Make the daemon’s HaRP password in Nextcloud equal to HP_SHARED_KEY.',
  },
  'app-api-key': {
    status: 'drop',
    counts: true,
    credential: true,
    summary: 'A request with the AppAPI headers carried a wrong harp-shared-key.',
    fix: 'Make the daemon’s HaRP password in Nextcloud equal to HP_SHARED_KEY.',
  },
  'app-api-port': {
    status: '400',
    counts: false,
    summary: 'The ex-app-port header of an AppAPI request is not a port.',
    fix: 'Register the ExApp again; its port in Nextcloud is broken.',
  },
  'app-unknown': {
    status: '404',
    counts: true,
    summary: 'Nextcloud does not know the app, or its daemon has another shared key.',
    fix: 'Install the ExApp; if it is installed, compare the daemon’s HaRP password with HP_SHARED_KEY.',
  },
  'record-invalid': {
    status: '404',
    counts: false,
    summary: 'Nextcloud answered for the app, but not with a usable record.',
    fix: 'Look at the log line before it for the field that is missing; update AppAPI.',
  },
  'nextcloud-unavailable': {
    status: '503',
    counts: false,
    summary: 'Nextcloud could not be asked about the app.',
    fix: 'Run `harp doctor`; check NC_INSTANCE_URL from where the gateway runs.',
  },
  'internal-endpoint': {
    status: 'drop',
    counts: true,
    summary: '/heartbeat, /init and /enabled (in any spelling) are for Nextcloud alone.',
    fix: 'Nothing to fix: only AppAPI calls these.',
  },
  'no-route': {
    status: '404',
    counts: true,
    summary: 'No route of the app matches the path.',
    fix: 'Declare the route in the app’s info.xml; patterns match from the start and are case-sensitive.',
  },
  'route-denied': {
    status: '403',
    counts: true,
    summary: 'The route needs a user or an administrator, and the client is not one.',
    fix: 'Log in to Nextcloud; if you are, check that the cookie reaches the gateway (same host name).',
  },
  'route-budget': {
    status: '403',
    counts: false,
    summary: 'A route pattern with look-around or back-references needed too many steps on this path.',
    fix: 'Simplify the route’s pattern in the app’s info.xml.',
  },
  'user-unavailable': {
    status: '401',
    counts: false,
    summary: 'The route needs a user and Nextcloud could not say who the client is.',
    fix: 'Run `harp doctor`; Nextcloud may be down, slow or in maintenance mode.',
  },
  'host-unresolved': {
    status: '503',
    counts: false,
    summary: 'The host name of the app does not resolve from the gateway.',
    fix: 'Put the gateway and the app’s container on the same Docker network.',
  },
  'app-at-engine': {
    status: '403',
    counts: false,
    summary: 'The app’s address is a Docker engine’s port (24000-24099) on the gateway’s machine.',
    fix: 'Give the app another port in Nextcloud: no app is served on an engine’s.',
  },
  'engine-port-invalid': {
    status: '400',
    counts: false,
    summary: 'The docker-engine-port header is not a port number.',
    fix: 'Set the daemon’s Docker socket port in Nextcloud, usually 24000.',
  },
  'engine-port-forbidden': {
    status: '403',
    counts: false,
    summary: 'The docker-engine-port is not one of the engine ports 24000-24099.',
    fix: 'Set the daemon’s Docker socket port in Nextcloud to the engine’s port, usually 24000.',
  },
  'engine-forbidden': {
    status: '403',
    counts: false,
    summary: 'The Docker call is not one of the five that AppAPI needs.',
    fix: 'Nothing to fix: the gateway passes no other call to an engine.',
  },
  engine: { status: 'pass', counts: false, summary: 'An allowed Docker call.', fix: 'Nothing to fix.' },
  control: {
    status: 'pass',
    counts: false,
    summary: 'A control call with the right key.',
    fix: 'Nothing to fix.',
  },
  'forward-signed': {
    status: 'pass',
    counts: false,
    summary: 'Forwarded to the app on behalf of Nextcloud (AppAPI headers and key).',
    fix: 'Nothing to fix.',
  },
  'forward-public': {
    status: 'pass',
    counts: false,
    summary: 'Forwarded to the app: a public route.',
    fix: 'Nothing to fix.',
  },
  'forward-user': {
    status: 'pass',
    counts: false,
    summary: 'Forwarded to the app: the user may use this route.',
    fix: 'Nothing to fix.',
  },
} as const satisfies Record<string, ReasonEntry>

export type ReasonCode = keyof typeof decisionReasons

/** Whether a decision with this reason is recorded, given HARP_BAN_COUNTING. */
export function reasonCounts(code: ReasonCode, counting: 'all' | 'credentials'): boolean {
  const entry: ReasonEntry = decisionReasons[code]
  return entry.counts && (counting === 'all' || entry.credential === true)
}
