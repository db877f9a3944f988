/**
 * A stand-in frpc: behaves on the wire like Go's 0.61.1 (0.69.1 where asked), written from the wire description
 * and recorded sessions, and shares no code with the product. Whoever connects one stops it.
 */
import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { deadlineIn, within } from './deadline.ts'
import { type FrpcClock, frpcClock, type FrpcOptions, type FrpcProxy } from './frpc-options.ts'
import { RetrySchedule } from './frpc-retry.ts'
import { breakStream, FrpcSession, wireName } from './frpc-session.ts'

export type { FrpcMisbehaviour, FrpcOptions, FrpcProxy, FrpcTarget, FrpcTls } from './frpc-options.ts'

export interface LoginResponse {
  readonly version: string
  /** Empty where the login was refused. */
  readonly runId: string
  readonly error: string
}

export interface ProxyResponse {
  /** As the server wrote it, with the user's prefix. */
  readonly name: string
  readonly remoteAddr: string
  readonly error: string
}

export interface LoggedMessage {
  readonly direction: 'sent' | 'received'
  /** Counts the connections of this process, from 1. */
  readonly session: number
  readonly name: string
  readonly body: Readonly<Record<string, unknown>>
}

const waitMs = 15_000
const maxMessages = 10_000

export class FrpcStandIn {
  readonly options: FrpcOptions
  /** The first answer to a Login, refused or not; rejects when there is none: at the end, or after 15 s. */
  readonly loginResponse: Promise<LoginResponse>
  /** Every answer to a Login. */
  readonly logins: LoginResponse[] = []
  /** The newest answer for each name, as the server wrote it. */
  readonly proxyResponses: Map<string, ProxyResponse> = new Map()
  /** Every answer to a NewProxy, in order. */
  readonly proxyAnswers: ProxyResponse[] = []
  readonly messages: LoggedMessage[] = []
  /** Why each session ended, in order. */
  readonly ends: string[] = []
  readonly #clock: FrpcClock
  readonly #schedule: RetrySchedule
  #session: FrpcSession
  #sessions = 0
  #earlierWork = 0
  #retryTimer: NodeJS.Timeout | undefined
  #isStopped = false
  readonly #watchers = new Set<() => void>()

  private constructor(options: FrpcOptions) {
    this.options = options
    this.#clock = frpcClock(options)
    this.#schedule = new RetrySchedule()
    this.#session = this.#connect(options.runId ?? '')
    this.loginResponse = this.#until('an answer to Login', () => this.logins[0], waitMs)
    this.loginResponse.catch(() => undefined)
  }

  /** Starts; what comes of it is in the promises and lists. */
  static connect(options: FrpcOptions): FrpcStandIn {
    return new FrpcStandIn(options)
  }

  /** Connects and waits until the server answered for every proxy (or refused the login). */
  static async connected(options: FrpcOptions): Promise<FrpcStandIn> {
    const frpc = new FrpcStandIn(options)
    try {
      const { error } = await frpc.loginResponse
      if (error === '') await Promise.all(options.proxies.map(({ name }) => frpc.proxyResponse(name)))
      return frpc
    } catch (error) {
      await frpc.stop()
      throw error
    }
  }

  /** Empty before the first login. */
  get runId(): string {
    return this.#session.runId
  }

  get isLoggedIn(): boolean {
    return this.#session.wasLoggedIn && this.#session.ended === undefined
  }

  /** Connections tried so far. */
  get sessions(): number {
    return this.#sessions
  }

  /** NewWorkConn sent so far. */
  get workConnections(): number {
    return this.#earlierWork + this.#session.workConnections
  }

  /** Work connections that wait for a user. */
  get pooledConnections(): number {
    return this.#session.pooled.size
  }

  /** Of the yamux keep-alive, in this session. */
  get pingsAnswered(): number {
    return this.#session.pingsAnswered
  }

