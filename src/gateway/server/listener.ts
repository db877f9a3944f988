import type { ServerHttp2Session } from 'node:http2'
import net from 'node:net'
import tls from 'node:tls'
import { errorCode, HarpError } from '../../base/errors.ts'
import {
  addressGroup,
  canonicalAddress,
  formatHostPort,
  isInNetworks,
  type HostPort,
  type Network,
} from '../../net/address.ts'
import { Http1Front, type Http1FrontContext } from '../proxy/http1-front.ts'
import type { Http2FrontContext } from '../proxy/http2-front.ts'
import type { CertificateBundle } from './certificate.ts'
import { serveHttp2 } from './http2-sessions.ts'

export interface ListenerOptions extends Omit<Http1FrontContext, 'onClose' | 'onHttp2'>, Http2FrontContext {
  readonly name: string
  readonly address: HostPort
  readonly limits: ConnectionLimits
}

/** Shared by all listeners: how many connections there are, and of whom. */
export class ConnectionLimits {
  readonly #maxTotal: number
  readonly #maxPerPeer: number
  readonly #trusted: readonly Network[]
  readonly #perPeer = new Map<string, number>()
  #total = 0
  #refused = 0

  constructor(maxTotal: number, maxPerPeer: number, trusted: readonly Network[]) {
    this.#maxTotal = maxTotal
    this.#maxPerPeer = maxPerPeer
    this.#trusted = trusted
  }

  get total(): number {
    return this.#total
  }

  get refused(): number {
    return this.#refused
  }

  /** Takes a place; false where there is none. */
  enter(address: string): boolean {
    const peer = this.#group(address)
    const ofPeer = this.#perPeer.get(peer) ?? 0
    const isPeerFull =
      this.#maxPerPeer > 0 &&
      ofPeer >= this.#maxPerPeer &&
      !isInNetworks(canonicalAddress(address) ?? address, this.#trusted)
    if (this.#total >= this.#maxTotal || isPeerFull) {
      this.#refused++
      return false
    }
    this.#total++
    if (this.#maxPerPeer > 0) this.#perPeer.set(peer, ofPeer + 1)
    return true
  }

  /** A request beyond its connection's first: it counts to the total. */
  enterStream(): boolean {
    if (this.#total >= this.#maxTotal) {
      this.#refused++
      return false
    }
    this.#total++
    return true
  }

  leaveStream(): void {
    this.#total--
  }

  leave(address: string): void {
    this.#total--
    if (this.#maxPerPeer === 0) return
    const peer = this.#group(address)
    const left = (this.#perPeer.get(peer) ?? 1) - 1
    if (left === 0) this.#perPeer.delete(peer)
    else this.#perPeer.set(peer, left)
  }

  /** Who owns an IPv6 network has one allowance, not one for each of its addresses. */
  #group(address: string): string {
    return this.#maxPerPeer === 0 ? address : addressGroup(canonicalAddress(address) ?? address, 64)
  }
}

const socketOptions = { allowHalfOpen: true, noDelay: true, highWaterMark: 16_384 } as const
const tlsHandshakeMs = 10_000
const backlog = 4_096

/** One listening address, clear or TLS, with the connections that came through it. */
export class Listener {
  readonly #options: ListenerOptions
  readonly #server: net.Server
  /** One for all connections. */
  readonly #frontContext: Http1FrontContext
  readonly #fronts = new Set<Http1Front>()
  readonly #sessions = new Set<ServerHttp2Session>()
  /** TLS handshakes under way, by the client's end. */
  readonly #handshakes = new Map<string, net.Socket>()

  constructor(options: ListenerOptions, certificate: CertificateBundle | null) {
    this.#options = options
    this.#frontContext = {
      ...options,
      onHttp2: (front, socket) => {
        this.#fronts.delete(front)
        this.#serveHttp2(socket)
      },
      onClose: (front) => this.#fronts.delete(front),
    }
    if (certificate === null) {
      this.#server = net.createServer(socketOptions, (socket) => {
        if (this.#enter(socket)) this.#onSocket(socket)
        else socket.destroy()
      })
    } else {
      this.#server = tls.createServer(
        {
          ...socketOptions,
          cert: certificate.pem,
          key: certificate.pem,
          minVersion: 'TLSv1.2',
          ALPNProtocols: ['h2', 'http/1.1'],
          handshakeTimeout: tlsHandshakeMs,
        },
        (socket) => {
          this.#handshakes.delete(endpointOf(socket))
          this.#onSocket(socket)
        },
      )
      this.#server.prependListener('connection', (socket: net.Socket) => this.#onHandshake(socket))
      this.#server.on('tlsClientError', (_error: Error, socket: tls.TLSSocket) => socket.destroy())
    }
  }

