import type { Clock } from '../base/clock.ts'
import { detachedText } from '../base/detached-text.ts'
import { errorMessage } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { RequestHead } from '../codec/http1/request-head.ts'
import type { BruteForce } from './access/brute-force.ts'
import type { EngineCall, Forward, Refusal } from './access/decision.ts'
import type { Admission, Admitted } from './admission.ts'
import { BodyBudget, ControlBody } from './control/control-body.ts'
import type { ControlApi } from './control/control-api.ts'
import type { Diagnostics } from './control/diagnostics.ts'
import { SlowAnswer } from './control/slow-answer.ts'
import type { PassThrough } from './engine/pass-through.ts'
import type { AppDirectory } from './nextcloud/app-directory.ts'
import { ForwardExchange, type ForwardContext } from './proxy/forward-exchange.ts'
import type { FrontStream } from './proxy/front-stream.ts'
import { plainText, refusals, stockPages, type LocalResponse } from './proxy/local-response.ts'
import type { Outcome, RequestEnd, RequestEvents } from './proxy/request-events.ts'
import { readRequestFields, type RequestFields } from './proxy/request-fields.ts'
import { tunnelProtocols, upstreamRequestHead } from './proxy/upstream-request.ts'
import type { Resolver } from './upstream/resolver.ts'
import type { DialTarget } from '../net/wire.ts'

export interface RequestHandlerOptions {
  readonly admission: Admission
  readonly apps: AppDirectory
  readonly resolver: Resolver
  readonly bruteForce: BruteForce
  readonly control: ControlApi
  readonly diagnostics: Diagnostics
  readonly forward: ForwardContext
  readonly passThrough: PassThrough
  readonly events: RequestEvents
  readonly clock: Clock
  readonly log: Logger
  readonly banResponse: 'drop' | '429'
  readonly aaVersion: string
  readonly stripSessionCookies: boolean
}

const relocateTimeoutMs = 2_000
/** A dozen bundles of certificates at once, or hundreds of other requests. */
const maxControlBodyBytes = 256 * 1_048_576

/** One request as it came in. */
interface Arrived {
  readonly front: FrontStream
  readonly head: RequestHead
  readonly fields: RequestFields
  readonly startedAt: number
}

/** From a parsed request to its end: admission, then refusal, control API, or forwarding. */
export class RequestHandler {
  readonly #options: RequestHandlerOptions
  readonly #bodies = new BodyBudget(maxControlBodyBytes)

  constructor(options: RequestHandlerOptions) {
    this.#options = options
  }

  handle(front: FrontStream, head: RequestHead): void {
    const fields = readRequestFields(head, this.#options)
    const arrived: Arrived = { front, head, fields, startedAt: this.#options.clock.monotonic() }
    const admitted = this.#options.admission.admit(head, fields, front.peer)
    if (admitted instanceof Promise) void this.#actLater(arrived, admitted)
    else this.#act(arrived, admitted)
  }

  async #actLater(arrived: Arrived, pending: Promise<Admitted>): Promise<void> {
    let isGone = false
    arrived.front.setListener({
      onClientDrain() {},
      onClientGone: () => {
        isGone = true
      },
      onBodyTimeout() {},
    })
    try {
      const admitted = await pending
      if (isGone) this.#end(arrived, admitted, 'client-gone', 0)
      else this.#act(arrived, admitted)
    } catch (error) {
      this.#options.log.error({ problem: errorMessage(error) }, 'request failed')
      arrived.front.respond(refusals[503])
    }
  }

  #act(arrived: Arrived, admitted: Admitted): void {
    const { decision } = admitted
    const { front } = arrived
    switch (decision.kind) {
      case 'refuse': {
        const response = this.#refusal(decision, admitted)
        if (response === null) front.drop()
        else front.respond(response)
        this.#end(arrived, admitted, response === null ? 'dropped' : 'answered', response?.status ?? 0)
        break
      }
      case 'control':
        void this.#control(arrived, admitted, decision.path)
        break
      case 'engine':
        this.#engine(arrived, admitted, decision)
        break
      case 'forward':
        this.#forward(arrived, admitted, decision)
        break
    }
  }

  /** What a refused client gets; null: nothing at all. */
  #refusal(decision: Refusal, admitted: Admitted): LocalResponse | null {
    switch (decision.reason) {
      case 'banned': {
        if (this.#options.banResponse === 'drop') return null
        const seconds = this.#options.bruteForce.secondsLeft(admitted.client.address)
        return plainText(429, '429 Too Many Requests', ['retry-after', String(Math.max(1, seconds))])
      }
      case 'parent-segment':
      case 'app-api-key':
      case 'internal-endpoint':
        return null
      case 'control-key':
      case 'user-unavailable':
        return refusals[401]
      case 'route-denied':
      case 'route-budget':
        return refusals[403]
      case 'app-at-engine':
      case 'engine-port-forbidden':
      case 'engine-forbidden':
        return stockPages[403]
      case 'app-api-port':
        return plainText(400, 'ex-app-port is not a port number')
      case 'engine-port-invalid':
        return plainText(400, 'docker-engine-port is not a port number')
      case 'nextcloud-unavailable':
      case 'host-unresolved':
        return refusals[503]
      case 'no-app-id':
      case 'app-id-grammar':
      case 'app-unknown':
      case 'record-invalid':
      case 'no-route':
        return refusals[404]
      // Reasons of decisions that are not refusals.
      case 'control':
      case 'engine':
      case 'forward-public':
      case 'forward-signed':
      case 'forward-user':
        return refusals[503]
    }
  }

