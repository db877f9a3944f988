/**
 * A real registry on loopback, and a front of it that can hold layers back, so that a test sees what is said while a
 * pull is under way. Docker takes plain HTTP from 127.0.0.0/8.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../support/free-ports.ts'
import { ServerProgram } from './server-program.ts'

export class ImageRegistry {
  readonly port: number
  /** For the names of images: 127.0.0.1 and the port of the front. */
  readonly address: string
  readonly #directory: string
  readonly #program: ServerProgram
  readonly #front: Server
  readonly #held: (() => void)[] = []
  #holds = false

  private constructor(port: number, directory: string, program: ServerProgram, front: Server) {
    this.port = port
    this.address = `127.0.0.1:${(front.address() as AddressInfo).port}`
    this.#directory = directory
    this.#program = program
    this.#front = front
    front.on('request', (incoming, outgoing) => {
      if (this.#holds && incoming.method === 'GET' && incoming.url?.includes('/blobs/') === true) {
        this.#held.push(() => pass(port, incoming, outgoing))
      } else pass(port, incoming, outgoing)
    })
  }

  static async start(): Promise<ImageRegistry> {
    const directory = await mkdtemp(join(tmpdir(), 'harp-registry-'))
    const [port = 0] = await freePorts(1)
    const file = join(directory, 'config.json')
    // YAML, of which JSON is a part.
    const config = {
      version: 0.1,
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(directory, 'data') } },
      http: { addr: `127.0.0.1:${port}` },
    }
    await writeFile(file, JSON.stringify(config))
    const isReady = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/v2/`)).ok
    const program = await ServerProgram.start('docker-registry', ['serve', file], isReady)
    const front = createServer()
    await new Promise<void>((resolve, reject) => {
      front.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    return new ImageRegistry(port, directory, program, front)
  }

  /** From now on layers are asked for, but not sent. */
  hold(): void {
    this.#holds = true
  }

  get heldCount(): number {
    return this.#held.length
  }

  release(): void {
    this.#holds = false
    for (const go of this.#held.splice(0)) go()
  }

  async stop(): Promise<void> {
    this.release()
    const closed = new Promise<void>((resolve) => {
      this.#front.close(() => resolve())
    })
    this.#front.closeAllConnections()
    await closed
    await this.#program.stop()
    await rm(this.#directory, { recursive: true, force: true })
  }
}

function pass(port: number, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, url, headers } = incoming
  const onward = request({ host: '127.0.0.1', port, method, path: url, headers, agent: false })
  onward.once('response', (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
  })
  onward.once('error', () => outgoing.destroy())
  outgoing.once('close', () => onward.destroy())
  incoming.pipe(onward)
}
