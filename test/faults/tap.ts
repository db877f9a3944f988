/** A TCP forwarder that stops dead after a given number of bytes, so that a fault can be put exactly there. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export type TapDirection = 'to-server' | 'to-client'

export interface TapLimit {
  readonly direction: TapDirection
  /** Of all connections together, since the limit was set. 0: not one byte passes. */
  readonly bytes: number
}

export class Tap {
  readonly port: number
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  readonly #passed: Record<TapDirection, number> = { 'to-server': 0, 'to-client': 0 }
  #limit: TapLimit | null = null
  #onReached: () => void = () => undefined

  private constructor(server: Server, targetPort: number) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (near: Socket) => this.#join(near, targetPort))
  }

  static async open(targetPort: number): Promise<Tap> {
    const server = createServer({ noDelay: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new Tap(server, targetPort)
  }

  /** Bytes since the last `holdAt` or `release`. */
  passed(direction: TapDirection): number {
    return this.#passed[direction]
  }

  /** Resolves when the limit is reached: from then on nothing passes until `release`. */
  holdAt(limit: TapLimit): Promise<void> {
    this.#passed['to-server'] = 0
    this.#passed['to-client'] = 0
    this.#limit = limit
    return new Promise((resolve) => {
      this.#onReached = resolve
    })
  }

  release(): void {
    this.#limit = null
    this.#passed['to-server'] = 0
    this.#passed['to-client'] = 0
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
    await closed
  }

  get #isHeld(): boolean {
    return this.#limit !== null && this.#passed[this.#limit.direction] >= this.#limit.bytes
  }

  #join(near: Socket, targetPort: number): void {
    const far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true })
    const pair = [near, far] as const
    this.#pairs.add(pair)
    for (const [from, to, direction] of [
      [near, far, 'to-server'],
      [far, near, 'to-client'],
    ] as const) {
      from.on('error', () => undefined)
      from.once('close', () => {
        this.#pairs.delete(pair)
        if (from.errored === null) to.destroy()
        else to.resetAndDestroy()
      })
      from.on('data', (chunk: Buffer) => this.#pass(chunk, from, to, direction))
    }
    far.once('connect', () => this.#check())
  }

  #pass(chunk: Buffer, from: Socket, to: Socket, direction: TapDirection): void {
    const limit = this.#limit
    const left =
      limit === null || limit.direction !== direction ? Infinity : limit.bytes - this.#passed[direction]
    if (this.#isHeld || left < chunk.length) {
      const now = this.#isHeld ? 0 : Math.max(0, left)
      from.pause()
      from.unshift(chunk.subarray(now))
      this.#write(chunk.subarray(0, now), from, to, direction)
    } else this.#write(chunk, from, to, direction)
  }

  #write(chunk: Buffer, from: Socket, to: Socket, direction: TapDirection): void {
    this.#passed[direction] += chunk.length
    if (chunk.length > 0 && !to.write(chunk)) {
      from.pause()
      to.once('drain', () => {
        if (!this.#isHeld) from.resume()
      })
    }
    this.#check()
  }

  #check(): void {
    if (!this.#isHeld) return
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
    this.#onReached()
  }
}
