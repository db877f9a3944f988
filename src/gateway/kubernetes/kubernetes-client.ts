/** Calls to the one API server: its authority, our token, a deadline for everything and a limit on everything. */
import http from 'node:http'
import https from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { errorMessage, HarpError } from '../../base/errors.ts'
import { trustedAuthorities } from '../../net/trusted-authorities.ts'
import type { KubernetesConfig } from '../config/config.ts'
import { connectionProblem } from '../doctor/connection-problem.ts'
import { parseJson } from '../nextcloud/exapp-meta.ts'
import { readAuthority, readToken } from './credentials.ts'
import { kubernetesError } from './errors.ts'

export interface KubernetesRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** From the root of the API, each part escaped: `/api/v1/nodes`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly json?: unknown
  readonly contentType?: string
  /** For the whole call, waiting for a connection included. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

export interface KubernetesReply {
  readonly status: number
  /** undefined where the body is no JSON. */
  readonly json: unknown
}

export interface KubernetesClientLimits {
  readonly connectTimeoutMs: number
  readonly totalTimeoutMs: number
  /** Calls at once; the next ones wait. */
  readonly maxConnections: number
  /** Calls under way or waiting; more fail at once instead of piling up. */
  readonly maxPending: number
  readonly maxBodyBytes: number
}

const defaultLimits: KubernetesClientLimits = {
  connectTimeoutMs: 10_000,
  totalTimeoutMs: 60_000,
  maxConnections: 16,
  maxPending: 256,
  maxBodyBytes: 16 * 1_048_576,
}
/** An overloaded API server says 429 before it has done anything, and when to come back. */
const maxRetries = 3
const maxRetryAfterSeconds = 10

export class KubernetesClient {
  readonly #config: KubernetesConfig
  readonly #limits: KubernetesClientLimits
  readonly #plain: http.Agent
  #secure: { readonly authority: string | null; readonly agent: https.Agent } | null = null
  #pending = 0

  constructor(config: KubernetesConfig, limits: Partial<KubernetesClientLimits> = {}) {
    this.#config = config
    this.#limits = { ...defaultLimits, ...limits }
    this.#plain = new http.Agent(this.#agentOptions())
  }

  /** Any HTTP status is an answer. Rejects with a HarpError KUBERNETES_*, or the signal's reason. */
  async request(request: KubernetesRequest): Promise<KubernetesReply> {
    if (this.#pending >= this.#limits.maxPending) {
      throw kubernetesError('KUBERNETES_BUSY', `${this.#pending} calls are waiting`)
    }
    this.#pending++
    const timeoutMs = request.timeoutMs ?? this.#limits.totalTimeoutMs
    const late = AbortSignal.timeout(timeoutMs)
    const signal = request.signal === undefined ? late : AbortSignal.any([late, request.signal])
    try {
      return await this.#persist(request, signal)
    } catch (error) {
      request.signal?.throwIfAborted()
      if (!late.aborted) throw error
      throw kubernetesError('KUBERNETES_TIMEOUT', `no answer within ${timeoutMs / 1_000} s`, { cause: error })
    } finally {
      this.#pending--
    }
  }

  close(): void {
    this.#plain.destroy()
    this.#secure?.agent.destroy()
  }

