/** A stand-in Docker engine: it records requests and answers what it is told to. Whoever starts one stops it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, ListenOptions } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface EngineRequest {
  readonly method: string
  readonly target: string
  readonly headers: IncomingMessage['headers']
}

export type EngineAnswer = (request: EngineRequest, response: ServerResponse) => void

export class StandInEngine {
  readonly requests: EngineRequest[] = []
  readonly #server: Server
  readonly #directory: string | null

  private constructor(answer: EngineAnswer, directory: string | null) {
    this.#directory = directory
    this.#server = createServer((request, response) => {
      request.resume()
      const { method = '', url = '', headers } = request
      // A gateway may ask for the engine's versions on its own account; not a part of any row.
      if (url === '/version') {
        response.end('{"Version":"28.3.3","ApiVersion":"1.51","MinAPIVersion":"1.24"}')
        return
      }
      const seen = { method, target: url, headers }
      this.requests.push(seen)
      answer(seen, response)
    })
  }

  /** On a free port of loopback. */
  static async start(answer: EngineAnswer): Promise<StandInEngine> {
    const engine = new StandInEngine(answer, null)
    await engine.#listen({ host: '127.0.0.1', port: 0 })
    return engine
  }

  /** On a Unix socket in a directory of its own. */
  static async startOnSocket(answer: EngineAnswer): Promise<StandInEngine> {
    const engine = new StandInEngine(answer, await mkdtemp(join(tmpdir(), 'harp-engine-')))
    await engine.#listen({ path: engine.path })
    return engine
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get path(): string {
    return join(this.#directory ?? '', 'docker.sock')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
    if (this.#directory !== null) await rm(this.#directory, { recursive: true, force: true })
  }

  async #listen(where: ListenOptions): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(where, resolve)
    })
  }
}
