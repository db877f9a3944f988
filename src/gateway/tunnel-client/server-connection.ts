import http from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { createWebSocketStream, WebSocket } from 'ws'
import { systemClock } from '../../base/clock.ts'
import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import { formatHostPort } from '../../net/address.ts'
import { StreamWire } from '../../net/stream-wire.ts'
import type { Wire } from '../../net/wire.ts'
import { judgedAfterHandshake, serverProblem } from '../certificates/server-verdict.ts'
import { gatewayError, type GatewayErrorCode } from '../errors.ts'
import type { TransportConfig } from './tunnel-config.ts'
import type { ServerAddress } from './server-address.ts'
import type { TlsMaterial } from './tls-files.ts'

export interface ServerConnectionOptions {
  readonly server: { readonly host: string; readonly port: number }
  readonly transport: TransportConfig
  readonly addresses: ServerAddress
  readonly tls: TlsMaterial | null
  readonly signal: AbortSignal
}

/** Each of: HTTP proxy, WebSocket, TLS. A stalled one is dropped and tried anew rather than waited for. */
const handshakeTimeoutMs = 5_000
const webSocketPath = '/~!frp'
const customFirstByte = 0x17
/** What one WebSocket message may hold; frp's have at most 32 KiB. */
const maxMessageBytes = 4_194_304

/**
 * One connection to the server, as frpc makes it: TCP (through an HTTP proxy), WebSocket if chosen, the byte 0x17 if
 * chosen, TLS. Rejects with TUNNEL_CLIENT_UNREACHABLE or TUNNEL_CLIENT_TLS_FAILED; nothing stays open then, nor after `signal`.
 */
