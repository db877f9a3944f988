import { Secret } from '../../base/secret.ts'
import type { SocketTarget } from '../../net/socket-wire.ts'
import type { FrpcFile } from './frpc-schema.ts'

/** What `harp tunnel` does, made of frpc's file: durations in milliseconds, secrets wrapped. */
export interface TunnelClientConfig {
  readonly server: { readonly host: string; readonly port: number }
  /** Exit when the first login fails, instead of trying for ever. */
  readonly loginFailExit: boolean
  readonly user: string
  readonly clientId: string
  readonly authToken: Secret
  readonly signsHeartbeats: boolean
  readonly signsWorkConnections: boolean
  readonly metadatas: Readonly<Record<string, Secret>>
  readonly transport: TransportConfig
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  readonly proxies: readonly ProxyConfig[]
}

export interface TransportConfig {
  readonly protocol: 'tcp' | 'websocket'
  readonly wireVersion: 1 | 2
  readonly isMultiplexed: boolean
  readonly poolCount: number
  readonly connectTimeoutMs: number
  /** Idle time before TCP's own probes; null: none. */
  readonly tcpKeepAliveMs: number | null
  readonly muxKeepAliveMs: number
  /** Between two Pings on the control connection; null: none. */
  readonly heartbeatMs: number | null
  /** Silence on the control connection that ends the session; null: any. */
  readonly heartbeatTimeoutMs: number | null
  readonly localAddress: string | null
  readonly proxyUrl: Secret | null
  readonly tls: TlsConfig | null
}

export interface TlsConfig {
  readonly certFile: string | null
  readonly keyFile: string | null
  /** Null: the server is not verified. */
  readonly authorityFile: string | null
  readonly serverName: string
  /** Send 0x17 first, as frpc did before 0.50. */
  readonly sendsFirstByte: boolean
}

export interface ProxyConfig {
  /** With the user's prefix, as the server knows it. */
  readonly name: string
  readonly remotePort: number
  readonly target: SocketTarget
  readonly useEncryption: boolean
  readonly metadatas: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/**
 * Where the file says nothing, we look for a dead link more often than frpc (30 s), and give up a connection attempt
 * sooner (10 s): between the first SYNs, which go out every second, so that no attempt sleeps through a link's return.
 */
const defaultConnectTimeoutMs = 2_500
const defaultMuxKeepAliveMs = 3_000
const defaultHeartbeatMs = 5_000
const defaultHeartbeatTimeoutMs = 12_000

export function toTunnelConfig(file: FrpcFile): TunnelClientConfig {
  const { auth, log, user } = file
  const secrets = Object.entries(file.metadatas).map(([name, value]) => [name, new Secret(value)] as const)
  return {
    server: { host: file.serverAddr, port: file.serverPort },
    loginFailExit: file.loginFailExit,
    user,
    clientId: file.clientID,
    authToken: new Secret(auth.token),
    signsHeartbeats: auth.additionalScopes.includes('HeartBeats'),
    signsWorkConnections: auth.additionalScopes.includes('NewWorkConns'),
    metadatas: Object.fromEntries(secrets),
    transport: toTransport(file),
    logLevel: log.level === 'trace' ? 'debug' : log.level,
    proxies: file.proxies.map((proxy) => ({
      name: user === '' ? proxy.name : `${user}.${proxy.name}`,
      remotePort: proxy.remotePort,
      target:
        proxy.plugin === undefined
          ? { address: proxy.localIP ?? '127.0.0.1', port: proxy.localPort ?? 0 }
          : { path: proxy.plugin.unixPath },
      useEncryption: proxy.transport.useEncryption,
      metadatas: proxy.metadatas,
      annotations: proxy.annotations,
    })),
  }
}

function toTransport(file: FrpcFile): TransportConfig {
  const { transport } = file
  const { tls, tcpMux: isMultiplexed } = transport
  const orOff = (seconds: number | undefined, fallbackMs: number | null): number | null => {
    if (seconds === undefined) return fallbackMs
    return seconds === -1 ? null : seconds * 1_000
  }
  // As in frpc: the multiplexer has its own signs of life, so Pings are off unless asked for.
  const heartbeatMs = orOff(transport.heartbeatInterval, isMultiplexed ? null : defaultHeartbeatMs)
  const silenceMs = orOff(transport.heartbeatTimeout, isMultiplexed ? null : defaultHeartbeatTimeoutMs)
  return {
    protocol: transport.protocol,
    wireVersion: transport.wireProtocol === 'v2' ? 2 : 1,
    isMultiplexed,
    poolCount: transport.poolCount,
    connectTimeoutMs: orOff(transport.dialServerTimeout, null) ?? defaultConnectTimeoutMs,
    tcpKeepAliveMs: orOff(transport.dialServerKeepalive, null),
    muxKeepAliveMs: orOff(transport.tcpMuxKeepaliveInterval, null) ?? defaultMuxKeepAliveMs,
    heartbeatMs,
    // Without Pings there is nothing to hear.
    heartbeatTimeoutMs: heartbeatMs === null ? null : silenceMs,
    localAddress: transport.connectServerLocalIP ?? null,
    proxyUrl: transport.proxyURL === undefined ? null : new Secret(transport.proxyURL),
    tls: tls.enable
      ? {
          certFile: tls.certFile ?? null,
          keyFile: tls.keyFile ?? null,
          authorityFile: tls.trustedCaFile ?? null,
          serverName: tls.serverName ?? file.serverAddr,
          sendsFirstByte: !tls.disableCustomTLSFirstByte,
        }
      : null,
  }
}
