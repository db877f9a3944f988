import { parse, TomlError } from 'smol-toml'
import type { z } from 'zod'
import { Secret } from '../../base/secret.ts'
import type { SocketTarget } from '../../net/socket-wire.ts'
import type { Environment } from '../config/env.ts'
import type { FileProblem } from './file-problem.ts'
import { frpcFile, type FrpcFile } from './frpc-schema.ts'
import { renderTemplate, templateNames } from './frpc-template.ts'

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

export interface FrpcFileReading {
  /** Null where a problem is fatal. */
  readonly config: TunnelClientConfig | null
  readonly problems: readonly FileProblem[]
}

/**
 * Where the file says nothing, we look for a dead link more often than frpc (30 s), and give up a connection attempt
 * sooner (10 s): between the first SYNs, which go out every second, so that no attempt sleeps through a link's return.
 */
const defaultConnectTimeoutMs = 2_500
const defaultMuxKeepAliveMs = 3_000
const defaultHeartbeatMs = 5_000
const defaultHeartbeatTimeoutMs = 12_000

export function neededVariables(source: string): readonly string[] {
  return [...templateNames(source), 'http_proxy']
}

/** All problems at once; never throws. `environment` has what `neededVariables` names. */
export function parseFrpcConfig(source: string, environment: Environment): FrpcFileReading {
  // NOTE: the legacy format is looked for first, since some INI files are TOML as well.
  if (/^\s*\[common\]\s*(?:[#;].*)?$/m.test(source)) {
    return failed({
      key: '[common]',
      message: 'belongs to the INI format that frp gave up with 0.52',
      fix: 'write the file as TOML (serverAddr, serverPort, [[proxies]])',
    })
  }
  const rendered = renderTemplate(source, environment)
  if (rendered.problems.length > 0) return { config: null, problems: rendered.problems }
  let document: unknown
  try {
    document = parse(rendered.text)
  } catch (error) {
    return failed(syntaxProblem(error))
  }
  const result = frpcFile.safeParse(document)
  const problems: FileProblem[] = result.success
    ? [...checkTogether(result.data), ...checkEnvironment(result.data, environment)]
    : result.error.issues.flatMap((issue) => describeIssue(issue))
  const isUsable = result.success && problems.every((each) => each.severity === 'warning')
  return { config: isUsable ? toConfig(result.data) : null, problems }
}

function failed(problem: Omit<FileProblem, 'severity'>): FrpcFileReading {
  return { config: null, problems: [{ severity: 'fatal', ...problem }] }
}

function syntaxProblem(error: unknown): Omit<FileProblem, 'severity'> {
  // NOTE: the library's message quotes the line, which may hold the token.
  const place = error instanceof TomlError ? `line ${error.line}, column ${error.column}` : 'somewhere'
  return { key: 'the file', message: `is not TOML: ${place}`, fix: 'correct the syntax there' }
}

function describeIssue(issue: z.core.$ZodIssue): FileProblem[] {
  const path = formatPath(issue.path)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      severity: 'fatal',
      key: formatPath([...issue.path, key]),
      message: 'is not supported by harp tunnel',
      fix: 'remove it, or check its spelling',
    }))
  }
  if (path === 'proxies') {
    return [fatal(path, 'is empty', 'add a [[proxies]] section with name, type, remotePort and a target')]
  }
  if (/^proxies\[\d+\]\.type$/.test(path)) {
    return [fatal(path, 'is not "tcp", the only type that harp tunnel serves', 'use "tcp", or keep frpc')]
  }
  return [fatal(path, `is not valid: ${expectation(issue)}`, 'correct it')]
}

/** The library's words say what is expected and name types, not values. */
function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_union') return 'out of range'
  return issue.message.replace(/^Invalid (?:input|option): /, '').replace(/^Too /, 'too ')
}

function formatPath(path: readonly PropertyKey[]): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
  return steps.join('').replace(/^\./, '')
}

function fatal(key: string, message: string, fix: string): FileProblem {
  return { severity: 'fatal', key, message, fix }
}

/** What no key says alone. */
function checkTogether(file: FrpcFile): FileProblem[] {
  const problems: FileProblem[] = []
  const names = new Set<string>()
  for (const [index, proxy] of file.proxies.entries()) {
    const path = `proxies[${index}]`
    if (names.has(proxy.name)) {
      problems.push(fatal(`${path}.name`, 'is already taken by another proxy of this file', 'choose another'))
    }
    names.add(proxy.name)
    const isLocal = proxy.localPort !== undefined || proxy.localIP !== undefined
    if (proxy.plugin !== undefined && isLocal) {
      problems.push(fatal(`${path}.plugin`, 'excludes localIP and localPort', 'keep one of the two targets'))
    } else if (proxy.plugin === undefined && proxy.localPort === undefined) {
      problems.push(
        fatal(`${path}.localPort`, 'is missing', 'give localPort, or a unix_domain_socket plugin'),
      )
    }
  }
  const { tls, proxyURL, protocol } = file.transport
  if ((tls.certFile === undefined) !== (tls.keyFile === undefined)) {
    const missing = tls.certFile === undefined ? 'certFile' : 'keyFile'
    problems.push(fatal(`transport.tls.${missing}`, 'is missing', 'give certFile and keyFile, or neither'))
  }
  if (proxyURL !== undefined && (protocol !== 'tcp' || !isHttpProxy(proxyURL))) {
    problems.push(
      fatal('transport.proxyURL', 'is not an http:// proxy in front of protocol "tcp"', 'use one, or none'),
    )
  }
  const { heartbeatInterval = -1, heartbeatTimeout = -1 } = file.transport
  if (heartbeatTimeout !== -1 && heartbeatTimeout < heartbeatInterval) {
    problems.push(
      fatal(
        'transport.heartbeatTimeout',
        'is shorter than heartbeatInterval',
        'make it at least twice as long',
      ),
    )
  }
  if (!tls.enable) {
    problems.push(
      warning(
        'transport.tls.enable',
        'is false: key and traffic cross the network in clear',
        'set it to true',
      ),
    )
  } else if (tls.trustedCaFile === undefined) {
    problems.push(
      warning(
        'transport.tls.trustedCaFile',
        'is not set: the server is not verified and anybody between could read the key',
        "give the CA file that belongs to the server's certificate",
      ),
    )
  }
  return problems
}

/** frpc takes its proxy from there; a variable that is meant for the app's own requests should not move the tunnel. */
function checkEnvironment(file: FrpcFile, environment: Environment): FileProblem[] {
  if ((environment['http_proxy'] ?? '') === '' || file.transport.proxyURL !== undefined) return []
  return [
    warning(
      'http_proxy',
      'is set in the environment, but not used',
      'set transport.proxyURL to go through it',
    ),
  ]
}

function warning(key: string, message: string, fix: string): FileProblem {
  return { severity: 'warning', key, message, fix }
}

function isHttpProxy(text: string): boolean {
  return URL.canParse(text) && new URL(text).protocol === 'http:'
}

function toConfig(file: FrpcFile): TunnelClientConfig {
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