  /** Resolves with the bound address; rejects with HarpError LISTEN_FAILED. */
  async listen(): Promise<HostPort> {
    const { name, address } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    this.#server.once('error', (error) => {
      reject(
        new HarpError(
          'LISTEN_FAILED',
          `cannot listen on ${formatHostPort(address)} (${name}): ${errorCode(error)}`,
          {
            cause: error,
            fix: 'stop the program that has the port (HaRP?) or choose another address',
          },
        ),
      )
    })
    this.#server.listen({ host: address.host, port: address.port, backlog }, () => resolve(undefined))
    await promise
    this.#server.on('error', () => {})
    const bound = this.#server.address()
    return bound !== null && typeof bound === 'object' ? { host: address.host, port: bound.port } : address
  }

  /** New connections use this certificate; established ones keep theirs. */
  setCertificate(certificate: CertificateBundle): void {
    if (this.#server instanceof tls.Server) {
      this.#server.setSecureContext({ cert: certificate.pem, key: certificate.pem, minVersion: 'TLSv1.2' })
    }
  }

  /** Stops accepting; idle connections close, busy ones after their answer. */
  drain(): void {
    this.#server.close()
    for (const socket of this.#handshakes.values()) socket.destroy()
    for (const front of this.#fronts) front.drain()
    for (const session of this.#sessions) session.close()
  }

  get openConnections(): number {
    return this.#fronts.size + this.#sessions.size
  }

  /** Those that a shutdown waits for: tunnels have no end of their own. */
  get busyConnections(): number {
    let busy = this.#sessions.size
    for (const front of this.#fronts) if (!front.isTunnel) busy++
    return busy
  }

  destroy(): void {
    this.#server.close()
    for (const front of this.#fronts) front.destroy()
    for (const session of this.#sessions) session.destroy()
  }

  /** Counts a connection until it closes; false where there is no place for it. */
  #enter(socket: net.Socket): boolean {
    const { limits } = this.#options
    const peer = socket.remoteAddress ?? ''
    socket.on('error', () => {})
    if (!limits.enter(peer)) return false
    socket.once('close', () => limits.leave(peer))
    return true
  }

  /** A TLS connection takes its place from the first packet, not from the end of its handshake. */
  #onHandshake(socket: net.Socket): void {
    if (!this.#enter(socket)) {
      // NOTE: not now: TLS is about to take over the socket and needs it whole.
      process.nextTick(() => socket.destroy())
      return
    }
    const key = endpointOf(socket)
    this.#handshakes.set(key, socket)
    socket.once('close', () => this.#handshakes.delete(key))
  }

  #onSocket(socket: net.Socket): void {
    if (socket instanceof tls.TLSSocket && socket.alpnProtocol === 'h2') {
      this.#serveHttp2(socket)
      return
    }
    const front = new Http1Front(this.#frontContext, socket)
    this.#fronts.add(front)
  }

  #serveHttp2(socket: net.Socket): void {
    const session = serveHttp2(socket, {
      ...this.#options,
      idleTimeoutMs: this.#options.clientTimeoutMs,
      enterStream: () => this.#options.limits.enterStream(),
      leaveStream: () => this.#options.limits.leaveStream(),
      onClose: (closed) => this.#sessions.delete(closed),
    })
    this.#sessions.add(session)
  }
}

function endpointOf(socket: net.Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}
