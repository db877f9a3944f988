import type { X509Certificate } from 'node:crypto'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { canonicalAddress, formatHostPort, type HostPort } from '../../net/address.ts'
import { gatewayError } from '../errors.ts'
import { detectConnection, detectStream } from '../frp/first-bytes.ts'
import { peek } from './peek.ts'
import { WebSocketDoor } from './websocket-door.ts'

/** What the door's TLS is made of; a foreign or missing client certificate is refused. */
export interface TunnelTls {
  readonly cert: string
  readonly key: string
  /** Authorities whose client certificates are accepted; empty: clients need none. */
  readonly ca: readonly string[]
}

/** A client's byte stream, past TLS and WebSocket. */
export interface Arrival {
  readonly stream: Duplex
  /** Canonical address. */
  readonly peer: string
  readonly peerPort: number
  readonly transport: 'tls' | 'plain' | 'websocket' | 'websocket-tls'
  /** The client's; null without TLS. */
  readonly certificate: X509Certificate | null
  bytesRead(): number
  bytesWritten(): number
}

export interface FrontDoorOptions {
  readonly address: HostPort
  /** false (HP_FRP_DISABLE_TLS): clients may still use TLS, with a certificate that proves nothing. */
  readonly requiresTls: boolean
  readonly makeUnverifiedTls: () => Promise<TunnelTls>
  readonly maxConnections: number
  readonly maxPerPeer: number
  readonly log: Logger
  /** `isMultiplexed`: the first byte is yamux's. */
  readonly onArrival: (arrival: Arrival, isMultiplexed: boolean) => void
  /** A connection that came to nothing; the reason is for the log and `harp tunnels`. */
  readonly onRefused: (peer: string, problem: string) => void
}

const firstBytes = { maxBytes: 65_536, timeoutMs: 10_000 } as const
const handshakeMs = 10_000
const backlog = 4_096
const unfinishedHandshake =
  'it ended in the TLS handshake: its certificate has expired or is not of this gateway, or it left'

interface Caller {
  readonly peer: string
  readonly peerPort: number
  readonly socket: net.Socket
}

/** The address that frp clients dial: finds out how each speaks (TLS, 0x17, WebSocket, plain), and who it is. */
export class FrontDoor {
  readonly #options: FrontDoorOptions
  readonly #server: net.Server
  readonly #websockets = new WebSocketDoor()
  readonly #sockets = new Set<net.Socket>()
  readonly #perPeer = new Map<string, number>()
  /** TLS handshakes under way on TCP, by the client's end. */
  readonly #callers = new Map<string, Caller>()
  #tls: TunnelTls | null = null
  /** Being made, once for all who wait for it. */
  #throwAway: Promise<TunnelTls> | null = null
  #tlsServer: tls.Server | null = null

  constructor(options: FrontDoorOptions) {
    this.#options = options
    this.#server = net.createServer({ noDelay: true, keepAlive: true }, (socket) => this.#onSocket(socket))
  }

  get openConnections(): number {
    return this.#sockets.size
  }

