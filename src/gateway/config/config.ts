import type { LogLevel } from '../../base/logger.ts'
import type { Secret } from '../../base/secret.ts'
import type { HostPort, Network } from '../../net/address.ts'

/** Everything the gateway was told, parsed once, frozen, and passed down. Times are milliseconds, sizes bytes. */
export interface GatewayConfig {
  readonly sharedKey: Secret
  readonly nextcloudUrl: URL
  readonly listen: {
    readonly http: HostPort
    readonly https: HostPort
    readonly frp: HostPort
    /** null: HARP_ADMIN_ADDRESS=off */
    readonly admin: HostPort | null
  }
  readonly certsDir: string
  readonly stateDir: string
  readonly frpTls: boolean
  readonly frpCertValidityDays: number
  readonly frpRequireTokens: RequireTokens
  /** Tunnels listen on 127.0.0.1 too. */
  readonly frpLoopback: boolean
  /** The engine of this machine; null: HARP_DOCKER_SOCKET=off. */
  readonly dockerSocket: string | null
  /** What ExApps may mount of the hosts of their engines. */
  readonly bindMounts: BindMountConfig
  readonly trustedProxies: readonly Network[]
  readonly timeouts: {
    readonly connectMs: number
    readonly clientMs: number
    readonly bodyMs: number
    readonly serverMs: number
    /** Infinity: HP_TIMEOUT_TUNNEL=0 */
    readonly tunnelMs: number
    readonly drainMs: number
  }
  readonly sessionLifetimeMs: number
  readonly bans: {
    readonly count: number
    readonly windowMs: number
    readonly response: 'drop' | '429'
    /** all: every row of the contract counts; credentials: only wrong keys and declared statuses. */
    readonly counting: 'all' | 'credentials'
    readonly ipv6PrefixBits: number
  }
  readonly limits: {
    readonly connections: number
    /** Per TCP peer that is not a trusted proxy; 0: none. */
    readonly connectionsPerPeer: number
  }
  readonly recordTtlMs: number
  readonly aaVersion: string
  readonly stripSessionCookies: boolean
  readonly kubernetesEnabled: boolean
  readonly kubernetes: KubernetesConfig
  readonly logLevel: LogLevel
  readonly verboseStart: boolean
}

export interface BindMountConfig {
  /** No bind mounts at all. */
  readonly isDisabled: boolean
  /** Only these and what is below them; empty: everything that is not refused. */
  readonly allowed: readonly string[]
  /** Neither these, nor what is below them, nor what contains them. */
  readonly denied: readonly string[]
  /** The host's system is refused read-only too, and single volumes, unless `allowed` has them. */
  readonly enforceAll: boolean
}

/** Which tunnels must log in with a token of their own: the shared key is refused for them. */
export type RequireTokens = 'none' | 'engines' | 'all'

export interface KubernetesConfig {
  readonly namespace: string
  /** null: neither given nor found in the surroundings. */
  readonly apiServer: URL | null
  /** Used if the file exists, else the system's authorities. */
  readonly caFile: string
  /** Wins over the file; null: read `bearerTokenFile` at every call. */
  readonly bearerToken: Secret | null
  readonly bearerTokenFile: string
  readonly verifyTls: boolean
  readonly storageClass: string | null
  readonly defaultStorageSize: string
  /** Grouped by address, in the order in which the addresses were first seen. */
  readonly hostAliases: readonly HostAlias[]
}

export interface HostAlias {
  readonly ip: string
  readonly hostnames: readonly string[]
}

/** A problem that stops the start (`fatal`) or is only said (`warning`). `value` is never a secret. */
export interface ConfigProblem {
  readonly severity: 'fatal' | 'warning'
  readonly name: string
  readonly value: string | null
  readonly message: string
  readonly fix: string
}

/** What parsing needs to know of the disk. `readFile` throws only where a file is there and cannot be read. */
export interface ConfigFiles {
  readFile(path: string): string | undefined
  exists(path: string): boolean
}
