import { isThisMachine } from '../../net/address.ts'
import type { Dialer, DialTarget, Wire } from '../../net/wire.ts'
import { gatewayError } from '../errors.ts'
import type { LocalEngine } from './local-engine.ts'
import { kindOfPort } from './tunnel-ports.ts'
import type { TunnelServer } from './tunnel-server.ts'

export interface TunnelDialerOptions {
  readonly server: Pick<TunnelServer, 'dial'>
  /** For everything that no tunnel serves. */
  readonly direct: Dialer
}

export interface EngineDialerOptions extends TunnelDialerOptions {
  readonly localEngine: LocalEngine
}

/**
 * For apps: what is on this machine and has a tunnel is reached through it, within this process; nothing listens on the
 * port. All else is dialled as it is, except that nobody reaches an engine by calling it an app: whoever can push an
 * app's address would have all of Docker.
 */
export class AppDialer implements Dialer {
  readonly #options: TunnelDialerOptions

  constructor(options: TunnelDialerOptions) {
    this.#options = options
  }

  async dial(target: DialTarget, timeoutMs: number): Promise<Wire> {
    const { server, direct } = this.#options
    const { address, port } = target
    if (!isThisMachine(address)) return direct.dial(target, timeoutMs)
    if (kindOfPort(port) === 'engine') {
      throw gatewayError('ENGINE_PORT_FORBIDDEN', `port ${port} is an engine's, and no app is served there`)
    }
    return server.dial(port, visitorOf(target), timeoutMs) ?? direct.dial(target, timeoutMs)
  }
}

/** For Docker calls that were allowed: the engine of this machine, one behind a tunnel, or what listens on the port. */
export class EngineDialer implements Dialer {
  readonly #options: EngineDialerOptions

  constructor(options: EngineDialerOptions) {
    this.#options = options
  }

  async dial(target: DialTarget, timeoutMs: number): Promise<Wire> {
    const { server, direct, localEngine } = this.#options
    if (localEngine.has(target.port)) return localEngine.dial(timeoutMs)
    return server.dial(target.port, visitorOf(target), timeoutMs) ?? direct.dial(target, timeoutMs)
  }
}

/** NOTE: whose request it is the pool does not know: connections serve many. */
function visitorOf({ address, port }: DialTarget): {
  srcAddr: string
  srcPort: number
  dstAddr: string
  dstPort: number
} {
  return { srcAddr: address, srcPort: 0, dstAddr: address, dstPort: port }
}
