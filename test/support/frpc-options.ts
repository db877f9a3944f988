/** What the stand-in frpc is told: the part of frpc.toml that matters on the wire, and how to misbehave. */
export type FrpcTarget = { readonly path: string } | { readonly port: number }

export interface FrpcProxy {
  /** Without the user's prefix. */
  readonly name: string
  /** 0 lets the server choose. */
  readonly remotePort: number
  /** tcp unless given. */
  readonly type?: string
  readonly useEncryption?: boolean
  /** The flag only: the stand-in cannot compress, so a server that accepts it gets garbage. */
  readonly useCompression?: boolean
  readonly bandwidthLimit?: string
  readonly bandwidthLimitMode?: 'server'
  /** Further fields of NewProxy, for instance `custom_domains` or `group`. */
  readonly extra?: Readonly<Record<string, unknown>>
  readonly target: FrpcTarget
}

export interface FrpcTls {
  /** Without it the server's certificate is not verified, as in frpc. */
  readonly ca?: string | Buffer
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  readonly serverName?: string
}

export type RandomPurpose = 'iv' | 'nonce' | 'client-random' | 'websocket-key' | 'websocket-mask'

/** Everything a hostile or broken client does; the rest of the session is as usual. */
export interface FrpcMisbehaviour {
  /** Opens the transport and then sends nothing. */
  readonly silentAfterConnect?: boolean
  /** Never answers ReqWorkConn. */
  readonly ignoreWorkRequests?: boolean
  /** NewWorkConn names this run id instead of its own. */
  readonly workRunId?: string
  /** Sent right after NewWorkConn, where only the server may speak. */
  readonly bytesBeforeStart?: Buffer
}

export interface FrpcOptions {
  readonly server: { readonly host: string; readonly port: number }
  /** As in frpc, TLS without a client certificate unless told otherwise. */
  readonly tls?: FrpcTls | 'off'
  /** 0x17 before the ClientHello (`disableCustomTLSFirstByte = false`). */
  readonly customByte?: boolean
  /** tcpMux; on unless false. */
  readonly mux?: boolean
  readonly wire?: 1 | 2
  /** text up to 0.69, binary from 0.70. */
  readonly websocket?: 'text' | 'binary'
  /** metas.token: the shared key. */
  readonly token?: string
  /** auth.token; empty with HaRP. */
  readonly authToken?: string
  readonly scopes?: readonly ('HeartBeats' | 'NewWorkConns')[]
  /** 0.61.1 sends no hostname and no client id. */
  readonly version?: '0.61.1' | '0.69.1'
  readonly hostname?: string
  readonly clientId?: string
  readonly user?: string
  /** 1 unless given; 0 means none in advance. */
  readonly poolCount?: number
  /** As if the process had logged in before. */
  readonly runId?: string
  /** Off (0) with mux, 30 s without, unless given. */
  readonly heartbeatIntervalMs?: number
  readonly proxies: readonly FrpcProxy[]
  /** frpc: for ever, with its schedule (`loginFailExit = false`). */
  readonly retry?: 'none' | 'frpc'
  /** All of frpc's own waits times this: 0.01 turns 30 s into 300 ms. */
  readonly timeScale?: number
  /** Whether the first work streams come before NewProxy; Go leaves it to chance. */
  readonly order?: 'work-first' | 'proxy-first'
  readonly misbehave?: FrpcMisbehaviour
  /** Seconds since 1970. */
  readonly now?: () => number
  readonly random?: (bytes: number, purpose: RandomPurpose) => Buffer
}

export interface FrpcClock {
  /** A wait of frpc's, scaled; cleared by whoever set it. */
  readonly after: (ms: number, run: () => void) => NodeJS.Timeout
  readonly every: (ms: number, run: () => void) => NodeJS.Timeout
  readonly now: () => number
}

export function frpcClock(options: FrpcOptions): FrpcClock {
  const scale = options.timeScale ?? 1
  return {
    after: (ms, run) => setTimeout(run, ms * scale),
    every: (ms, run) => setInterval(run, ms * scale),
    now: options.now ?? (() => Math.floor(Date.now() / 1000)),
  }
}