  async #persist(request: KubernetesRequest, signal: AbortSignal): Promise<KubernetesReply> {
    for (let attempt = 0; ; attempt++) {
      const { reply, retryAfter } = await this.#reconnecting(request, signal)
      if (reply.status !== 429 || retryAfter === null || attempt === maxRetries) return reply
      await pause(retryAfter * 1_000, undefined, { signal })
    }
  }

  /** A kept connection may close at the moment of its next use: what can be repeated is, once. */
  async #reconnecting(request: KubernetesRequest, signal: AbortSignal): Promise<Answer> {
    try {
      return await this.#once(request, signal)
    } catch (error) {
      if (!(error instanceof StaleConnection) || request.method === 'POST') throw toError(error)
    }
    try {
      return await this.#once(request, signal)
    } catch (error) {
      throw toError(error)
    }
  }

  async #once(request: KubernetesRequest, signal: AbortSignal): Promise<Answer> {
    const url = this.#urlOf(request)
    const token = await readToken(this.#config)
    const isSecure = url.protocol === 'https:'
    const agent = isSecure ? await this.#secureAgent() : this.#plain
    signal.throwIfAborted()
    const body = request.json === undefined ? null : JSON.stringify(request.json)
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const sent = (isSecure ? https : http).request(url, {
      method: request.method,
      agent,
      signal,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token.reveal()}`,
        'user-agent': 'harp',
        ...(body === null
          ? {}
          : {
              'content-type': request.contentType ?? 'application/json',
              'content-length': Buffer.byteLength(body),
            }),
      },
    })
    let isConnected = false
    sent.on('socket', (socket) => {
      if (!socket.connecting) {
        isConnected = true
        return
      }
      const timer = setTimeout(() => {
        const seconds = this.#limits.connectTimeoutMs / 1_000
        sent.destroy(kubernetesError('KUBERNETES_TIMEOUT', `${url.host}: no connection within ${seconds} s`))
      }, this.#limits.connectTimeoutMs)
      sent.once('close', () => clearTimeout(timer))
      socket.once(isSecure ? 'secureConnect' : 'connect', () => {
        isConnected = true
        clearTimeout(timer)
      })
    })
    sent.on('error', (error) => {
      const isStale =
        sent.reusedSocket && 'code' in error && ['ECONNRESET', 'EPIPE'].includes(String(error.code))
      reject(isStale ? new StaleConnection(url, isConnected, error) : new Failed(url, isConnected, error))
    })
    sent.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size <= this.#limits.maxBodyBytes) chunks.push(chunk)
        else {
          sent.destroy()
          reject(kubernetesError('KUBERNETES_BAD_ANSWER', `more than ${this.#limits.maxBodyBytes} bytes`))
        }
      })
      response.on('error', (error) => reject(new Failed(url, isConnected, error)))
      response.on('end', () => {
        const json = parseJson(Buffer.concat(chunks).toString('utf8'))
        const retryAfter = retryAfterOf(response.headers['retry-after'])
        resolve({ reply: { status: response.statusCode ?? 0, json }, retryAfter })
      })
    })
    // NOTE: an answer that switches protocols ends without another event. Settled long ago, or never to be.
    sent.on('close', () => {
      reject(kubernetesError('KUBERNETES_BAD_ANSWER', `${url.host} closed the connection without an answer`))
    })
    sent.end(body ?? undefined)
    return promise
  }

  #urlOf({ path, query }: KubernetesRequest): URL {
    const { apiServer } = this.#config
    if (apiServer === null) {
      throw kubernetesError('KUBERNETES_NOT_CONFIGURED', 'Kubernetes API server is not configured.')
    }
    const url = new URL(apiServer.href.replace(/\/$/, '') + path)
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
    return url
  }

  /** One agent per authority: after a rotation the old one's connections end as they fall idle. */
  async #secureAgent(): Promise<https.Agent> {
    const authority = await readAuthority(this.#config)
    if (this.#secure === null || this.#secure.authority !== authority) {
      const agent = new https.Agent({
        ...this.#agentOptions(),
        ca: authority ?? trustedAuthorities(),
        rejectUnauthorized: this.#config.verifyTls,
      })
      this.#secure = { authority, agent }
    }
    return this.#secure.agent
  }

  #agentOptions(): http.AgentOptions {
    return { keepAlive: true, maxSockets: this.#limits.maxConnections, maxFreeSockets: 4, timeout: 30_000 }
  }
}

interface Answer {
  readonly reply: KubernetesReply
  readonly retryAfter: number | null
}

class Failed extends Error {
  override readonly name: string = 'Failed'
  readonly url: URL
  readonly isConnected: boolean

  constructor(url: URL, isConnected: boolean, cause: Error) {
    super(errorMessage(cause), { cause })
    this.url = url
    this.isConnected = isConnected
  }
}

class StaleConnection extends Failed {
  override readonly name = 'StaleConnection'
}

function toError(error: unknown): unknown {
  if (!(error instanceof Failed)) return error
  const { cause, url, isConnected } = error
  if (cause instanceof HarpError) return cause
  const problem = connectionProblem(cause, isConnected ? 'answer' : 'connect')
  return kubernetesError('KUBERNETES_UNREACHABLE', `${url.host} ${problem.text}`, { cause })
}

function retryAfterOf(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,4}$/.test(text)) return null
  return Number(text) <= maxRetryAfterSeconds ? Number(text) : null
}
