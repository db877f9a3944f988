/** What an operator sees of tunnels: `GET /tunnels` on the control socket, `harp tunnels`, and the doctor. */
import type { RequireTokens } from '../config/config.ts'

export type TunnelKind = 'app' | 'engine'

export interface TunnelOverview {
  /** Where tunnels arrive, as `host:port`; null: the tunnel server is not open. */
  readonly listening: string | null
  readonly tls: boolean
  readonly requireTokens: RequireTokens
  readonly tunnels: readonly TunnelStatus[]
  /** The last ones, newest first. */
  readonly refused: readonly RefusedTunnel[]
}

export interface TunnelStatus {
  /** frp's proxy name: the app's id, or the engine's name. */
  readonly name: string
  readonly port: number
  readonly kind: TunnelKind
  /** lost: it was open, and its client has not come back yet. */
  readonly state: 'open' | 'lost'
  /** Address of the client, without its port. */
  readonly peer: string
  /** frp's `user`; empty: none. */
  readonly user: string
  readonly clientVersion: string
  readonly transport: TunnelTransport
  readonly mux: boolean
  readonly wire: 1 | 2
  /** The client's; null without TLS. */
  readonly certificate: TunnelCertificate | null
  readonly identity: TunnelIdentity
  /** The first 4 characters: whoever knows the whole run id can take over the session. */
  readonly runId: string
  readonly openedAt: string
  readonly ageSeconds: number
  readonly connections: TunnelConnections
  readonly bytes: TunnelBytes
  /** null: not measured. */
  readonly roundTripMs: number | null
  readonly lastError: TunnelProblem | null
  readonly lastSeen: string
}

export type TunnelTransport = 'tls' | 'plain' | 'websocket' | 'websocket-tls'

export interface TunnelCertificate {
  readonly subject: string
  readonly serialNumber: string
  readonly validTo: string
}

/** How the client proved itself. */
export type TunnelIdentity =
  | { readonly kind: 'shared-key' }
  /** `id` as in `harp token list`. */
  | { readonly kind: 'token'; readonly id: string }

export interface TunnelConnections {
  /** Carry a request now. */
  readonly active: number
  /** Work connections that wait for one. */
  readonly idle: number
  /** Ever carried one. */
  readonly total: number
}

export interface TunnelBytes {
  readonly toApp: number
  readonly fromApp: number
}

export interface TunnelProblem {
  readonly at: string
  readonly problem: string
}

/** A login or a port that was refused. */
export interface RefusedTunnel extends TunnelProblem {
  readonly peer: string
  /** null: it was refused before it gave one. */
  readonly name: string | null
}
