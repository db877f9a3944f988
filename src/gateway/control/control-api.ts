import type { Logger } from '../../base/logger.ts'
import { errorMessage } from '../../base/errors.ts'
import { plainText, type LocalResponse } from '../proxy/local-response.ts'

export interface ControlRequest {
  readonly method: string
  /** Path below /exapps/app_api, without query. */
  readonly path: string
  /** Reads the whole body; rejects with BodyRefused. */
  readonly body: (maxBytes: number) => Promise<Buffer>
  readonly call: ControlCall
}

/** What a route may need to know of its request besides path and body. */
export interface ControlCall {
  /** Header docker-engine-port, empty if absent. */
  readonly enginePort: string
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal
  /**
   * For answers that take minutes and are 200 with JSON in the end: from now on blanks are sent ahead of the JSON,
   * so that no proxy in between cuts a silent connection. Any other answer cuts the connection once they have begun.
   */
  readonly keepOpen: () => void
}

export interface ControlRoute {
  readonly methods: readonly string[]
  readonly pattern: RegExp
  readonly maxBodyBytes: number
  readonly handle: (
    body: Buffer,
    match: RegExpExecArray,
    call: ControlCall,
  ) => Promise<LocalResponse> | LocalResponse
}

/** The body is not taken; the request is answered with this. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused'
  readonly response: LocalResponse

  constructor(response: LocalResponse) {
    super('the body was refused')
    this.response = response
  }
}

export const defaultBodyLimit = 1_048_576

/**
 * The routes behind /exapps/app_api, whose callers hold the shared key. Method and path rules, statuses and
 * texts are the original's (docs/spec/gateway.md, control API).
 */
export class ControlApi {
  readonly #routes: readonly ControlRoute[]
  readonly #log: Logger

  constructor(routes: readonly ControlRoute[], log: Logger) {
    this.#routes = routes
    this.#log = log
  }

  async handle(request: ControlRequest): Promise<LocalResponse> {
    const matching = this.#routes.flatMap((route) => {
      const match = route.pattern.exec(request.path)
      return match === null ? [] : [{ route, match }]
    })
    if (matching.length === 0) return text(404, '404: Not Found')
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const found = matching.find((each) => each.route.methods.includes(method))
    if (found === undefined) {
      const allowed = [...new Set(matching.flatMap((each) => each.route.methods))].flatMap((each) =>
        each === 'GET' ? ['GET', 'HEAD'] : [each],
      )
      return text(405, '405: Method Not Allowed', ['allow', allowed.join(',')])
    }
    try {
      const body = await request.body(found.route.maxBodyBytes)
      return await found.route.handle(body, found.match, request.call)
    } catch (error) {
      if (error instanceof BodyRefused) return error.response
      if (request.call.signal.aborted) return gone
      this.#log.error({ path: request.path, problem: errorMessage(error) }, 'control request failed')
      return text(500, '500 Internal Server Error')
    }
  }
}

export function json(status: number, value: unknown): LocalResponse {
  return { status, contentType: 'application/json; charset=utf-8', body: JSON.stringify(value) }
}

export function text(status: number, body: string, fields?: readonly string[]): LocalResponse {
  return { ...plainText(status, body, fields), contentType: 'text/plain; charset=utf-8' }
}

/** Nobody is there to read it. */
const gone = text(503, '503 Service Unavailable')

export const noContent: LocalResponse = { status: 204, contentType: '', body: '' }
