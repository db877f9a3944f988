import { errorCode, errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { formatHostPort } from '../../net/address.ts'
import { SocketWire, type SocketTarget } from '../../net/socket-wire.ts'
import type { Wire } from '../../net/wire.ts'
import { gatewayErrors } from '../errors.ts'

const connectTimeoutMs = 5_000

/** The app at this end of a proxy. Says once when it stops to answer, and once when it does again. */
export class LocalTarget {
  readonly #proxyName: string
  readonly #target: SocketTarget
  readonly #log: Logger
  #problem = ''

  constructor(proxyName: string, target: SocketTarget, log: Logger) {
    this.#proxyName = proxyName
    this.#target = target
    this.#log = log
  }

  /** Null where the app does not accept; why is in the log. */
  async connect(): Promise<Wire | null> {
    const wire = new SocketWire(this.#target)
    try {
      await wire.connected(connectTimeoutMs)
    } catch (error) {
      wire.destroy()
      this.#onRefused(error)
      return null
    }
    if (this.#problem !== '') {
      this.#problem = ''
      this.#log.info({ proxy: this.#proxyName, target: describeTarget(this.#target) }, 'app answers again')
    }
    return wire
  }

  #onRefused(error: unknown): void {
    const problem = errorCode(error)
    if (problem === this.#problem) return
    this.#problem = problem
    this.#log.warn(
      {
        code: 'TUNNEL_CLIENT_TARGET_REFUSED',
        proxy: this.#proxyName,
        target: describeTarget(this.#target),
        problem: errorMessage(error),
        fix: gatewayErrors.TUNNEL_CLIENT_TARGET_REFUSED.fix,
      },
      'app not listening',
    )
  }
}

export function describeTarget(target: SocketTarget): string {
  return 'path' in target ? target.path : formatHostPort({ host: target.address, port: target.port })
}