  async #control(arrived: Arrived, admitted: Admitted, path: string): Promise<void> {
    const { front, head, fields } = arrived
    const { client } = admitted
    const onEnd = (status: number): void =>
      this.#end(arrived, admitted, status === 0 ? 'client-gone' : 'answered', status)
    if (this.#options.diagnostics.handle({ front, head, client, path, onEnd })) return
    const leaving = new AbortController()
    const answer = new SlowAnswer(front)
    const onGone = (): void => {
      answer.stop()
      leaving.abort()
    }
    const body = new ControlBody(front, this.#bodies, onGone)
    const response = await this.#options.control.handle({
      method: head.method,
      path,
      body: (maxBytes) => body.read(maxBytes),
      call: {
        enginePort: fields.enginePort,
        signal: leaving.signal,
        keepOpen: () => answer.keepOpen(),
      },
    })
    body.release()
    answer.respond(response)
    this.#end(arrived, admitted, leaving.signal.aborted ? 'client-gone' : 'answered', response.status)
  }

  #forward(arrived: Arrived, admitted: Admitted, decision: Forward): void {
    const { front, head, fields } = arrived
    const protocols = tunnelProtocols(head)
    const statuses = decision.bruteForceStatuses
    new ForwardExchange(this.#options.forward, front, {
      head,
      upstreamHead: upstreamRequestHead(head, fields, {
        forward: decision,
        query: admitted.query,
        aaVersion: this.#options.aaVersion,
        upgrade: protocols,
      }),
      wantsUpgrade: protocols !== null,
      target: { address: decision.address, port: decision.port },
      relocate: () => this.#relocate(decision),
      onStatus: (status) => {
        if (statuses.includes(status)) this.#options.admission.recordFailure(admitted.client)
      },
      onDone: (outcome, status) => this.#end(arrived, admitted, outcome, status),
      onTunnel: () => tunnelEnd(this.#options, arrived, admitted),
    }).start()
  }

  /** An allowed Docker call, to the engine behind a port: through its tunnel, or the socket of this machine. */
  #engine(arrived: Arrived, admitted: Admitted, call: EngineCall): void {
    const { front, head } = arrived
    void this.#options.passThrough.start({
      front,
      head,
      call,
      query: admitted.query,
      onDone: (outcome, status) => this.#end(arrived, admitted, outcome, status),
    })
  }

  /** Asks again where the app is: its container may have been recreated with another address (W22). */
  async #relocate(decision: Forward): Promise<DialTarget> {
    const { apps, resolver } = this.#options
    const same = { address: decision.address, port: decision.port }
    const find = async (): Promise<DialTarget> => {
      let { host, port } = decision
      const known = await apps.refresh(decision.appId.toLowerCase())
      if (known.kind === 'known') ({ host, port } = known.app.record)
      resolver.forget(host)
      const found = await resolver.resolve(host)
      return found.kind === 'resolved' ? { address: found.address, port } : same
    }
    const { promise: late, resolve } = Promise.withResolvers<DialTarget>()
    const timer = setTimeout(() => resolve(same), relocateTimeoutMs)
    try {
      return await Promise.race([find(), late])
    } finally {
      clearTimeout(timer)
    }
  }

  #end(arrived: Arrived, admitted: Admitted, outcome: Outcome, status: number): void {
    const { clock, events } = this.#options
    events.requestEnded({ ...describe(arrived, admitted), outcome, status, endedAt: clock.monotonic() })
  }
}

type Description = Omit<RequestEnd, 'outcome' | 'status' | 'endedAt'>

/** What the access log says of a request, whatever its end. */
function describe(
  { front, head, fields, startedAt }: Arrived,
  { decision, client, path }: Admitted,
): Description {
  const forward = decision.kind === 'forward' ? decision : null
  return {
    reason: decision.reason,
    startedAt,
    peer: front.peer,
    client: client.address,
    protocol: front.protocol,
    method: head.method,
    path,
    app: forward?.appId ?? null,
    upstream: forward === null ? null : `${forward.host}:${forward.port}`,
    requestId: fields.requestId ?? null,
  }
}

/** NOTE: texts are detached, or a slice would keep the whole head alive as long as the tunnel. */
function tunnelEnd(
  { clock, events }: RequestHandlerOptions,
  arrived: Arrived,
  admitted: Admitted,
): (outcome: Outcome, status: number) => void {
  const { method, path, app, upstream, requestId, ...rest } = describe(arrived, admitted)
  const description: Description = {
    ...rest,
    method: detachedText(method),
    path: detachedText(path),
    app: app === null ? null : detachedText(app),
    upstream: upstream === null ? null : detachedText(upstream),
    requestId: requestId === null ? null : detachedText(requestId),
  }
  return endOf(clock, events, description)
}

function endOf(
  clock: Clock,
  events: RequestEvents,
  description: Description,
): (outcome: Outcome, status: number) => void {
  return (outcome, status) =>
    events.requestEnded({ ...description, outcome, status, endedAt: clock.monotonic() })
}
