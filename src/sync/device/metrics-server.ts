import type { Server } from 'node:http'
import { errorCode, HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { formatHostPort, type HostPort } from '../../net/address.ts'
import {
  closeOperatorServer,
  createOperatorServer,
  listenOperatorServer,
  methodNotAllowed,
  textAnswer,
  type OperatorAnswer,
  type OperatorRequest,
} from '../../net/operator-server.ts'
import { deviceErrors } from './device-errors.ts'

export interface MetricsServerOptions {
  readonly address: HostPort
  readonly render: () => Promise<{ readonly contentType: string; readonly body: string }>
  readonly log: Logger
}

/**
 * `/metrics` and `/healthz` on HARP_ADMIN_ADDRESS: read-only, without secrets, names of files or of devices, since whoever
 * reaches the address may ask.
 */
export class MetricsServer {
  readonly #options: MetricsServerOptions
  readonly #server: Server

  constructor(options: MetricsServerOptions) {
    this.#options = options
    const { address, log } = options
    this.#server = createOperatorServer((request) => this.#answer(request), log, address.host)
  }

  /** As it was bound: throws HarpError `SYNC_ADMIN_ADDRESS`. */
  async start(): Promise<HostPort> {
    const { address, log } = this.#options
    const { fix } = deviceErrors.SYNC_ADMIN_ADDRESS
    const explain = (error: Error): HarpError => {
      const message = `cannot listen on ${formatHostPort(address)}: ${errorCode(error)}`
      return new HarpError('SYNC_ADMIN_ADDRESS', message, { cause: error, fix })
    }
    return listenOperatorServer(this.#server, address, explain, log)
  }

  /** Cuts what is open. */
  stop(): void {
    closeOperatorServer(this.#server)
  }

  async #answer({ method, path }: OperatorRequest): Promise<OperatorAnswer> {
    if (method !== 'GET' && method !== 'HEAD') return methodNotAllowed('GET, HEAD')
    if (path === '/healthz') return textAnswer(200, 'ok')
    if (path !== '/metrics') return textAnswer(404, 'there are /metrics and /healthz')
    return { status: 200, ...(await this.#options.render()) }
  }
}
