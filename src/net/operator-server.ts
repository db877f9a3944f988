import http from 'node:http'
import { errorCode, errorMessage } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { HostPort } from './address.ts'
import { isLoopback, isOwnHost } from './own-host.ts'

/**
 * HTTP for operators' tools: the admin address and the control socket. Small requests, few connections, short
 * deadlines, answers from memory. Not the data path, so Node's own server is good enough.
 */
export interface OperatorRequest {
  readonly method: string
  /** Raw, without query. */
  readonly path: string
  /** Of a POST; empty for everything else, whose body is not read. */
  readonly body: string
}

export interface OperatorAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

export type OperatorHandler = (request: OperatorRequest) => Promise<OperatorAnswer> | OperatorAnswer

const maxConnections = 64
const maxBodyBytes = 4_096
const maxRequestMs = 5_000
const maxAnswerMs = 15_000

/** `ownName`: the host that it was told to listen on; on loopback the only name besides `localhost` that is answered. */
export function createOperatorServer(
  handle: OperatorHandler,
  log: Logger,
  ownName = 'localhost',
): http.Server {
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
    if (isForOther(request, server, ownName)) send(request, response, notForYou)
    else void serve(request, response, handle, log)
  })
  return server
}

/** Where it listens then; rejects with what `explain` makes of the system's error. Later errors are in the log. */
export async function listenOperatorServer(
  server: http.Server,
  { host, port }: HostPort,
  explain: (error: Error) => Error,
  log: Logger,
): Promise<HostPort> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const onError = (error: Error): void => reject(explain(error))
  server.once('error', onError)
  server.listen({ host, port }, () => resolve(undefined))
  await promise
  server.removeListener('error', onError)
  server.on('error', (error) => log.error({ code: errorCode(error) }, 'admin address failed'))
  const bound = server.address()
  return { host, port: bound !== null && typeof bound === 'object' ? bound.port : port }
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

const notForYou = textAnswer(403, 'this address is for this machine alone: ask for localhost or 127.0.0.1')

/** Without a Host field it is no browser: HTTP/1.1 requires one. */
function isForOther({ headers }: http.IncomingMessage, server: http.Server, ownName: string): boolean {
  const bound = server.address()
  if (headers.host === undefined || bound === null || typeof bound !== 'object') return false
  return isLoopback(bound.address) && !isOwnHost(headers.host, ownName)
}

async function serve(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  handle: OperatorHandler,
  log: Logger,
): Promise<void> {
  const { method = '', url = '' } = request
  const body = method === 'POST' ? await readBody(request) : ''
  if (body === null) {
    response.shouldKeepAlive = false
    send(request, response, textAnswer(413, `a request has at most ${maxBodyBytes} bytes`))
    return
  }
  const path = url.split('?', 1)[0] ?? ''
  send(request, response, await answer(handle, { method, path, body }, log))
}

/** null: too large. What breaks off stays unfinished: there is nobody left to answer, and the socket is destroyed. */
async function readBody(request: http.IncomingMessage): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= maxBodyBytes) chunks.push(chunk)
    else resolve(null)
  })
  request.on('error', () => undefined)
  request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
  return promise
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
