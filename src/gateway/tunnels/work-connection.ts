import { randomBytes } from 'node:crypto'
import type { Wire, WireHandler } from '../../net/wire.ts'
import { CipherWire } from '../frp/cipher-wire.ts'
import { encodeMessage } from '../frp/message-codec.ts'
import type { FrpConnection } from './frp-connection.ts'
import { frpAuthToken } from './login-judge.ts'
import type { PooledWork } from './work-connection-pool.ts'

/** Who a request comes from, as StartWorkConn tells the client. */
export interface Visitor {
  readonly srcAddr: string
  readonly srcPort: number
  readonly dstAddr: string
  readonly dstPort: number
}

export interface WorkConnectionOptions {
  readonly wire: Wire
  readonly version: 1 | 2
  readonly connection: FrpConnection
  /** It died, or broke the rules, while it was idle. */
  readonly onIdleEnd: (work: WorkConnection) => void
}

/**
 * A stream that the client opened for a request to come. Idle, it must stay silent; with StartWorkConn it becomes the
 * request's bytes.
 */
export class WorkConnection implements PooledWork, WireHandler {
  readonly #options: WorkConnectionOptions
  #isDead = false

  constructor(options: WorkConnectionOptions) {
    this.#options = options
    options.wire.setHandler(this)
  }

  get connection(): FrpConnection {
    return this.#options.connection
  }

  /** It ended, or broke the rules: it cannot be started any more. */
  get isDead(): boolean {
    return this.#isDead
  }

  /** From here on the wire is the caller's. */
  start(proxy: { readonly name: string; readonly useEncryption: boolean }, visitor: Visitor): Wire {
    const { wire, version } = this.#options
    wire.write(encodeMessage(version, startMessage(proxy.name, visitor, '')))
    return proxy.useEncryption ? new CipherWire(wire, { authToken: frpAuthToken, randomBytes }) : wire
  }

  discard(): void {
    this.#options.wire.destroy()
  }

  /** Bytes before StartWorkConn are against the protocol. */
  onData(): void {
    this.#options.wire.destroy()
    this.onClose()
  }

  onEnd(): void {
    this.#options.wire.destroy()
    this.onClose()
  }

  onDrain(): void {}

  onClose(): void {
    this.#isDead = true
    this.#options.onIdleEnd(this)
  }
}

/** Tells the client why a work connection is not taken, and closes it. */
export function refuseWork(wire: Wire, version: 1 | 2, error: string): void {
  wire.write(
    encodeMessage(version, startMessage('', { srcAddr: '', srcPort: 0, dstAddr: '', dstPort: 0 }, error)),
  )
  wire.destroySoon()
}

function startMessage(proxyName: string, visitor: Visitor, error: string) {
  return { kind: 'StartWorkConn', proxyName, ...visitor, error } as const
}
