import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import type { Deadline, DeadlineSweeper } from '../../base/deadlines.ts'
import { errorCode } from '../../base/errors.ts'
import { serializeFields, type Fields } from '../../codec/http1/fields.ts'
import type { RequestHead } from '../../codec/http1/request-head.ts'
import type { ResponseHead } from '../../codec/http1/response-head.ts'
import type {
  BodyMode,
  ExchangeHandler,
  UpstreamConnection,
  UpstreamFailure,
} from '../upstream/upstream-connection.ts'
import type { UpstreamPool } from '../upstream/upstream-pool.ts'
import type { DialTarget, Wire } from '../../net/wire.ts'
import type { BodyReceiver, FrontListener, FrontStream } from './front-stream.ts'
import { stockPages, type LocalResponse } from './local-response.ts'
import { relay, type RelaySummary } from './relay.ts'
import type { Outcome } from './request-events.ts'
import { allowedTrailers } from './response-fields.ts'

export interface ForwardContext {
  readonly pool: UpstreamPool
  readonly clock: Clock
  readonly sweeper: DeadlineSweeper
  readonly serverTimeoutMs: number
  readonly tunnelTimeoutMs: number
}

export interface ForwardRequest {
  readonly head: RequestHead
  /** The complete upstream head, Latin-1. */
  readonly upstreamHead: string
  readonly wantsUpgrade: boolean
  readonly target: DialTarget
  /** Where the app is now, after a failed connection; the same target if nothing is known. */
  readonly relocate: () => Promise<DialTarget>
  /** Sees the status of the final answer (brute-force protection). */
  readonly onStatus: (status: number) => void
  readonly onDone: (outcome: Outcome, status: number) => void
  /** Gives the `onDone` of a tunnel, which must not keep the request (its cookies, the app's token) in memory. */
  readonly onTunnel: () => (outcome: Outcome, status: number) => void
}

/** Waits before the second and third connection attempt: short enough for AppAPI's one-second polls. */
const redialDelaysMs = [100, 400] as const
const halfClosedIdleMs = 30_000
const timeoutCodes = new Set(['UPSTREAM_CONNECT_TIMEOUT', 'TUNNEL_NO_WORK_CONNECTION'])
const idempotentMethods = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
  'PROPFIND',
  'REPORT',
  'SEARCH',
])

/** Carries one admitted request to its app and the answer back, with back-pressure in both directions. */
export class ForwardExchange implements ExchangeHandler, BodyReceiver, FrontListener, Deadline {
  readonly #context: ForwardContext
  readonly #front: FrontStream
  readonly #request: ForwardRequest
  readonly #hasBody: boolean
  #target: DialTarget
  #connection: UpstreamConnection | null = null
  #status = 0
  #isOver = false
  #hasRetried = false
  #isUpstreamPaused = false
  #isBodyPaused = false
  deadlineAt = Number.POSITIVE_INFINITY

  constructor(context: ForwardContext, front: FrontStream, request: ForwardRequest) {
    this.#context = context
    this.#front = front
    this.#request = request
    this.#target = request.target
    const { framing } = request.head
    this.#hasBody = framing.kind === 'chunked' || (framing.kind === 'length' && framing.bytes > 0)
  }

  start(): void {
    this.#front.setListener(this)
    this.#context.sweeper.add(this)
    const connection = this.#context.pool.take(this.#target, !this.#isRepeatable)
    if (connection !== null) this.#begin(connection)
    else void this.#dial()
  }

