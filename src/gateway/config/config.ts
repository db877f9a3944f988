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
  readonly logLevel: LogLevel
  readonly verboseStart: boolean
}

/** A problem that stops the start (`fatal`) or is only said (`warning`). `value` is never a secret. */
export interface ConfigProblem {
  readonly severity: 'fatal' | 'warning'
  readonly name: string
  readonly value: string | null
  readonly message: string
  readonly fix: string
}
