import http from 'node:http'
import { lstatSync, unlinkSync } from 'node:fs'
import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { DaemonApi } from './daemon-api.ts'
import { deviceErrors, type DeviceErrorCode } from './device-errors.ts'
import { isControlMethod, prepareCall } from './control-requests.ts'

export interface ControlServerOptions {
  /** Whoever holds the lock of the home may listen there: what lies in the way was left by a dead daemon. */
  readonly path: string
  readonly log: Logger
}

interface Answer {
  readonly status: number
  readonly value: unknown
}

const maxConnections = 64
const maxBodyBytes = 1_048_576
const maxRequestMs = 10_000
const onlyOwner = 0o177

/** The daemon's end of its Unix socket: JSON over HTTP, for its owner alone (docs/spec/cli.md, section 7). */
export class ControlServer {
  readonly #options: ControlServerOptions
  readonly #server: http.Server
  #api: DaemonApi | undefined

  constructor(options: ControlServerOptions) {
    this.#options = options
    this.#server = http.createServer({
      maxHeaderSize: 8_192,
      headersTimeout: maxRequestMs,
      requestTimeout: maxRequestMs,
      keepAliveTimeout: maxRequestMs,
      connectionsCheckingInterval: 1_000,
    })
    this.#server.maxConnections = maxConnections
    this.#server.on('request', (request, response) => void this.#serve(request, response))
  }

  /** Answers `SYNC_STARTING` until `serve`. Throws HarpError `SYNC_CONTROL`. */
  async start(): Promise<void> {
    const { path, log } = this.#options
    try {
      removeStale(path)
      await this.#listen(path)
    } catch (error) {
      throw controlError('SYNC_CONTROL', `cannot listen on ${path}: ${errorCode(error)}`, error)
    }
    this.#server.on('error', (error) => log.error({ code: errorCode(error) }, 'control socket failed'))
  }

  serve(api: DaemonApi): void {
    this.#api = api
  }

  /** Removes the socket too, and cuts what is open. */
  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #listen(path: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    this.#server.once('error', reject)
    // NOTE: the socket file is made within `listen`, so at no moment can anybody else open it.
    const before = process.umask(onlyOwner)
    try {
      this.#server.listen(path, () => resolve(undefined))
    } finally {
      process.umask(before)
    }
    await promise
    this.#server.removeListener('error', reject)
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const body = await readBody(request)
    if (body === undefined) response.shouldKeepAlive = false
    const answer =
      body === undefined
        ? failure(413, 'SYNC_USAGE', `a request has at most ${maxBodyBytes} bytes`)
        : await this.#answer(request, body)
    send(response, answer)
  }

  async #answer({ method = '', url = '' }: http.IncomingMessage, body: string): Promise<Answer> {
    const name = url.startsWith('/v1/') ? url.slice(4) : ''
    if (!isControlMethod(name)) return failure(404, 'SYNC_USAGE', 'there is no such method')
    if (method !== 'POST' && !(method === 'GET' && name === 'status')) {
      return failure(405, 'SYNC_USAGE', 'methods are called by POST')
    }
    const request = parseRequest(body)
    if (request === undefined) return failure(400, 'SYNC_USAGE', 'the request is not JSON')
    if (this.#api === undefined) return failure(503, 'SYNC_STARTING', 'the daemon is still starting')
    try {
      const call = prepareCall(this.#api, name, request)
      if (call.kind === 'bad') return failure(400, 'SYNC_USAGE', call.problem)
      return { status: 200, value: await call.answer() }
    } catch (error) {
      if (error instanceof HarpError) return { status: 422, value: failureOf(error) }
      this.#options.log.error({ method: name, problem: errorMessage(error) }, 'control request failed')
      return failure(500, 'SYNC_INTERNAL', `${name} failed: ${errorCode(error)}`)
    }
  }
}

/** Undefined: too large. One that breaks off is never answered: its socket is gone. */
async function readBody(request: http.IncomingMessage): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= maxBodyBytes) chunks.push(chunk)
    else {
      chunks.length = 0
      resolve(undefined)
    }
  })
  request.on('error', () => undefined)
  request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
  return promise
}

function parseRequest(body: string): unknown {
  if (body.trim() === '') return {}
  try {
    return JSON.parse(body) as unknown
  } catch {
    return undefined
  }
}

function send(response: http.ServerResponse, { status, value }: Answer): void {
  const body = `${JSON.stringify(value)}\n`
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}

function failure(status: number, code: DeviceErrorCode, message: string): Answer {
  return { status, value: failureOf(controlError(code, message)) }
}

function failureOf({ code, message, fix }: HarpError): object {
  return { error: { code, message, fix: fix ?? '' } }
}

function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw controlError('SYNC_CONTROL', `${path} is there and is no socket`)
  unlinkSync(path)
}

function controlError(code: DeviceErrorCode, message: string, cause?: unknown): HarpError {
  return new HarpError(code, message, { fix: deviceErrors[code].fix, cause })
}