export async function connectToServer(options: ServerConnectionOptions): Promise<Wire> {
  const { transport } = options
  const socket = await connectTcp(options)
  let stream: Duplex = socket
  try {
    if (transport.proxyUrl !== null) stream = await throughProxy(stream, options)
    if (transport.protocol === 'websocket') stream = await upgrade(stream, options)
    if (options.tls !== null) stream = await encrypt(stream, options.tls, options)
    return new StreamWire(stream)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function connectTcp(options: ServerConnectionOptions): Promise<net.Socket> {
  const { transport, addresses } = options
  const { host, port } = transport.proxyUrl === null ? options.server : proxyAddress(transport.proxyUrl)
  const socket = net.connect({
    host,
    port,
    allowHalfOpen: true,
    noDelay: true,
    autoSelectFamily: true,
    lookup: addresses.lookup,
    ...(transport.localAddress === null ? {} : { localAddress: transport.localAddress }),
    ...(transport.tcpKeepAliveMs === null
      ? {}
      : { keepAlive: true, keepAliveInitialDelay: transport.tcpKeepAliveMs }),
  })
  const { promise, resolve } = Promise.withResolvers<net.Socket>()
  socket.once('connect', () => resolve(socket))
  return until(promise, socket, {
    code: 'TUNNEL_CLIENT_UNREACHABLE',
    step: `connection to ${formatHostPort({ host, port })}`,
    timeoutMs: transport.connectTimeoutMs,
    signal: options.signal,
  })
}

function proxyAddress(url: NonNullable<TransportConfig['proxyUrl']>): { host: string; port: number } {
  const { hostname, port } = new URL(url.reveal())
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 80 : Number(port) }
}

async function throughProxy(socket: Duplex, options: ServerConnectionOptions): Promise<Duplex> {
  const { username, password } = new URL(options.transport.proxyUrl?.reveal() ?? '')
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  const target = formatHostPort(options.server)
  const request = http.request({
    method: 'CONNECT',
    path: target,
    // NOTE: only without an agent is this asked.
    createConnection: () => socket,
    headers: {
      host: target,
      ...(username === ''
        ? {}
        : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
    },
  })
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  request.once('error', reject)
  request.once('response', (response) => reject(new Error(`the proxy answered ${response.statusCode}`)))
  request.once('connect', (response, stream: Duplex, head: Buffer) => {
    if (head.length > 0) stream.unshift(head)
    if (response.statusCode === 200) resolve(stream)
    else reject(new Error(`the proxy answered ${response.statusCode}`))
  })
  request.end()
  return until(promise, socket, {
    code: 'TUNNEL_CLIENT_UNREACHABLE',
    step: 'transport.proxyURL',
    timeoutMs: handshakeTimeoutMs,
    signal: options.signal,
  })
}

async function upgrade(socket: Duplex, options: ServerConnectionOptions): Promise<Duplex> {
  const authority = formatHostPort(options.server)
  const webSocket = new WebSocket(`ws://${authority}${webSocketPath}`, {
    createConnection: () => socket as net.Socket,
    origin: `http://${authority}`,
    perMessageDeflate: false,
    // NOTE: frps sends bytes in text frames before 0.70.
    skipUTF8Validation: true,
    maxPayload: maxMessageBytes,
  })
  const stream = createWebSocketStream(webSocket)
  const { promise, resolve } = Promise.withResolvers<Duplex>()
  webSocket.once('open', () => resolve(stream))
  return until(promise, stream, {
    code: 'TUNNEL_CLIENT_UNREACHABLE',
    step: 'WebSocket upgrade',
    timeoutMs: handshakeTimeoutMs,
    signal: options.signal,
  })
}

async function encrypt(
  stream: Duplex,
  material: TlsMaterial,
  options: ServerConnectionOptions,
): Promise<Duplex> {
  const { serverName } = material
  if (options.transport.tls?.sendsFirstByte === true) stream.write(Buffer.of(customFirstByte))
  const socket = tls.connect({
    socket: stream,
    secureContext: material.context,
    ...judgedAfterHandshake,
    // An address cannot be a server name in TLS; it is compared with the certificate all the same.
    ...(net.isIP(serverName) === 0 ? { servername: serverName } : {}),
  })
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  socket.once('secureConnect', () => {
    const { authorities } = material
    const now = systemClock.wall()
    const problem =
      authorities === null ? null : serverProblem(socket, { name: serverName, authorities, now })
    if (problem === null) resolve(socket)
    else reject(problem)
  })
  return until(promise, socket, {
    code: 'TUNNEL_CLIENT_TLS_FAILED',
    step: 'TLS',
    timeoutMs: handshakeTimeoutMs,
    signal: options.signal,
  })
}

interface Wait {
  readonly code: GatewayErrorCode
  readonly step: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Waits for a handshake on `stream`, which is destroyed unless it succeeds in time. */
async function until<T>(work: Promise<T>, stream: Duplex, wait: Wait): Promise<T> {
  const { promise: failure, reject } = Promise.withResolvers<never>()
  const fail = (problem: string, cause?: unknown): void => reject(failed(wait, problem, cause))
  const onClose = (): void => fail('the server closed the connection')
  const onAbort = (): void => fail('stopped')
  const timer = setTimeout(() => fail(`nothing within ${wait.timeoutMs} ms`), wait.timeoutMs)
  // NOTE: stays, for what a stream still says while it goes.
  stream.on('error', (error: Error) => fail(problemOf(error), error))
  stream.on('close', onClose)
  wait.signal.addEventListener('abort', onAbort)
  if (wait.signal.aborted) onAbort()
  try {
    return await Promise.race([work, failure])
  } catch (error) {
    stream.destroy()
    throw error instanceof HarpError ? error : failed(wait, problemOf(error), error)
  } finally {
    clearTimeout(timer)
    stream.off('close', onClose)
    wait.signal.removeEventListener('abort', onAbort)
  }
}

function failed(wait: Wait, problem: string, cause: unknown): HarpError {
  return gatewayError(wait.code, `${wait.step}: ${problem}`, { cause, retryable: true })
}

function problemOf(error: unknown): string {
  // One address after the other was tried; the first failure tells.
  if (error instanceof AggregateError && error.errors.length > 0) return problemOf(error.errors[0])
  const message = errorMessage(error)
  return message === '' ? errorCode(error) : message
}
