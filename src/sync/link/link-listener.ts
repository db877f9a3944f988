import { createServer, type Server, type Socket } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'
import { errorCode, errorMessage } from '../../base/errors.ts'
import { formatHostPort, type HostPort } from '../../net/address.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { linkError } from './link-errors.ts'
import type { LinkTimes } from './link-limits.ts'
import { identifyIncoming, protocols, type SecureConnection } from './secure-connection.ts'
import type { StrangerGate } from './stranger-gate.ts'

export interface ListenOptions extends HostPort {
  /** Another port will do where this one is taken. */
  readonly isPortOptional?: boolean
}

export interface ListenerOptions {
  readonly suite: CryptoSuite
  readonly context: SecureContext
  readonly gate: StrangerGate
  readonly times: LinkTimes
  readonly onConnection: (connection: SecureConnection) => void
  /** Who came and is not let in, for the log. */
  readonly onRefused: (address: string, message: string) => void
}

/** Takes connections in, and passes on those whose other end has shown a device's key in time. */
export class LinkListener {
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #pending = new Set<Socket>()
  #bound: HostPort | undefined

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#server = createServer({ noDelay: true }, (socket) => this.#take(socket))
  }

  /** Where it listens; undefined before and after. */
  get bound(): HostPort | undefined {
    return this.#bound
  }

  /** Throws HarpError LINK_PORT_TAKEN or LINK_LISTEN_FAILED. */
  async start(options: ListenOptions): Promise<void> {
    const tries = [{ host: options.host, port: options.port }]
    if (options.isPortOptional === true && options.port !== 0) tries.push({ host: options.host, port: 0 })
    if (options.host === '::') tries.push(...tries.map(({ port }) => ({ host: '0.0.0.0', port })))
    let failure: unknown
    for (const each of tries) {
      // NOTE: only a machine without IPv6 falls back to what has none, and only a taken port to another.
      const isNextStep = failure === undefined || mayTry(each, options, errorCode(failure))
      if (!isNextStep) continue
      try {
        await this.#listen(each)
        return
      } catch (error) {
        failure = error
      }
    }
    const where = formatHostPort(options)
    if (errorCode(failure) === 'EADDRINUSE') throw linkError('LINK_PORT_TAKEN', `${where} is in use`, failure)
    throw linkError('LINK_LISTEN_FAILED', `cannot listen on ${where}: ${errorMessage(failure)}`, failure)
  }

  /** Takes no more; those whose key is not known yet are dropped. */
  stop(): void {
    this.#bound = undefined
    this.#server.close()
    for (const socket of this.#pending) socket.destroy()
    this.#pending.clear()
  }

  async #listen(at: HostPort): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const server = this.#server
    const onListening = (): void => resolve(undefined)
    server.once('error', reject).once('listening', onListening)
    server.listen({ host: at.host, port: at.port })
    try {
      await promise
    } finally {
      server.off('error', reject).off('listening', onListening)
    }
    // NOTE: accepting may fail for want of file descriptors; the next connection may go well.
    server.on('error', () => {})
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : at.port
    this.#bound = { host: at.host, port }
  }

  #take(socket: Socket): void {
    const { gate, context, times, onRefused } = this.#options
    const host = socket.remoteAddress
    const leave = host === undefined ? undefined : gate.enter(host)
    if (host === undefined || leave === undefined) {
      socket.destroy()
      onRefused(host ?? 'unknown', 'too many connections that have not shown a key')
      return
    }
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext: context,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: [protocols.sync, protocols.join],
    })
    this.#pending.add(secure)
    let problem = 'no handshake in time'
    const timer = setTimeout(() => secure.destroy(), times.handshakeMs)
    const forget = (): void => {
      clearTimeout(timer)
      leave()
      this.#pending.delete(secure)
    }
    const onClose = (): void => {
      forget()
      onRefused(host, problem)
    }
    socket.on('error', () => {})
    secure.on('error', (error: Error) => {
      problem = error.message
    })
    secure.once('close', onClose)
    secure.once('secure', () => {
      forget()
      secure.off('close', onClose)
      this.#identify(secure, host)
    })
  }

  #identify(socket: TLSSocket, host: string): void {
    const found = identifyIncoming(this.#options.suite, socket)
    if ('state' in found) {
      socket.destroy()
      this.#options.onRefused(host, found.message)
    } else this.#options.onConnection(found)
  }
}

function mayTry(next: HostPort, wanted: HostPort, code: string): boolean {
  if (code === 'EADDRINUSE') return next.host === wanted.host && next.port !== wanted.port
  if (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL') return next.host !== wanted.host
  return false
}
