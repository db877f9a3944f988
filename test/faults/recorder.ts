/** A TCP forwarder that keeps what the client of its first connection says. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

export class Recorder {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #chunks: Buffer[] = []

  private constructor(server: Server, targetPort: number) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (near: Socket) => {
      const far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true })
      near.on('data', (chunk: Buffer) => this.#chunks.push(Buffer.from(chunk)))
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from)
        from
          .on('error', () => undefined)
          .once('close', () => {
            this.#sockets.delete(from)
            to.destroy()
          })
        from.pipe(to)
      }
    })
  }

  static async open(targetPort: number): Promise<Recorder> {
    const server = createServer({ noDelay: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new Recorder(server, targetPort)
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