  /** Rejects with LISTEN_FAILED. */
  async listen(): Promise<HostPort> {
    const { address } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    this.#server.once('error', (error) =>
      reject(
        new HarpError(
          'LISTEN_FAILED',
          `cannot listen on ${formatHostPort(address)} (HP_FRP_ADDRESS): ${errorCode(error)}`,
          {
            cause: error,
            fix: 'stop the program that has the port (HaRP?) or choose another address',
          },
        ),
      ),
    )
    this.#server.listen({ host: address.host, port: address.port, backlog }, () => resolve(undefined))
    await promise
    this.#server.on('error', (error) =>
      this.#options.log.error({ problem: errorMessage(error) }, 'tunnel listener failed'),
    )
    const bound = this.#server.address()
    return bound !== null && typeof bound === 'object' ? { host: address.host, port: bound.port } : address
  }

  /** New connections get these; established ones stay. */
  useTls(identity: TunnelTls): void {
    this.#tls = identity
    this.#tlsServer?.setSecureContext(secureContext(identity))
  }

  /** Stops accepting. */
  drain(): void {
    this.#server.close()
  }

  destroy(): void {
    this.#server.close()
    this.#websockets.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #onSocket(socket: net.Socket): void {
    socket.on('error', () => {})
    const peer = canonicalAddress(socket.remoteAddress ?? '') ?? ''
    const ofPeer = this.#perPeer.get(peer) ?? 0
    const { maxConnections, maxPerPeer } = this.#options
    if (peer === '' || this.#sockets.size >= maxConnections || ofPeer >= maxPerPeer) {
      if (peer !== '') this.#options.onRefused(peer, 'too many connections')
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    this.#perPeer.set(peer, ofPeer + 1)
    socket.once('close', () => this.#forget(socket, peer))
    const caller = { peer, peerPort: socket.remotePort ?? 0, socket }
    this.#admit(caller).catch((error: unknown) => this.#giveUp(caller, error))
  }

  #forget(socket: net.Socket, peer: string): void {
    this.#sockets.delete(socket)
    const left = (this.#perPeer.get(peer) ?? 1) - 1
    if (left === 0) this.#perPeer.delete(peer)
    else this.#perPeer.set(peer, left)
  }

  async #admit(caller: Caller): Promise<void> {
    const { socket } = caller
    const protocol = await this.#outer(socket)
    if (protocol === 'tls') await this.#secureSocket(caller)
    else if (protocol === 'websocket') await this.#admitWebSocket(caller, await this.#websockets.open(socket))
    else await this.#deliver(caller, socket, 'plain')
  }

  /** TLS inside the WebSocket is frpc's default; in TLS mode it is a must. */
  async #admitWebSocket(caller: Caller, stream: Duplex): Promise<void> {
    stream.on('error', () => caller.socket.destroy())
    if ((await this.#outer(stream)) !== 'tls') {
      await this.#deliver(caller, stream, 'websocket')
      return
    }
    // NOTE: a server of its own for each: it verifies clients as the main one does, and says whose stream is secured.
    const identity = await this.#identity()
    const server = this.#createTlsServer(identity)
    const { promise, resolve, reject } = Promise.withResolvers<tls.TLSSocket>()
    server.removeAllListeners('secureConnection').once('secureConnection', resolve)
    server.removeAllListeners('tlsClientError').once('tlsClientError', (error: Error) => {
      reject(gatewayError('TUNNEL_HANDSHAKE', handshakeProblem(error)))
    })
    server.emit('connection', stream)
    await this.#deliver(caller, await promise, 'websocket-tls')
  }

  /** Which protocol a stream begins with; the byte that frp may put before TLS is taken away. */
  async #outer(stream: Duplex): Promise<'tls' | 'websocket' | 'plain'> {
    const start = await peek(stream, firstBytes, (bytes) => {
      const found = detectConnection(bytes)
      return found.kind === 'need-more' ? undefined : found
    })
    if (start.kind === 'tls' && start.skip > 0) stream.read(start.skip)
    return start.kind
  }

  async #secureSocket(caller: Caller): Promise<void> {
    const { peer, socket } = caller
    const identity = await this.#identity()
    if (socket.destroyed) return
    this.#tlsServer ??= this.#createTlsServer(identity)
    const key = endpointOf(socket)
    this.#callers.set(key, caller)
    socket.once('close', () => {
      if (this.#callers.get(key) !== caller) return
      this.#callers.delete(key)
      // NOTE: a certificate that is not accepted ends so; by the time TLS says why, it does not know whose it was.
      this.#options.onRefused(peer, unfinishedHandshake)
    })
    this.#tlsServer.emit('connection', socket)
  }

  async #identity(): Promise<TunnelTls> {
    if (this.#tls !== null) return this.#tls
    this.#throwAway ??= this.#options.makeUnverifiedTls().finally(() => {
      this.#throwAway = null
    })
    this.#tls = await this.#throwAway
    return this.#tls
  }

  /**
   * NOTE: a real TLS server, not `new TLSSocket(socket, { isServer: true })`, which refuses a missing client certificate
   * and admits one of a foreign authority.
   */
  #createTlsServer(identity: TunnelTls): tls.Server {
    const isMutual = identity.ca.length > 0
    const server = tls.createServer({
      ...secureContext(identity),
      requestCert: isMutual,
      rejectUnauthorized: isMutual,
      handshakeTimeout: handshakeMs,
    })
    server.on('secureConnection', (secured) => {
      const caller = this.#callers.get(endpointOf(secured))
      this.#callers.delete(endpointOf(secured))
      secured.on('error', () => {})
      if (caller === undefined) secured.destroy()
      else this.#deliver(caller, secured, 'tls').catch((error: unknown) => this.#giveUp(caller, error))
    })
    server.on('tlsClientError', (error: Error, secured: tls.TLSSocket) => {
      const caller = this.#callers.get(endpointOf(secured))
      this.#callers.delete(endpointOf(secured))
      if (caller !== undefined) this.#options.onRefused(caller.peer, handshakeProblem(error))
      secured.destroy()
    })
    return server
  }

  #giveUp({ peer, socket }: Caller, error: unknown): void {
    // Who says nothing at all is a health check.
    if (socket.bytesRead > 0) this.#options.onRefused(peer, errorMessage(error))
    socket.destroy()
  }

  async #deliver(caller: Caller, stream: Duplex, transport: Arrival['transport']): Promise<void> {
    const isSecured = stream instanceof tls.TLSSocket
    if (this.#options.requiresTls && !isSecured) {
      throw new Error(
        'no TLS: the client must set transport.tls.enable and have the certificates of this gateway',
      )
    }
    stream.on('error', () => {})
    const start = await peek(stream, firstBytes, (bytes) => {
      const found = detectStream(bytes)
      return found === 'need-more' ? undefined : found
    })
    if (start === 'unknown') throw gatewayError('TUNNEL_HANDSHAKE', 'what speaks here is no frp client')
    const { peer, peerPort, socket } = caller
    const arrival: Arrival = {
      stream,
      peer,
      peerPort,
      transport,
      certificate: isSecured ? (stream.getPeerX509Certificate() ?? null) : null,
      bytesRead: () => socket.bytesRead,
      bytesWritten: () => socket.bytesWritten,
    }
    this.#options.onArrival(arrival, start === 'yamux')
  }
}

function secureContext(identity: TunnelTls): tls.SecureContextOptions {
  const { cert, key, ca } = identity
  return { cert, key, minVersion: 'TLSv1.2', ...(ca.length === 0 ? {} : { ca: [...ca] }) }
}

/** OpenSSL's words for what mostly happens, in an operator's. */
function handshakeProblem(error: Error): string {
  const code = errorCode(error)
  if (code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') return 'no client certificate'
  if (code === 'ECONNRESET') return unfinishedHandshake
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'the TLS handshake took too long'
  if (
    /unknown ca|UNABLE_TO_VERIFY|SELF_SIGNED|CERTIFICATE_VERIFY_FAILED|certificate_unknown|bad certificate/i.test(
      `${code} ${error.message}`,
    )
  ) {
    return `a certificate was not accepted (${code})`
  }
  return `TLS failed (${code === 'UNKNOWN' ? error.message : code})`
}

function endpointOf(socket: net.Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}
