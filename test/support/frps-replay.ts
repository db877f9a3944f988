/**
 * Plays frps from a recording: for each connection the recorded bytes of the server, each chunk when as many bytes
 * of the client have come as had come then. A client that sends the recorded bytes sees the recorded session.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { eventually } from './deadline.ts'
import type { RecordedEvent, Recording } from './frp-recording.ts'

export class FrpsReplay {
  readonly port: number
  readonly #server: Server
  readonly #connections: ReplayedConnection[] = []
  readonly #recording: Recording

  private constructor(server: Server, recording: Recording) {
    this.#server = server
    this.#recording = recording
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => {
      const events = recording.connections[this.#connections.length]
      if (events === undefined) socket.destroy()
      else this.#connections.push(new ReplayedConnection(socket, events))
    })
  }

  static async start(recording: Recording): Promise<FrpsReplay> {
    const server = createServer({ noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    return new FrpsReplay(server, recording)
  }

  /** Resolves when everything recorded has come and gone; the error tells where it stopped. */
  async untilPlayed(timeoutMs: number = 10_000): Promise<void> {
    const expected = this.#recording.connections.length
    try {
      await eventually(
        `${this.#recording.name} to be played`,
        () =>
          this.#connections.length === expected && this.#connections.every((each) => each.isPlayed)
            ? true
            : undefined,
        { timeoutMs, everyMs: 5 },
      )
    } catch (error) {
      const states = this.#connections.map((each) => each.state).join('; ')
      throw new Error(`${this.#connections.length} of ${expected} connections: ${states}`, { cause: error })
    }
  }

  received(connection: number): Buffer {
    return this.#connections[connection]?.received ?? Buffer.alloc(0)
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const connection of this.#connections) connection.destroy()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

class ReplayedConnection {
  readonly #socket: Socket
  readonly #events: readonly RecordedEvent[]
  #received: Buffer = Buffer.alloc(0)
  #next = 0
  #awaited = 0

  constructor(socket: Socket, events: readonly RecordedEvent[]) {
    this.#socket = socket
    // The client's end is the test's to bring about; a connection without a recorded end was ended by the server.
    const isEnded = events.some((event) => event.isEnd)
    const last: RecordedEvent = { direction: 'S>C', bytes: Buffer.alloc(0), isEnd: true }
    const played = events.filter((event) => !(event.isEnd && event.direction === 'C>S'))
    this.#events = isEnded ? played : [...played, last]
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#play()
    })
  }

  get received(): Buffer {
    return this.#received
  }

  get isPlayed(): boolean {
    return this.#next === this.#events.length
  }

  get state(): string {
    return `${this.#next}/${this.#events.length} events, ${this.#received.length} of ${this.#awaited} bytes`
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #play(): void {
    for (;;) {
      const event = this.#events[this.#next]
      if (event === undefined) return
      if (event.direction === 'C>S') {
        if (this.#received.length < this.#awaited + event.bytes.length) return
        this.#awaited += event.bytes.length
      } else if (event.isEnd) this.#socket.end()
      else this.#socket.write(event.bytes)
      this.#next += 1
    }
  }
}
