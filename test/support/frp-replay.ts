/**
 * The recorded sessions as a table: for each frpc process of a vector the options of the stand-in and what the
 * real server answered, so that a test can play every vector against a server and compare.
 */
import { readdirSync } from 'node:fs'
import { loadRecording, type RecordedProcess, type Recording } from './frp-recording.ts'
import type { FrpcOptions, FrpcProxy, FrpcTarget, FrpcTls } from './frpc-options.ts'

export interface VectorClient {
  /** As recorded, but for the place: server, certificates and local target are the test's. */
  readonly options: (place: VectorPlace) => FrpcOptions
  /** What the recorded frps answered. */
  readonly recorded: RecordedProcess
  /** What Harp answers: the same, but for the differences. */
  readonly expected: ExpectedAnswers
}

export interface ExpectedAnswers {
  /** Of the error; an empty one is success. */
  readonly login: RegExp
  /** In the order of the answers; none where the login is refused. */
  readonly proxies: readonly { readonly name: string; readonly remoteAddr: RegExp; readonly error: RegExp }[]
}

export interface VectorPlace {
  readonly server: FrpcOptions['server']
  readonly target: FrpcTarget
  /** Used by the vectors that were recorded with TLS. */
  readonly tls?: FrpcTls
}

export interface FrpVector {
  readonly name: string
  readonly recording: Recording
  readonly usesTls: boolean
  /** The processes of frpc in the order of starting. */
  readonly clients: readonly VectorClient[]
  /** What users ask for through the first client's proxy and get. */
  readonly paths: readonly string[]
  /** Why Harp answers otherwise than recorded. */
  readonly difference?: string
}

interface VectorDifference {
  readonly why: string
  readonly outcome: 'accepts' | 'refuses-login' | 'refuses-proxy'
  /** Harp's text. */
  readonly error?: RegExp
}

/** The vectors that Harp answers otherwise than the recorded frps. */
const differences: Readonly<Record<string, VectorDifference>> = {
  'plain-comp': { why: 'compression is refused', outcome: 'refuses-proxy', error: /compression/i },
  'plain-enc-comp': { why: 'compression is refused', outcome: 'refuses-proxy', error: /compression/i },
  'plain-bw-server': {
    why: 'a limit in the server is refused, the client can limit',
    outcome: 'refuses-proxy',
    error: /bandwidthLimitMode/,
  },
  'plain-authtoken': {
    why: 'HaRP has no auth.token, so a client with one does not match',
    outcome: 'refuses-login',
    error: /token in login doesn't match token from configuration/,
  },
  'plugin-reject': {
    why: 'the text of a wrong key was the recorded plugin’s own',
    outcome: 'refuses-login',
    error: /shared key/,
  },
  'v069v2-to-v061': { why: 'the recorded server knew no wire v2, Harp does', outcome: 'accepts' },
}

export const vectorNames: readonly string[] = readdirSync(new URL('../vectors/frp/', import.meta.url))
  .filter((file) => file.endsWith('.decoded.txt'))
  .map((file) => file.replace('.decoded.txt', ''))

export function loadVector(name: string): FrpVector {
  const recording = loadRecording(name)
  const { config } = recording
  const proxies = tables(config['proxies']).map((proxy) => proxyOf(proxy))
  const difference = differences[name]
  return {
    name,
    recording,
    usesTls: at(config, 'transport.tls.enable') === true,
    paths: difference === undefined || difference.outcome === 'accepts' ? recording.paths : [],
    clients: recording.processes.map((recorded, index) => {
      const ours = index === 0 ? proxies : secondProxies(recording)
      return {
        options: (place) => optionsOf(recording, ours, place),
        recorded,
        expected: expectedOf(recorded, ours, difference),
      }
    }),
    ...(difference === undefined ? {} : { difference: difference.why }),
  }
}

