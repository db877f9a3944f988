import type { Dialer, DialTarget, Wire } from '../../net/wire.ts'
import type { LocalEngine } from './local-engine.ts'
import type { TunnelServer } from './tunnel-server.ts'

export interface TunnelDialerOptions {
  readonly server: Pick<TunnelServer, 'dial'>
  /** For everything that no tunnel serves. */
  readonly direct: Dialer
  readonly localEngine: LocalEngine
}

/**
 * What is at 127.0.0.1 and has a tunnel is reached through it, within this process; nothing listens on the port. All else
 * is dialled as it is.
 */
export class TunnelDialer implements Dialer {
  readonly #options: TunnelDialerOptions

  constructor(options: TunnelDialerOptions) {
    this.#options = options
  }

  async dial(target: DialTarget, timeoutMs: number): Promise<Wire> {
    const { server, direct, localEngine } = this.#options
    const { address, port } = target
    if (!isLoopback(address)) return direct.dial(target, timeoutMs)
    if (localEngine.has(port)) return localEngine.dial(timeoutMs)
    // NOTE: whose request it is the pool does not know: connections serve many.
    const visitor = { srcAddr: address, srcPort: 0, dstAddr: address, dstPort: port }
    return server.dial(port, visitor, timeoutMs) ?? direct.dial(target, timeoutMs)
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}
