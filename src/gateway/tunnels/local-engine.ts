import { existsSync } from 'node:fs'
import { SocketWire } from '../../net/socket-wire.ts'
import type { Wire } from '../../net/wire.ts'

export const localEnginePort = 24_000

/**
 * The Docker engine of the gateway's own machine. While its socket is there, it is engine port 24000 without a tunnel,
 * and no client may have that port.
 */
export class LocalEngine {
  readonly #path: string | null

  /** null: not to be used. */
  constructor(path: string | null) {
    this.#path = path
  }

  /** NOTE: looked up each time: Docker may start after the gateway. */
  has(port: number): boolean {
    return port === localEnginePort && this.#path !== null && existsSync(this.#path)
  }

  /** Rejects with the system's error. */
  async dial(timeoutMs: number): Promise<Wire> {
    const wire = new SocketWire({ path: this.#path ?? '' })
    await wire.connected(timeoutMs)
    return wire
  }
}
