import { errorMessage } from '../../base/errors.ts'
import { lastValue, type Fields } from '../../codec/http1/fields.ts'
import type { ResponseHead } from '../../codec/http1/response-head.ts'
import type { DialTarget } from '../../net/wire.ts'
import { gatewayError, type GatewayErrorCode } from '../errors.ts'
import type {
  BodyMode,
  ExchangeHandler,
  UpstreamConnection,
  UpstreamFailure,
} from '../upstream/upstream-connection.ts'
import type { UpstreamPool } from '../upstream/upstream-pool.ts'
import { untilAborted } from './until-aborted.ts'

export interface ExchangeRequest {
  readonly method: string
  /** With version and query. */
  readonly target: string
  readonly body: Buffer
  readonly contentType: string
  readonly maxBytes: number
  /** Its reason is what a cut exchange rejects with. */
  readonly signal: AbortSignal
}

export interface ExchangeReply {
  readonly status: number
  readonly fields: Fields
  readonly body: Buffer
}

const targetGrammar = /^\/[\x21-\x7e]*$/

/**
 * One whole request to an engine and its answer in memory. Rejects with ENGINE_UNREACHABLE, ENGINE_BAD_ANSWER,
 * ENGINE_ANSWER_TOO_LARGE, or the reason of the signal.
 */
export async function exchange(
  pool: UpstreamPool,
  engine: DialTarget,
  request: ExchangeRequest,
): Promise<ExchangeReply> {
  if (!targetGrammar.test(request.target)) throw new TypeError('the target of an engine call is not escaped')
  // What must not happen twice gets a connection of its own: a kept one may have just been closed.
  const isRepeatable = request.method === 'GET' || request.method === 'HEAD'
  const kept = isRepeatable ? pool.take(engine, false) : null
  if (kept !== null) {
    const answer = await new EngineExchange(pool, engine, request).run(kept)
    if (answer !== 'stale') return answer
  }
  const fresh = await dial(pool, engine, request.signal)
  const answer = await new EngineExchange(pool, engine, request).run(fresh)
  if (answer === 'stale') throw failure('ENGINE_UNREACHABLE', engine, 'it closes every connection')
  return answer
}

async function dial(
  pool: UpstreamPool,
  engine: DialTarget,
  signal: AbortSignal,
): Promise<UpstreamConnection> {
  signal.throwIfAborted()
  const dialling = pool.dial(engine)
  // Too late: nobody waits for it.
  dialling.then(
    (connection) => (signal.aborted ? connection.destroy() : undefined),
    () => undefined,
  )
  try {
    return await untilAborted(dialling, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw failure('ENGINE_UNREACHABLE', engine, errorMessage(error), error)
  }
}

class EngineExchange implements ExchangeHandler {
  readonly #pool: UpstreamPool
  readonly #engine: DialTarget
  readonly #request: ExchangeRequest
  readonly #result = Promise.withResolvers<ExchangeReply | 'stale'>()
  readonly #chunks: Buffer[] = []
  #connection: UpstreamConnection | null = null
  #head: ResponseHead | null = null
  #size = 0

  constructor(pool: UpstreamPool, engine: DialTarget, request: ExchangeRequest) {
    this.#pool = pool
    this.#engine = engine
    this.#request = request
  }

  /** stale: the kept connection had ended before the request came. */
  async run(connection: UpstreamConnection): Promise<ExchangeReply | 'stale'> {
    const { method, body, signal } = this.#request
    if (signal.aborted) {
      connection.destroy()
      throw signal.reason
    }
    const onAbort = (): void => this.#fail(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#connection = connection
    const hasBody = body.length > 0
    connection.start(this.#requestHead(), { method, hasBody, wantsUpgrade: false }, this)
    if (hasBody) {
      connection.writeBody(body)
      connection.endBody()
    }
    try {
      return await this.#result.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  onInterim(): void {}

  onHead(head: ResponseHead): BodyMode {
    this.#head = head
    if (head.framing.kind === 'length') this.#checkSize(head.framing.bytes)
    return 'data'
  }

  onBody(bytes: Buffer): void {
    if (this.#connection === null) return
    this.#size += bytes.length
    if (this.#checkSize(this.#size)) this.#chunks.push(Buffer.from(bytes))
  }

  onReadDone(): void {}

  onEnd(): void {
    const connection = this.#connection
    if (connection === null || this.#head === null) return
    this.#connection = null
    this.#pool.release(this.#engine, connection)
    const { status, fields } = this.#head
    this.#result.resolve({ status, fields, body: Buffer.concat(this.#chunks) })
  }

  /** NOTE: never called, as no upgrade was asked for. */
  onUpgrade(): void {}

  onDrain(): void {}

  onFailure(cause: UpstreamFailure): void {
    this.#connection = null
    const { method } = this.#request
    if (cause.kind === 'closed' && cause.reusedAndSilent) this.#result.resolve('stale')
    else if (cause.kind === 'malformed') {
      this.#reject(
        'ENGINE_BAD_ANSWER',
        `what answers ${method} is no HTTP: ${cause.error.message}`,
        cause.error,
      )
    } else if (this.#head === null) {
      // Through a tunnel, an engine that is down looks like this.
      const reason = cause.error === null ? '' : `: ${cause.error.message}`
      this.#reject('ENGINE_UNREACHABLE', `the connection ended without an answer${reason}`, cause.error)
    } else {
      this.#reject('ENGINE_BAD_ANSWER', 'the connection ended in the middle of an answer', cause.error)
    }
  }

  #requestHead(): string {
    const { method, target, body, contentType } = this.#request
    const length = method === 'GET' || method === 'HEAD' ? '' : `content-length: ${body.length}\r\n`
    const type = body.length === 0 ? '' : `content-type: ${contentType}\r\n`
    return `${method} ${target} HTTP/1.1\r\nhost: docker\r\nuser-agent: Harp\r\n${type}${length}\r\n`
  }

  /** False where it ends the exchange. */
  #checkSize(size: number): boolean {
    const { maxBytes } = this.#request
    if (size <= maxBytes) return true
    this.#fail(failure('ENGINE_ANSWER_TOO_LARGE', this.#engine, `an answer of more than ${maxBytes} bytes`))
    return false
  }

  #reject(code: GatewayErrorCode, problem: string, cause: unknown): void {
    this.#result.reject(failure(code, this.#engine, problem, cause))
  }

  #fail(reason: unknown): void {
    this.#connection?.destroy()
    this.#connection = null
    this.#result.reject(reason)
  }
}

/** The content of a field, or an empty text. */
export function fieldOf(reply: ExchangeReply, name: string): string {
  return lastValue(reply.fields, name) ?? ''
}

function failure(code: GatewayErrorCode, { port }: DialTarget, problem: string, cause?: unknown): Error {
  const retryable = code === 'ENGINE_UNREACHABLE'
  return gatewayError(code, `Docker engine on port ${port}: ${problem}`, { cause, retryable })
}