function expectedOf(
  recorded: RecordedProcess,
  proxies: readonly ProxyConfig[],
  difference: VectorDifference | undefined,
): ExpectedAnswers {
  const success = { login: exactly(''), proxies: proxies.map((proxy) => answerFor(proxy, exactly(''))) }
  if (difference === undefined) {
    const answers = recorded.proxies.map(({ name, error }) => {
      const proxy = proxies.find((each) => each.name === name) ?? { name, remotePort: 0 }
      return answerFor(proxy, exactly(error))
    })
    return { login: exactly(recorded.loginError), proxies: answers }
  }
  const error = difference.error ?? /./
  if (difference.outcome === 'refuses-login') return { login: error, proxies: [] }
  if (difference.outcome === 'accepts') return success
  return { login: exactly(''), proxies: proxies.map((proxy) => answerFor(proxy, error)) }
}

function answerFor(proxy: ProxyConfig, error: RegExp): ExpectedAnswers['proxies'][number] {
  const granted = proxy.remotePort === 0 ? /^:2[34]\d{3}$/ : exactly(`:${proxy.remotePort}`)
  return { name: proxy.name, remoteAddr: error.test('') ? granted : exactly(''), error }
}

function exactly(text: string): RegExp {
  return new RegExp(`^${text.replace(/[[\]().]/g, '\\$&')}$`)
}

type ProxyConfig = Omit<FrpcProxy, 'target'>

function optionsOf(recording: Recording, proxies: readonly ProxyConfig[], place: VectorPlace): FrpcOptions {
  const { config, name } = recording
  const usesTls = at(config, 'transport.tls.enable') === true
  const poolCount = at(config, 'transport.poolCount')
  const heartbeat = at(config, 'transport.heartbeatInterval')
  const authToken = at(config, 'auth.token')
  const scopes = at(config, 'auth.additionalScopes')
  return {
    server: place.server,
    tls: usesTls ? { ...place.tls, serverName: String(at(config, 'transport.tls.serverName')) } : 'off',
    customByte: at(config, 'transport.tls.disableCustomTLSFirstByte') === false,
    mux: at(config, 'transport.tcpMux') !== false,
    wire: at(config, 'transport.wireProtocol') === 'v2' ? 2 : 1,
    ...(at(config, 'transport.protocol') === 'websocket' ? { websocket: 'text' as const } : {}),
    token: String(at(config, 'metadatas.token')),
    ...(typeof authToken === 'string' ? { authToken } : {}),
    ...(Array.isArray(scopes) ? { scopes: scopes as NonNullable<FrpcOptions['scopes']> } : {}),
    version: name.startsWith('v069') ? '0.69.1' : '0.61.1',
    ...(typeof poolCount === 'number' ? { poolCount } : {}),
    ...(typeof heartbeat === 'number' ? { heartbeatIntervalMs: heartbeat * 1000 } : {}),
    order: announcesFirst(recording) ? 'proxy-first' : 'work-first',
    proxies: proxies.map((proxy) => ({ ...proxy, target: place.target })),
  }
}

/** Whether NewProxy came before the first NewWorkConn, where the recording tells. */
function announcesFirst(recording: Recording): boolean {
  const first = recording.messages.find(({ name }) => name === 'NewProxy' || name === 'NewWorkConn')
  return first?.name === 'NewProxy'
}

function proxyOf(proxy: Readonly<Record<string, unknown>>): ProxyConfig {
  const limit = at(proxy, 'transport.bandwidthLimit')
  return {
    name: String(proxy['name']),
    remotePort: Number(proxy['remotePort']),
    ...(at(proxy, 'transport.useEncryption') === true ? { useEncryption: true } : {}),
    ...(at(proxy, 'transport.useCompression') === true ? { useCompression: true } : {}),
    ...(typeof limit === 'string' ? { bandwidthLimit: limit } : {}),
    ...(at(proxy, 'transport.bandwidthLimitMode') === 'server'
      ? { bandwidthLimitMode: 'server' as const }
      : {}),
  }
}

/** The second process's file was not kept; its proxies are in its messages. */
function secondProxies(recording: Recording): ProxyConfig[] {
  return recording.messages
    .filter(({ connection, name }) => connection === 1 && name === 'NewProxy')
    .map(({ body }) => ({ name: String(body['proxy_name']), remotePort: Number(body['remote_port']) }))
}

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((found, key) => (isTable(found) ? found[key] : undefined), value)
}

function tables(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter((each) => isTable(each)) : []
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
