/** A stand-in Docker engine: it records requests and answers what it is told to. Whoever starts one stops it. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface EngineRequest {
  readonly method: string
  readonly target: string
  readonly headers: IncomingMessage['headers']
}

export type EngineAnswer = (request: EngineRequest, response: ServerResponse) => void

export class StandInEngine {
  readonly requests: EngineRequest[] = []
  readonly #server: Server

  private constructor(answer: EngineAnswer) {
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
    const engine = new StandInEngine(answer)
    await new Promise<void>((resolve, reject) => {
      engine.#server.once('error', reject)
      engine.#server.listen({ host: '127.0.0.1', port: 0 }, resolve)
    })
    return engine
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}
