/**
 * A stand-in Nextcloud with the two endpoints of AppAPI that a gateway calls (`exapp-meta`, `user-info`).
 * Answers like the real one: 200 JSON, and 401 `{"message":"Harp shared key is not valid"}` for an unknown app
 * and for a wrong key alike. Every call is recorded with its header lines as they came.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { eventually } from './deadline.ts'
import { type HeaderLine, headerValues } from './http1-wire.ts'

export interface FakeRoute {
  readonly url: string
  readonly access_level: number
  readonly bruteforce_protection: readonly number[]
}

export interface FakeAppRecord {
  readonly exapp_token: string
  readonly exapp_version: string
  readonly host: string
  readonly port: number
  readonly routes: readonly FakeRoute[]
}

export interface FakeUser {
  readonly userId: string
  readonly accessLevel: 0 | 1 | 2
}

/** What an endpoint does instead of its ordinary answer. */
export type FakeAnswer =
  | {
      readonly kind: 'reply'
      readonly status: number
      readonly body?: string
      readonly headers?: Readonly<Record<string, string>>
    }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' }

export interface FakeApp {
  readonly record: FakeAppRecord
  /** Wait before any answer about this app. */
  readonly delayMs?: number
  readonly metaAnswer?: FakeAnswer
  readonly userAnswer?: FakeAnswer
}

export interface NextcloudCall {
  readonly endpoint: 'exapp-meta' | 'user-info' | 'other'
  /** As written in the query. */
  readonly appId: string | undefined
  readonly method: string
  readonly target: string
  readonly headers: readonly HeaderLine[]
}

const maxCalls = 10_000

export class FakeNextcloud {
  readonly key: string
  readonly url: string
  readonly #server: Server
  readonly #apps = new Map<string, FakeApp>()
  readonly #sessions = new Map<string, FakeUser | number>()
  readonly #authorizations = new Map<string, FakeUser | number>()
  readonly #calls: NextcloudCall[] = []
  readonly #hanging = new Set<ServerResponse>()

  private constructor(server: Server, key: string, basePath: string) {
    this.#server = server
    this.key = key
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${basePath}`
  }

  static async start(
    options: { readonly key?: string; readonly port?: number; readonly basePath?: string } = {},
  ): Promise<FakeNextcloud> {
    const server = createServer({ keepAliveTimeout: 60_000 })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options.port ?? 0, '127.0.0.1', resolve)
    })
    const basePath = options.basePath ?? ''
    const nextcloud = new FakeNextcloud(server, options.key ?? 'sekret', basePath)
    server.on('request', (request, response) => nextcloud.#onRequest(request, response, basePath))
    return nextcloud
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Ids are looked up exactly as asked for (Nextcloud's lookup is case-sensitive). */
  setApp(id: string, app: FakeApp): void {
    this.#apps.set(id, app)
  }

  removeApp(id: string): void {
    this.#apps.delete(id)
  }

  /** What a value of the cookie `oc_sessionPassphrase` stands for: a user, or the status of the failure. */
  setSession(cookieValue: string, user: FakeUser | number): void {
    this.#sessions.set(cookieValue, user)
  }

  /** What an Authorization value stands for; unknown values are anonymous. */
  setAuthorization(value: string, user: FakeUser | number): void {
    this.#authorizations.set(value, user)
  }

  calls(
    filter: { readonly endpoint?: NextcloudCall['endpoint']; readonly appId?: string } = {},
  ): NextcloudCall[] {
    return this.#calls.filter(
      (call) =>
        (filter.endpoint === undefined || call.endpoint === filter.endpoint) &&
        (filter.appId === undefined || call.appId === filter.appId),
    )
  }

  async waitForCall(
    matches: (call: NextcloudCall) => boolean,
    timeoutMs: number = 5_000,
  ): Promise<NextcloudCall> {
    return eventually('a call to Nextcloud', () => this.#calls.find(matches), { timeoutMs })
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const response of this.#hanging) response.destroy()
    this.#server.closeAllConnections()
    await closed
  }

  #onRequest(request: IncomingMessage, response: ServerResponse, basePath: string): void {
    const target = request.url ?? ''
    const headers = pairs(request.rawHeaders)
    const url = new URL(target, 'http://nextcloud')
    const endpoint = endpointOf(url.pathname, basePath)
    const appId = url.searchParams.get('appId') ?? undefined
    this.#calls.push({ endpoint, appId, method: request.method ?? '', target, headers })
    if (this.#calls.length > maxCalls) this.#calls.shift()
    request.resume()
    const app = appId === undefined ? undefined : this.#apps.get(appId)
    const answer = this.#answer(endpoint, headers, app)
    if (app?.delayMs === undefined) this.#give(response, answer)
    else setTimeout(() => this.#give(response, answer), app.delayMs).unref()
  }

  #answer(
    endpoint: NextcloudCall['endpoint'],
    headers: readonly HeaderLine[],
    app: FakeApp | undefined,
  ): FakeAnswer {
    if (endpoint === 'other') return json(404, { message: 'no such route' })
    const keys = headerValues(headers, 'harp-shared-key')
    if (keys.length !== 1 || keys[0] !== this.key || app === undefined) return keyIsNotValid
    if (endpoint === 'exapp-meta') return app.metaAnswer ?? json(200, app.record)
    if (app.userAnswer !== undefined) return app.userAnswer
    const user = this.#userOf(headers)
    if (typeof user === 'number') return json(user, { message: `answered ${user} on purpose` })
    return json(200, { user_id: user.userId, access_level: user.accessLevel })
  }

  #userOf(headers: readonly HeaderLine[]): FakeUser | number {
    const authorization = headerValues(headers, 'authorization')[0]
    const cookie = /(?:^|;)\s*oc_sessionPassphrase=([^;]*)/.exec(
      headerValues(headers, 'cookie')[0] ?? '',
    )?.[1]
    const bySession = cookie === undefined ? undefined : this.#sessions.get(cookie)
    const byAuthorization = authorization === undefined ? undefined : this.#authorizations.get(authorization)
    return byAuthorization ?? bySession ?? { userId: '', accessLevel: 0 }
  }

  #give(response: ServerResponse, answer: FakeAnswer): void {
    switch (answer.kind) {
      case 'hang':
        this.#hanging.add(response)
        response.once('close', () => this.#hanging.delete(response))
        return
      case 'reset':
        response.socket?.resetAndDestroy()
        return
      case 'reply':
        // NOTE: the real one sets cookies on every answer; a gateway must neither keep nor pass them.
        response.writeHead(answer.status, {
          'content-type': 'application/json; charset=utf-8',
          'set-cookie': ['nc_stand_in=leaked; path=/', 'oc_sessionPassphrase=leaked; path=/'],
          ...answer.headers,
        })
        response.end(answer.body ?? '')
    }
  }
}

const keyIsNotValid: FakeAnswer = json(401, { message: 'Harp shared key is not valid' })

function json(status: number, body: unknown): FakeAnswer {
  return { kind: 'reply', status, body: JSON.stringify(body) }
}

function endpointOf(path: string, basePath: string): NextcloudCall['endpoint'] {
  if (path === `${basePath}/index.php/apps/app_api/harp/exapp-meta`) return 'exapp-meta'
  if (path === `${basePath}/index.php/apps/app_api/harp/user-info`) return 'user-info'
  return 'other'
}

function pairs(raw: readonly string[]): HeaderLine[] {
  const lines: HeaderLine[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) lines.push([raw[at] ?? '', raw[at + 1] ?? ''])
  return lines
}