  onRequestBody(bytes: Buffer): void {
    const connection = this.#connection
    if (connection === null || this.#isOver) return
    this.#touch()
    if (!connection.writeBody(bytes)) {
      this.#isBodyPaused = true
      this.#front.pauseBody()
    }
  }

  onRequestEnd(trailers: Fields): void {
    const connection = this.#connection
    if (connection === null || this.#isOver) return
    if (this.#request.head.framing.kind === 'chunked') {
      connection.writeBody(`${serializeFields(allowedTrailers(trailers))}\r\n`)
    }
    connection.endBody()
    this.#touch()
  }

  onDrain(): void {
    this.#touch()
    if (!this.#isBodyPaused) return
    this.#isBodyPaused = false
    this.#front.resumeBody()
  }

  onInterim(head: ResponseHead): void {
    this.#touch()
    this.#front.sendInterim(head)
  }

  onHead(head: ResponseHead): BodyMode {
    this.#touch()
    this.#status = head.status
    this.#request.onStatus(head.status)
    return this.#front.sendHead(head)
  }

  onBody(bytes: Buffer): void {
    this.#front.sendBody(bytes)
  }

  onReadDone(): void {
    if (this.#isOver) return
    this.#touch()
    if (this.#front.flush()) return
    this.#isUpstreamPaused = true
    this.#connection?.pause()
  }

  onEnd(trailers: Fields): void {
    const connection = this.#connection
    if (this.#isOver || connection === null) return
    this.#connection = null
    this.#close()
    this.#context.pool.release(this.#target, connection)
    this.#front.finish(allowedTrailers(trailers))
    this.#request.onDone('answered', this.#status)
  }

  onUpgrade(head: ResponseHead, wire: Wire, early: Buffer): void {
    this.#connection = null
    this.#status = 101
    this.#close()
    this.#request.onStatus(101)
    const client = this.#front.openTunnel(head)
    if (client === null) {
      wire.destroy()
      this.#request.onDone('client-gone', 101)
      return
    }
    if (early.length > 0) client.write(Buffer.from(early))
    relay(client, wire, {
      idleMs: this.#context.tunnelTimeoutMs,
      halfClosedIdleMs,
      clock: this.#context.clock,
      sweeper: this.#context.sweeper,
      onDone: tunnelEnd(this.#request),
    })
  }

  onFailure(failure: UpstreamFailure): void {
    if (this.#isOver) return
    this.#connection = null
    if (failure.kind === 'closed' && failure.reusedAndSilent && this.#isRepeatable && !this.#hasRetried) {
      // The app closed a kept-alive connection just as we used it; nothing was processed (RFC 9110 section 9.2.2).
      this.#hasRetried = true
      void this.#dial()
      return
    }
    this.#failWith(failure.kind === 'closed' ? 'upstream-closed' : 'upstream-malformed', stockPages[502])
  }

  onClientDrain(): void {
    if (!this.#isUpstreamPaused) return
    this.#isUpstreamPaused = false
    this.#touch()
    this.#connection?.resume()
  }

  onClientGone(): void {
    if (this.#isOver) return
    this.#connection?.destroy()
    this.#close()
    this.#request.onDone('client-gone', this.#status)
  }

  onBodyTimeout(): void {
    this.#failWith('client-timeout', stockPages[408])
  }

  onDeadline(): void {
    this.#failWith('upstream-timeout', stockPages[504])
  }

  get #isRepeatable(): boolean {
    return !this.#hasBody && idempotentMethods.has(this.#request.head.method)
  }

  #begin(connection: UpstreamConnection): void {
    this.#connection = connection
    this.#touch()
    const { upstreamHead, head, wantsUpgrade } = this.#request
    connection.start(upstreamHead, { method: head.method, hasBody: this.#hasBody, wantsUpgrade }, this)
    if (this.#hasBody) this.#front.receiveBody(this, 'raw')
  }

  async #dial(): Promise<void> {
    let failure: unknown
    for (let attempt = 0; attempt <= redialDelaysMs.length; attempt++) {
      const dialled = await this.#context.pool.dial(this.#target).catch((error: unknown) => {
        failure = error
        return null
      })
      if (dialled !== null) {
        if (this.#isOver) dialled.destroy()
        else this.#begin(dialled)
        return
      }
      const delay = redialDelaysMs[attempt]
      if (this.#isOver || delay === undefined) break
      const isTimeout = timeoutCodes.has(errorCode(failure))
      const [target] = await Promise.all([this.#request.relocate(), sleep(isTimeout ? 0 : delay)])
      // A refused connection may be an app that just restarts. One that timed out has waited long enough, unless
      // the app is elsewhere now: the address of a removed container swallows connections.
      if (isTimeout && target.address === this.#target.address && target.port === this.#target.port) break
      this.#target = target
      if (this.#isOver) return
    }
    this.#failWith('upstream-refused', stockPages[503])
  }

  #failWith(outcome: Outcome, page: LocalResponse): void {
    if (this.#isOver) return
    this.#connection?.destroy()
    this.#connection = null
    this.#close()
    if (this.#status === 0 || this.#front.takeBack()) {
      this.#front.respond(page)
      this.#request.onDone(outcome, page.status)
    } else {
      this.#front.abort()
      this.#request.onDone(outcome, this.#status)
    }
  }

  #touch(): void {
    this.deadlineAt = this.#context.clock.monotonic() + this.#context.serverTimeoutMs
  }

  #close(): void {
    this.#isOver = true
    this.#context.sweeper.delete(this)
  }
}

/** NOTE: outside the class, so that the closure holds neither the exchange nor its request. */
function tunnelEnd(request: ForwardRequest): (summary: RelaySummary) => void {
  const onDone = request.onTunnel()
  return (summary) => onDone(`tunnel-${summary.end}`, 101)
}
