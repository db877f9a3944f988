import type { Clock } from '../../base/clock.ts'
import { errorCode, errorMessage } from '../../base/errors.ts'
import type { DialTarget } from '../../net/wire.ts'
import { gatewayError } from '../errors.ts'
import type { UpstreamPool } from '../upstream/upstream-pool.ts'
import { ownPath, refusesVersion, type EngineVersion } from './api-version.ts'
import { CallLimit } from './call-limit.ts'
import {
  failureResult,
  type EngineCallKind,
  type EngineCallResult,
  type EngineEvents,
} from './engine-events.ts'
import { exchange, type ExchangeReply } from './engine-exchange.ts'
import { toReply, type EngineReply } from './engine-reply.ts'
import { untilAborted } from './until-aborted.ts'
import { VersionQuestion } from './version-question.ts'

export interface EngineRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** As '/containers/x/json': escaped, without a version. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly json?: unknown
  /** Instead of `json`. */
  readonly body?: Buffer
  readonly contentType?: string
  /** For everything: waiting for its turn, connecting, and the whole answer. */
  readonly timeoutMs: number
  /** Of the answer; 4 MiB if absent. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

export interface EngineClientOptions {
  readonly port: number
  readonly pool: UpstreamPool
  readonly clock: Clock
  readonly events: EngineEvents
}

export interface EngineProblem {
  readonly at: string
  readonly problem: string
}

/** Tunnels are known by their ports on loopback, whether anything listens there or not. */
const address = '127.0.0.1'
const defaultMaxBytes = 4 * 1_048_576
const maxWaitMs = 10_000
const versionTimeoutMs = 2_000
const noBody = Buffer.alloc(0)

/**
 * The Docker engine behind a port. Its calls, the readings that pass through to it, and the pulls that pass through
 * each have places of their own, so that none of them keeps another waiting.
 */
export class EngineClient {
  readonly port: number
  readonly target: DialTarget
  readonly pings: CallLimit
  readonly readings: CallLimit
  readonly pulls: CallLimit
  readonly #calls: CallLimit
  readonly #pool: UpstreamPool
  readonly #clock: Clock
  readonly #events: EngineEvents
  readonly #versions: VersionQuestion
  readonly #underWay = new Set<AbortController>()
  #isReachable: boolean | null = null
  #wasReached = false
  #lastError: EngineProblem | null = null

  constructor({ port, pool, clock, events }: EngineClientOptions) {
    const what = `to the engine on port ${port}`
    this.port = port
    this.target = { address, port }
    this.#calls = new CallLimit({ what: `calls ${what}`, maxRunning: 8, maxWaiting: 64 })
    this.pings = new CallLimit({ what: `pings ${what}`, maxRunning: 8, maxWaiting: 64 })
    this.readings = new CallLimit({ what: `requests ${what}`, maxRunning: 32, maxWaiting: 64 })
    this.pulls = new CallLimit({ what: `pulls ${what}`, maxRunning: 8, maxWaiting: 64 })
    this.#pool = pool
    this.#clock = clock
    this.#events = events
    this.#versions = new VersionQuestion({ clock, ask: (method, path) => this.#ask(method, path) })
  }

  get isReachable(): boolean | null {
    return this.#isReachable
  }

  /** At any time since the start. */
  get wasReached(): boolean {
    return this.#wasReached
  }

  get lastError(): EngineProblem | null {
    return this.#lastError
  }

  get lastVersion(): EngineVersion | null {
    return this.#versions.last
  }

  get busy(): number {
    return this.#calls.running + this.pings.running + this.readings.running + this.pulls.running
  }

  get waiting(): number {
    return this.#calls.waiting + this.pings.waiting + this.readings.waiting + this.pulls.waiting
  }

