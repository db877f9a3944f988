import http from 'node:http'
import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { formatHostPort, type HostPort } from '../../net/address.ts'
import { deviceErrors } from './device-errors.ts'

export interface MetricsServerOptions {
  readonly address: HostPort
  readonly render: () => Promise<{ readonly contentType: string; readonly body: string }>
  readonly log: Logger
}

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

const maxConnections = 16
const maxRequestMs = 5_000
const maxAnswerMs = 15_000

/**
 * `/metrics` and `/healthz` on HARP_ADMIN_ADDRESS: read-only, without secrets, names of files or of devices, since whoever
 * reaches the address may ask.
 */
export class MetricsServer {
  readonly #options: MetricsServerOptions
  readonly #server: http.Server

  constructor(options: MetricsServerOptions) {
    this.#options = options
    this.#server = http.createServer({
      maxHeaderSize: 8_192,
      headersTimeout: maxRequestMs,
      requestTimeout: maxRequestMs,
      keepAliveTimeout: maxRequestMs,
      connectionsCheckingInterval: 1_000,
    })
    this.#server.maxConnections = maxConnections
    this.#server.setTimeout(maxAnswerMs, (socket) => socket.destroy())
    this.#server.on('request', (request, response) => void this.#serve(request, response))
  }

  /** As it was bound: throws HarpError `SYNC_ADMIN_ADDRESS`. */
  async start(): Promise<HostPort> {
    const { address, log } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    this.#server.once('error', reject)
    this.#server.listen({ host: address.host, port: address.port }, () => resolve(undefined))
    try {
      await promise
    } catch (error) {
      const where = formatHostPort(address)
      throw new HarpError('SYNC_ADMIN_ADDRESS', `cannot listen on ${where}: ${errorCode(error)}`, {
        cause: error,
        fix: deviceErrors.SYNC_ADMIN_ADDRESS.fix,
      })
    }
    this.#server.removeListener('error', reject)
    this.#server.on('error', (error) => log.error({ code: errorCode(error) }, 'admin address failed'))
    const bound = this.#server.address()
    return bound !== null && typeof bound === 'object' ? { host: address.host, port: bound.port } : address
  }

  /** Cuts what is open. */
  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { status, contentType, body } = await this.#answer(request)
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...(status === 405 && { allow: 'GET, HEAD' }),
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  async #answer({ method, url = '' }: http.IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET and HEAD')
    const [path] = url.split('?', 1)
    if (path === '/healthz') return text(200, 'ok')
    if (path !== '/metrics') return text(404, 'there are /metrics and /healthz')
    try {
      return { status: 200, ...(await this.#options.render()) }
    } catch (error) {
      this.#options.log.error({ problem: errorMessage(error) }, 'metrics cannot be told')
      return text(500, 'internal error, see the log')
    }
  }
}

function text(status: number, line: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${line}\n` }
}
