import http from 'node:http'
import { errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'

/**
 * HTTP for operators' tools: the admin address and the control socket. Small requests without a body, few
 * connections, short deadlines, answers from memory. Not the data path, so Node's own server is good enough.
 */
export interface OperatorRequest {
  readonly method: string
  /** Raw, without query. */
  readonly path: string
}

export interface OperatorAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

export type OperatorHandler = (request: OperatorRequest) => Promise<OperatorAnswer> | OperatorAnswer

const maxConnections = 64
const maxRequestMs = 5_000
const maxAnswerMs = 15_000

export function createOperatorServer(handle: OperatorHandler, log: Logger): http.Server {
  const server = http.createServer({
    maxHeaderSize: 8_192,
    headersTimeout: maxRequestMs,
    requestTimeout: maxRequestMs,
    keepAliveTimeout: maxRequestMs,
    connectionsCheckingInterval: 1_000,
  })
  server.maxConnections = maxConnections
  server.setTimeout(maxAnswerMs, (socket) => socket.destroy())
  server.on('request', (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    void answer(handle, { method: request.method ?? '', path }, log).then((given) => {
      send(request, response, given)
    })
  })
  return server
}

/** Stops listening and cuts what is open. */
export function closeOperatorServer(server: http.Server): void {
  server.close()
  server.closeAllConnections()
}

export function jsonAnswer(status: number, value: unknown): OperatorAnswer {
  return { status, contentType: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` }
}

export function textAnswer(status: number, text: string): OperatorAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` }
}

export function methodNotAllowed(allowed: string): OperatorAnswer {
  return { ...textAnswer(405, `only ${allowed}`), headers: { allow: allowed } }
}

async function answer(
  handle: OperatorHandler,
  request: OperatorRequest,
  log: Logger,
): Promise<OperatorAnswer> {
  try {
    return await handle(request)
  } catch (error) {
    log.error({ path: request.path, problem: errorMessage(error) }, 'operator request failed')
    return textAnswer(500, 'internal error, see the log')
  }
}

function send(request: http.IncomingMessage, response: http.ServerResponse, given: OperatorAnswer): void {
  response.writeHead(given.status, {
    ...given.headers,
    'content-type': given.contentType,
    'content-length': Buffer.byteLength(given.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(request.method === 'HEAD' ? undefined : given.body)
}