  /** The answer for a proxy, refused or not. */
  async proxyResponse(name: string, timeoutMs: number = waitMs): Promise<ProxyResponse> {
    const full = wireName(this.options, this.#proxy(name))
    return this.#until(`an answer for the proxy ${full}`, () => this.proxyResponses.get(full), timeoutMs)
  }

  /** Resolves with why, when the session with this number (from 1) has ended. */
  async ended(session: number = 1, timeoutMs: number = waitMs): Promise<string> {
    return this.#until(`session ${session} to end`, () => this.ends[session - 1], timeoutMs)
  }

  received(name: string): LoggedMessage[] {
    return this.messages.filter((message) => message.direction === 'received' && message.name === name)
  }

  /** Ends as a Go process does: its connections are closed, nothing is said. */
  async stop(): Promise<void> {
    this.#stopRetrying()
    this.#session.end('stopped')
    await within(this.#session.closed(), deadlineIn(waitMs, 'the connections to be closed'))
  }

  /** Ends with RST on every connection. */
  kill(): void {
    this.#stopRetrying()
    this.#session.reset()
  }

  /** As a stopped process, or a network that is gone: nothing is read and nothing is said any more. */
  freeze(): void {
    this.#session.freeze()
  }

  closeProxy(name: string): void {
    this.#session.withdraw(this.#proxy(name))
  }

  announceProxy(name: string): void {
    this.proxyResponses.delete(wireName(this.options, this.#proxy(name)))
    this.#session.announce(this.#proxy(name))
  }

  /** Any message on the control connection. */
  send(name: string, body: object): void {
    this.#session.send(name, body)
  }

  /** Plain bytes on the control connection, encrypted as a message would be. */
  sendOnControl(bytes: Buffer): void {
    this.#session.control.sendBytes(bytes)
  }

  /** Bytes on the connection itself, inside TLS and websocket. */
  sendRaw(bytes: Buffer): void {
    this.#session.transport.stream.write(bytes)
  }

  /** FIN on the control connection's stream; the connection under it stays. */
  closeControl(): void {
    this.#session.control.stream.end()
  }

  /** A stream (or connection, without mux) on which nothing has been said. */
  async openStream(): Promise<Duplex> {
    return this.#session.openStream()
  }

  /** A work connection that nobody asked for. */
  async openWorkConnection(): Promise<void> {
    await this.#session.openWorkConnection()
  }

  breakPooled(how: 'fin' | 'rst'): void {
    for (const stream of this.#session.pooled) breakStream(stream, how)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** Waits for what changes; rejects at once when the last session has ended without it. */
  async #until<T>(what: string, probe: () => T | undefined, timeoutMs: number): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const check = (): void => {
      const found = probe()
      if (found !== undefined) resolve(found)
      else if (this.#isOver) reject(new Error(`no more hope for ${what}: ${this.ends.at(-1)}`))
    }
    this.#watchers.add(check)
    check()
    try {
      return await within(promise, deadlineIn(timeoutMs, what))
    } finally {
      this.#watchers.delete(check)
    }
  }

  #changed(): void {
    for (const check of this.#watchers) check()
  }

  get #isOver(): boolean {
    return this.ends.length === this.#sessions && (this.#isStopped || this.options.retry !== 'frpc')
  }

  #proxy(name: string): FrpcProxy {
    const proxy = this.options.proxies.find((each) => each.name === name)
    if (proxy === undefined) throw new Error(`no proxy is called ${name}`)
    return proxy
  }

  #stopRetrying(): void {
    this.#isStopped = true
    clearTimeout(this.#retryTimer)
  }

  #connect(runId: string): FrpcSession {
    this.#sessions += 1
    const number = this.#sessions
    const session = new FrpcSession(
      {
        options: this.options,
        clock: this.#clock,
        random: this.options.random ?? ((bytes) => randomBytes(bytes)),
        log: (direction, { name, body }) => {
          if (this.messages.length < maxMessages) {
            this.messages.push({ direction, session: number, name, body: body as Record<string, unknown> })
          }
        },
        onLogin: (body) => {
          this.logins.push({
            version: text(body['version']),
            runId: text(body['run_id']),
            error: text(body['error']),
          })
          this.#changed()
        },
        onProxy: (body) => {
          const name = text(body['proxy_name'])
          const answer = { name, remoteAddr: text(body['remote_addr']), error: text(body['error']) }
          this.proxyResponses.set(name, answer)
          this.proxyAnswers.push(answer)
          this.#changed()
        },
        onEnd: (ended, reason) => this.#onEnd(ended, reason),
      },
      runId,
    )
    void session.start()
    return session
  }

  #onEnd(session: FrpcSession, reason: string): void {
    this.ends.push(reason)
    this.#changed()
    if (this.#isStopped || this.options.retry !== 'frpc') return
    const delayMs = this.#schedule.next(session.wasLoggedIn)
    this.#retryTimer = this.#clock.after(delayMs, () => {
      this.#earlierWork += this.#session.workConnections
      this.#session = this.#connect(session.runId)
    })
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