  /**
   * Rejects with ENGINE_UNREACHABLE, ENGINE_TIMEOUT, ENGINE_BAD_ANSWER, ENGINE_BUSY, ENGINE_ANSWER_TOO_LARGE, or the
   * reason of the request's signal. Any status is an answer.
   */
  async request(request: EngineRequest): Promise<EngineReply> {
    const { method, path, timeoutMs } = request
    return this.#within('call', timeoutMs, `${method} ${path}`, request.signal, async (signal) => {
      const leave = await this.#calls.enter(maxWaitMs, signal)
      try {
        const reply = await this.#call(request, signal)
        if (!refusesVersion(reply.status, reply.message)) return reply
        // It was upgraded or replaced since it was asked; nothing has happened yet.
        this.forgetVersion()
        return await this.#call(request, signal)
      } finally {
        leave()
      }
    })
  }

  /** Rejects with ENGINE_UNREACHABLE, ENGINE_TIMEOUT, or ENGINE_BAD_ANSWER where it does not say. */
  version(): Promise<EngineVersion> {
    return this.#versions.get()
  }

  /** Another engine may be there now, or the same one upgraded. */
  forgetVersion(): void {
    this.#versions.forget()
  }

  reached(): void {
    this.#isReachable = true
    this.#wasReached = true
  }

  failed(problem: string): void {
    this.#isReachable = false
    this.#note(problem)
    this.forgetVersion()
  }

  /** Cuts the calls under way. */
  stop(): void {
    const reason = gatewayError('ENGINE_UNREACHABLE', 'the gateway stops')
    for (const each of this.#underWay) each.abort(reason)
  }

  #note(problem: string): void {
    this.#lastError = { at: new Date(this.#clock.wall()).toISOString(), problem }
  }

  async #call(request: EngineRequest, signal: AbortSignal): Promise<EngineReply> {
    const { method, path, query, json, maxBytes = defaultMaxBytes } = request
    const body = request.body ?? (json === undefined ? noBody : Buffer.from(JSON.stringify(json)))
    const search = new URLSearchParams(query).toString()
    const reply = await exchange(this.#pool, this.target, {
      method,
      target: `${await this.#ownPath(path, signal)}${search === '' ? '' : `?${search}`}`,
      body,
      contentType: request.contentType ?? 'application/json',
      maxBytes,
      signal,
    })
    return toReply(reply)
  }

  /** Without a version where the engine does not say which it speaks: every engine takes that for its newest. */
  async #ownPath(path: string, signal: AbortSignal): Promise<string> {
    try {
      return ownPath(path, await untilAborted(this.version(), signal))
    } catch (error) {
      signal.throwIfAborted()
      if (errorCode(error) === 'ENGINE_UNREACHABLE') throw error
      return path
    }
  }

  #ask(method: 'GET' | 'HEAD', path: string): Promise<ExchangeReply> {
    return this.#within('version', versionTimeoutMs, `${method} ${path}`, undefined, (signal) =>
      exchange(this.#pool, this.target, {
        method,
        target: path,
        body: noBody,
        contentType: '',
        maxBytes: defaultMaxBytes,
        signal,
      }),
    )
  }

  async #within<T>(
    kind: EngineCallKind,
    timeoutMs: number,
    what: string,
    outer: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    outer?.throwIfAborted()
    const startedAt = this.#clock.monotonic()
    const ending = new AbortController()
    const onAbort = (): void => ending.abort(outer?.reason)
    outer?.addEventListener('abort', onAbort, { once: true })
    const timer = setTimeout(() => {
      const problem = `Docker engine on port ${this.port}: no answer to ${what} within ${timeoutMs} ms`
      ending.abort(gatewayError('ENGINE_TIMEOUT', problem, { retryable: true }))
    }, timeoutMs)
    this.#underWay.add(ending)
    let outcome: EngineCallResult = 'answered'
    try {
      const result = await work(ending.signal)
      this.reached()
      return result
    } catch (error) {
      const code = errorCode(error)
      outcome = failureResult(error)
      if (code === 'ENGINE_UNREACHABLE' || code === 'ENGINE_TIMEOUT') this.failed(errorMessage(error))
      else if (code.startsWith('ENGINE_')) this.#note(errorMessage(error))
      throw error
    } finally {
      this.#events.ended(kind, outcome, this.#clock.monotonic() - startedAt)
      clearTimeout(timer)
      outer?.removeEventListener('abort', onAbort)
      this.#underWay.delete(ending)
    }
  }
}
