import { Server as HttpServer } from 'node:http'
import type { Server, Socket } from 'node:net'
import { errorCode, HarpError } from '../base/errors.ts'
import type { HostPort } from '../net/address.ts'
import { demoErrors } from './errors.ts'

/** A server of the demo: for this machine only, with limits, and gone with every socket when stopped. */
export interface LocalServer {
  stop(): Promise<void>
}

export interface LoopbackServer extends LocalServer {
  readonly address: HostPort
  /** Ports that were asked for and taken, in the order tried. */
  readonly busyPorts: readonly number[]
}

const maxConnections = 1024

/** Binds the first free port of `ports`; 0 in the list means any. */
export async function listenOnLoopback(server: Server, ports: readonly number[]): Promise<LoopbackServer> {
  const sockets = limit(server)
  const busyPorts: number[] = []
  for (const port of ports) {
    const bound = await tryListen(server, port)
    if (bound !== undefined) {
      return {
        address: { host: '127.0.0.1', port: bound },
        busyPorts,
        stop: () => stopServer(server, sockets),
      }
    }
    busyPorts.push(port)
  }
  throw new HarpError('DEMO_NO_PORT', `no free port on 127.0.0.1, tried ${busyPorts.join(', ')}`, {
    fix: demoErrors.DEMO_NO_PORT.fix,
  })
}

/** Binds a Unix socket, in a directory that only this user may enter. */
export async function listenOnPath(server: Server, path: string): Promise<LocalServer> {
  const sockets = limit(server)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ path }, resolve)
  await promise
  server.off('error', reject)
  return { stop: () => stopServer(server, sockets) }
}

/** Upgraded sockets leave the HTTP server's own list, so they are kept here. */
function limit(server: Server): ReadonlySet<Socket> {
  server.maxConnections = maxConnections
  if (server instanceof HttpServer) {
    server.headersTimeout = 10_000
    server.keepAliveTimeout = 15_000
  }
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

/** The port that was bound, or undefined where it is taken or not ours to take. */
async function tryListen(server: Server, port: number): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host: '127.0.0.1', port }, resolve)
  try {
    await promise
  } catch (error) {
    if (['EADDRINUSE', 'EACCES'].includes(errorCode(error))) return undefined
    throw error
  } finally {
    server.off('error', reject)
    server.off('listening', resolve)
  }
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : port
}

async function stopServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  for (const socket of sockets) socket.destroy()
  await promise
}
