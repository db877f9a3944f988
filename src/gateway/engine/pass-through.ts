import { errorCode } from '../../base/errors.ts'
import type { RequestHead } from '../../codec/http1/request-head.ts'
import type { EngineCall } from '../access/decision.ts'
import { isPull, isPullQuery } from '../access/engine-allow-list.ts'
import { engineRequestHead } from '../proxy/engine-request.ts'
import { ForwardExchange, type ForwardContext } from '../proxy/forward-exchange.ts'
import type { FrontStream } from '../proxy/front-stream.ts'
import { stockPages, type LocalResponse } from '../proxy/local-response.ts'
import type { Outcome } from '../proxy/request-events.ts'
import { mapPath } from './api-version.ts'
import type { EngineClient } from './engine-client.ts'
import { failureResult, type EngineCallKind, type EngineCallResult } from './engine-events.ts'
import type { Engines } from './engines.ts'

export interface PassThroughOptions {
  readonly engines: Engines
  readonly forward: Omit<ForwardContext, 'pool'>
  /** With Kubernetes: a ping for an engine that never was is answered here. */
  readonly answersPing: boolean
}

export interface PassedRequest {
  readonly front: FrontStream
  readonly head: RequestHead
  readonly call: EngineCall
  /** With its question mark, or empty. */
  readonly query: string
  readonly onDone: (outcome: Outcome, status: number) => void
}

const readingWaitMs = 10_000
/** Nextcloud checks even a Kubernetes daemon with Docker's ping, and would call the gateway not accessible. */
const pong: LocalResponse = { status: 200, contentType: 'text/plain; charset=utf-8', body: 'OK' }

/**
 * Passes an allowed call of Docker's own API to its engine and the answer back as it comes. Only the version in its
 * path changes, and only where the engine would not take it. One who is down is told within moments (row 97).
 */
export class PassThrough {
  readonly #options: PassThroughOptions

  constructor(options: PassThroughOptions) {
    this.#options = options
  }

  async start(request: PassedRequest): Promise<void> {
    const { front, call, query } = request
    const { path, port } = call
    const kind = isPull(path) ? 'pull' : 'reading'
    if (kind === 'pull' && !isPullQuery(query)) {
      this.#answer(request, stockPages[403], 'answered')
      return
    }
    const engine = this.#options.engines.client(port)
    const ended = this.#timed(kind)
    const leaving = new AbortController()
    front.setListener({
      onClientDrain() {},
      onClientGone: () => leaving.abort(),
      onBodyTimeout() {},
    })
    let leave: (() => void) | null = null
    try {
      leave = await this.#enter(engine, path, leaving.signal)
      const mapped = await mappedPath(engine, path)
      leaving.signal.throwIfAborted()
      this.#forward(request, engine, mapped, (outcome) => {
        leave?.()
        ended(forwardResults[outcome] ?? 'left')
      })
    } catch (error) {
      // The engine is down (which `harp engines` tells), or busy with too many of these.
      leave?.()
      ended(failureResult(error))
      if (leaving.signal.aborted) request.onDone('client-gone', 0)
      else if (leave !== null && this.#answersPing(path, port)) this.#answer(request, pong, 'answered')
      else this.#answer(request, stockPages[503], 'upstream-refused')
    }
  }

  #enter(engine: EngineClient, path: string, signal: AbortSignal): Promise<() => void> {
    if (isPull(path)) return engine.pulls.enter(this.#options.forward.serverTimeoutMs, signal)
    // Readers that never end (a log that is followed) do not make the engine look dead.
    return (isPing(path) ? engine.pings : engine.readings).enter(readingWaitMs, signal)
  }

  #answersPing(path: string, port: number): boolean {
    const { engines, answersPing } = this.#options
    return answersPing && isPing(path) && !engines.isConfigured(port)
  }

  #answer({ front, onDone }: PassedRequest, response: LocalResponse, outcome: Outcome): void {
    front.respond(response)
    onDone(outcome, response.status)
  }

  #timed(kind: EngineCallKind): (result: EngineCallResult) => void {
    const { engines, forward } = this.#options
    const startedAt = forward.clock.monotonic()
    return (result) => engines.events.ended(kind, result, forward.clock.monotonic() - startedAt)
  }

  #forward(
    request: PassedRequest,
    engine: EngineClient,
    path: string,
    onEnd: (outcome: Outcome) => void,
  ): void {
    const { front, head, query } = request
    const { engines, forward } = this.#options
    const { target } = engine
    const onDone = (outcome: Outcome, status: number): void => {
      onEnd(outcome)
      if (outcome === 'upstream-refused' || outcome === 'upstream-closed' || outcome === 'upstream-timeout') {
        engine.failed(`Docker engine on port ${engine.port}: ${outcome}`)
      }
      request.onDone(outcome, status)
    }
    new ForwardExchange({ ...forward, pool: engines.pool }, front, {
      head,
      upstreamHead: engineRequestHead(head, path, query),
      wantsUpgrade: false,
      target,
      relocate: async () => target,
      onStatus: (status) => {
        engine.reached()
        // Maybe its version: it was upgraded a moment ago.
        if (status === 400) engine.forgetVersion()
      },
      onDone,
      onTunnel: () => onDone,
    }).start()
  }
}

/** The others are the client's doing. */
const forwardResults: Readonly<Partial<Record<Outcome, EngineCallResult>>> = {
  answered: 'answered',
  'upstream-refused': 'unreachable',
  'upstream-timeout': 'timeout',
  'upstream-closed': 'bad-answer',
  'upstream-malformed': 'bad-answer',
}

/** An engine that does not say what it speaks gets the path as it came. Rejects with ENGINE_UNREACHABLE. */
async function mappedPath(engine: EngineClient, path: string): Promise<string> {
  try {
    return mapPath(path, await engine.version())
  } catch (error) {
    if (errorCode(error) === 'ENGINE_UNREACHABLE') throw error
    return path
  }
}

function isPing(path: string): boolean {
  return path.endsWith('/_ping')
}
