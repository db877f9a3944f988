import type { Server } from 'node:http'
import { errorCode, HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { Metrics } from '../../base/metrics.ts'
import { formatHostPort, type HostPort } from '../../net/address.ts'
import {
  closeOperatorServer,
  createOperatorServer,
  jsonAnswer,
  listenOperatorServer,
  methodNotAllowed,
  textAnswer,
  type OperatorAnswer,
  type OperatorRequest,
} from '../../net/operator-server.ts'
import type { Readiness } from './readiness.ts'

export interface AdminServerOptions {
  readonly address: HostPort
  readonly metrics: Metrics
  readonly readiness: () => Promise<Readiness>
  readonly log: Logger
}

/**
 * `/metrics`, `/healthz` and `/readyz` on HARP_ADMIN_ADDRESS, for monitoring and orchestrators: read-only and
 * without secrets, since whoever reaches the address may ask. What changes state is on the control socket.
 */
export class AdminServer {
  readonly #options: AdminServerOptions
  readonly #server: Server
  #address: HostPort

  constructor(options: AdminServerOptions) {
    this.#options = options
    this.#address = options.address
    const ownName = options.address.host
    this.#server = createOperatorServer((request) => this.#answer(request), options.log, ownName)
  }

  get address(): HostPort {
    return this.#address
  }

  /** Rejects with HarpError LISTEN_FAILED. */
  async start(): Promise<void> {
    const { address, log } = this.#options
    const explain = (error: Error): HarpError => {
      const where = `${formatHostPort(address)} (HARP_ADMIN_ADDRESS)`
      return new HarpError('LISTEN_FAILED', `cannot listen on ${where}: ${errorCode(error)}`, {
        cause: error,
        fix: 'stop the program that has the port, or set HARP_ADMIN_ADDRESS to another address, or to off',
      })
    }
    this.#address = await listenOperatorServer(this.#server, address, explain, log)
  }

  stop(): void {
    closeOperatorServer(this.#server)
  }

  async #answer(request: OperatorRequest): Promise<OperatorAnswer> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return methodNotAllowed('GET, HEAD')
    switch (request.path) {
      case '/healthz':
        return textAnswer(200, 'ok')
      case '/readyz': {
        const readiness = await this.#options.readiness()
        return jsonAnswer(readiness.ready ? 200 : 503, readiness)
      }
      case '/metrics': {
        const { contentType, body } = await this.#options.metrics.render()
        return { status: 200, contentType, body }
      }
      default:
        return textAnswer(404, 'there are /metrics, /healthz and /readyz')
    }
  }
}
