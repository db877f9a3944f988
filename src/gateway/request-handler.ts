import type { Clock } from '../base/clock.ts'
import { errorMessage } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { RequestHead } from '../codec/http1/request-head.ts'
import type { BruteForce } from './access/brute-force.ts'
import type { Forward, Refusal } from './access/decision.ts'
import type { Admission, Admitted } from './admission.ts'
import { collectBody } from './control/collect-body.ts'
import type { ControlApi } from './control/control-api.ts'
import { engineNotYet } from './control/control-routes.ts'
import type { AppDirectory } from './nextcloud/app-directory.ts'
import { ForwardExchange, type ForwardContext } from './proxy/forward-exchange.ts'
import type { FrontStream } from './proxy/front-stream.ts'
import { plainText, refusals, stockPages, type LocalResponse } from './proxy/local-response.ts'
import type { Outcome, RequestEvents } from './proxy/request-events.ts'
import { readRequestFields, type RequestFields } from './proxy/request-fields.ts'
import { tunnelProtocols, upstreamRequestHead } from './proxy/upstream-request.ts'
import type { Resolver } from './upstream/resolver.ts'
import type { DialTarget } from './upstream/wire.ts'

export interface RequestHandlerOptions {
  readonly admission: Admission
  readonly apps: AppDirectory
  readonly resolver: Resolver
  readonly bruteForce: BruteForce
  readonly control: ControlApi
  readonly forward: ForwardContext
  readonly events: RequestEvents
  readonly clock: Clock
  readonly log: Logger
  readonly banResponse: 'drop' | '429'
  readonly aaVersion: string
  readonly stripSessionCookies: boolean
}

const relocateTimeoutMs = 2_000

/** From a parsed request to its end: admission, then refusal, control API, or forwarding. */
export class RequestHandler {
  readonly #options: RequestHandlerOptions

  constructor(options: RequestHandlerOptions) {
    this.#options = options
  }

  handle(front: FrontStream, head: RequestHead): void {
    const startedAt = this.#options.clock.monotonic()
    const fields = readRequestFields(head, this.#options)
    const admitted = this.#options.admission.admit(head, fields, front.peer)
    if (!(admitted instanceof Promise)) {
      this.#act(front, head, fields, admitted, startedAt)
      return
    }
    let isGone = false
    front.setListener({
      onClientDrain() {},
      onClientGone: () => {
        isGone = true
      },
      onBodyTimeout() {},
    })
    admitted.then(
      (late) => {
        if (isGone) this.#end(front, head, late, startedAt, 'client-gone', 0)
        else this.#act(front, head, fields, late, startedAt)
      },
      (error: unknown) => {
        this.#options.log.error({ problem: errorMessage(error) }, 'admission failed')
        front.respond(refusals[503])
      },
    )
  }

  // oxlint-disable-next-line max-params -- the whole of one request's facts, on the hot path
  #act(
    front: FrontStream,
    head: RequestHead,
    fields: RequestFields,
    admitted: Admitted,
    startedAt: number,
  ): void {
    const { decision } = admitted
    switch (decision.kind) {
      case 'refuse': {
        const response = this.#refusal(decision, admitted)
        if (response === null) front.drop()
        else front.respond(response)
        this.#end(
          front,
          head,
          admitted,
          startedAt,
          response === null ? 'dropped' : 'answered',
          response?.status ?? 0,
        )
        break
      }
      case 'control':
        void this.#control(front, head, admitted, decision.path, startedAt)
        break
      case 'engine':
        front.respond(engineNotYet)
        this.#end(front, head, admitted, startedAt, 'answered', 501)
        break
      case 'forward':
        this.#forward(front, head, fields, { ...admitted, decision }, startedAt)
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
      default:
        return refusals[404]
    }
  }

  // oxlint-disable-next-line max-params -- as #act
  async #control(
    front: FrontStream,
    head: RequestHead,
    admitted: Admitted,
    path: string,
    startedAt: number,
  ): Promise<void> {
    const response = await this.#options.control.handle({
      method: head.method,
      path,
      body: (maxBytes) => collectBody(front, maxBytes),
    })
    front.respond(response)
    this.#end(front, head, admitted, startedAt, 'answered', response.status)
  }

  // oxlint-disable-next-line max-params -- as #act
  #forward(
    front: FrontStream,
    head: RequestHead,
    fields: RequestFields,
    admitted: Admitted & { readonly decision: Forward },
    startedAt: number,
  ): void {
    const { decision } = admitted
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
      onDone: (outcome, status) => this.#end(front, head, admitted, startedAt, outcome, status),
    }).start()
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

  // oxlint-disable-next-line max-params -- the fields of one access log line
  #end(
    front: FrontStream,
    head: RequestHead,
    admitted: Admitted,
    startedAt: number,
    outcome: Outcome,
    status: number,
  ): void {
    const { decision } = admitted
    const forward = decision.kind === 'forward' ? decision : null
    this.#options.events.requestEnded({
      reason: decision.reason,
      outcome,
      startedAt,
      endedAt: this.#options.clock.monotonic(),
      peer: front.peer,
      client: admitted.client.address,
      protocol: front.protocol,
      method: head.method,
      path: admitted.path,
      app: forward?.appId ?? null,
      status,
      upstream: forward === null ? null : `${forward.host}:${forward.port}`,
      requestId: null,
    })
  }
}
