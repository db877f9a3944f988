import net from 'node:net'
import type { Clock } from '../../base/clock.ts'
import type { DeadlineSweeper } from '../../base/deadlines.ts'
import { errorCode, errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { StreamWire } from '../../net/stream-wire.ts'
import { relay } from '../proxy/relay.ts'
import type { TunnelServer } from './tunnel-server.ts'

export interface LoopbackListenersOptions {
  readonly server: () => Pick<TunnelServer, 'dial'>
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly log: Logger
  /** Infinity: never. */
  readonly idleMs: number
}

const host = '127.0.0.1'
const halfClosedIdleMs = 30_000
const dialMs = 10_000
const maxConnectionsPerPort = 1_024

/**
 * HARP_FRP_LOOPBACK=1: each tunnel's port listens on 127.0.0.1 as with the original, for programs beside the gateway
 * that use it. Off by default: every local process could drive a Docker engine through it.
 */
export class LoopbackListeners {
  readonly #options: LoopbackListenersOptions
  readonly #listeners = new Map<number, { server: net.Server; sockets: Set<net.Socket> }>()

  constructor(options: LoopbackListenersOptions) {
    this.#options = options
  }

  /** False: the port is taken by somebody else. */
  async open(port: number): Promise<boolean> {
    const sockets = new Set<net.Socket>()
    const server = net.createServer(
      { noDelay: true, allowHalfOpen: true, pauseOnConnect: true },
      (socket) => {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.once('close', () => sockets.delete(socket))
        this.#serve(port, socket).catch((error: unknown) => {
          this.#options.log.debug({ port, problem: errorMessage(error) }, 'loopback connection refused')
          socket.destroy()
        })
      },
    )
    server.maxConnections = maxConnectionsPerPort
    const { promise, resolve } = Promise.withResolvers<boolean>()
    server.on('error', (error) => {
      this.#options.log.warn({ port, code: errorCode(error) }, 'loopback port unavailable')
      resolve(false)
    })
    server.listen({ host, port }, () => resolve(true))
    const isOpen = await promise
    if (isOpen) this.#listeners.set(port, { server, sockets })
    return isOpen
  }

  close(port: number): void {
    const listener = this.#listeners.get(port)
    this.#listeners.delete(port)
    listener?.server.close()
    for (const socket of listener?.sockets ?? []) socket.destroy()
  }

  stop(): void {
    for (const port of this.#listeners.keys()) this.close(port)
  }

  async #serve(port: number, socket: net.Socket): Promise<void> {
    const { clock, sweeper, idleMs, server } = this.#options
    const visitor = {
      srcAddr: socket.remoteAddress ?? host,
      srcPort: socket.remotePort ?? 0,
      dstAddr: socket.localAddress ?? host,
      dstPort: port,
    }
    const upstream = await (server().dial(port, visitor, dialMs) ?? Promise.reject(new Error('no tunnel')))
    if (socket.destroyed) {
      upstream.destroy()
      return
    }
    relay(new StreamWire(socket), upstream, { idleMs, halfClosedIdleMs, clock, sweeper, onDone() {} })
    socket.resume()
  }
}
