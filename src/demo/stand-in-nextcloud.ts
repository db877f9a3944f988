import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { BoundedMap } from '../base/bounded-map.ts'
import type { Logger } from '../base/logger.ts'
import type { Secret } from '../base/secret.ts'
import { listenOnLoopback, type LoopbackServer } from './loopback-server.ts'
import { landingPage } from './page/landing.ts'
import { icon, style } from './page/style.ts'
import { pathOf, queryOf, reply, replyJson, replyPage, replyText } from './replies.ts'

/**
 * What the gateway needs of a Nextcloud, and no more: AppAPI's two endpoints for the gateway (the app's
 * record, the visitor's identity), both behind the shared key, and a sign-in page for people.
 */
export interface ExAppRoute {
  readonly url: string
  readonly access_level: 0 | 1 | 2
  readonly bruteforce_protection: readonly number[]
}

/** The body of AppAPI's `exapp-meta`, in its own spelling. */
export interface ExAppRecord {
  readonly exapp_token: string
  readonly exapp_version: string
  readonly host: string
  readonly port: number
  readonly routes: readonly ExAppRoute[]
}

export interface StandInOptions {
  readonly sharedKey: Secret
  readonly apps: ReadonlyMap<string, ExAppRecord>
  readonly now: () => number
  readonly log: Logger
}

export interface StandInNextcloud {
  readonly server: LoopbackServer
  stop(): Promise<void>
}

interface Identity {
  readonly user_id: string
  readonly access_level: 0 | 1 | 2
}

const anonymous: Identity = { user_id: '', access_level: 0 }
const accounts: ReadonlyMap<string, Identity> = new Map([
  ['alice', { user_id: 'alice', access_level: 1 }],
  ['admin', { user_id: 'admin', access_level: 2 }],
])

const sessionCookie = 'oc_sessionPassphrase'
const maxSessions = 1000
const sessionAgeMs = 12 * 3_600_000
const api = '/index.php/apps/app_api/harp'
/** Where a sign-in may send the browser next; anything else would be an open redirect. */
const returnPaths: ReadonlySet<string> = new Set(['/', '/exapps/demo/'])

export async function startStandInNextcloud(options: StandInOptions): Promise<StandInNextcloud> {
  const standIn = new StandIn(options)
  const server = createServer((request, response) => {
    request.resume()
    standIn.answer(request, response)
  })
  const bound = await listenOnLoopback(server, [0])
  return { server: bound, stop: () => bound.stop() }
}

class StandIn {
  readonly #sharedKey: Secret
  readonly #apps: ReadonlyMap<string, ExAppRecord>
  readonly #log: Logger
  readonly #sessions: BoundedMap<string, Identity>
  /** How often the gateway asked since the start; the sample app's page shows it. */
  readonly #asked = { record: 0, visitor: 0 }

  constructor(options: StandInOptions) {
    this.#sharedKey = options.sharedKey
    this.#apps = options.apps
    this.#log = options.log
    this.#sessions = new BoundedMap({ maxEntries: maxSessions, maxAgeMs: sessionAgeMs, now: options.now })
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const path = pathOf(request)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      replyText(response, 405, 'Only GET here.')
      return
    }
    switch (path) {
      case `${api}/exapp-meta`:
        this.#answerRecord(request, response)
        return
      case `${api}/user-info`:
        this.#answerVisitor(request, response)
        return
      case '/':
        replyPage(response, 200, landingPage(this.#visitor(request).user_id))
        return
      case '/demo/style.css':
        reply(response, 200, style, { 'content-type': 'text/css' })
        return
      case '/demo/icon.svg':
      case '/favicon.ico':
        reply(response, 200, icon, { 'content-type': 'image/svg+xml' })
        return
      case '/demo/asked':
        replyJson(response, 200, this.#asked)
        return
      case '/status.php':
        replyJson(response, 200, { installed: true, maintenance: false, productname: 'Harp demo stand-in' })
        return
      case '/login':
        this.#signIn(request, response)
        return
      default:
        replyText(response, 404, 'Nothing here. The demo starts at /')
    }
  }

  #answerRecord(request: IncomingMessage, response: ServerResponse): void {
    const record = this.#checkedApp(request)
    if (record === undefined) {
      refuseKey(response)
      return
    }
    this.#asked.record++
    replyJson(response, 200, record)
  }

  #answerVisitor(request: IncomingMessage, response: ServerResponse): void {
    if (this.#checkedApp(request) === undefined) {
      refuseKey(response)
      return
    }
    this.#asked.visitor++
    replyJson(response, 200, this.#visitor(request))
  }

  /** The app asked about, if the caller knows the shared key. */
  #checkedApp(request: IncomingMessage): ExAppRecord | undefined {
    const key = request.headers['harp-shared-key']
    const appId = queryOf(request).get('appId') ?? ''
    const isKnown = typeof key === 'string' && this.#sharedKey.equals(key)
    this.#log.debug({ path: pathOf(request), appId, isKnown }, 'the gateway asks')
    return isKnown ? this.#apps.get(appId) : undefined
  }

  /** By session cookie, else by HTTP Basic (the demo's passwords are the user names), else nobody. */
  #visitor(request: IncomingMessage): Identity {
    const session = this.#sessions.get(cookieValue(request.headers.cookie ?? '', sessionCookie))
    if (session !== undefined) return session
    const basic = /^Basic ([A-Za-z0-9+/=]{1,200})$/i.exec(request.headers.authorization ?? '')
    const [user, password] = Buffer.from(basic?.[1] ?? '', 'base64')
      .toString('utf8')
      .split(':')
    return (user === password ? accounts.get(user ?? '') : undefined) ?? anonymous
  }

  #signIn(request: IncomingMessage, response: ServerResponse): void {
    const query = queryOf(request)
    const next = query.get('next') ?? '/'
    const account = accounts.get(query.get('as') ?? '')
    // A new session each time: the gateway remembers what an old one meant for a few seconds.
    const session = account === undefined ? '' : randomBytes(24).toString('base64url')
    if (account !== undefined) this.#sessions.set(session, account)
    const age = account === undefined ? '; Max-Age=0' : ''
    reply(response, 303, '', {
      location: returnPaths.has(next) ? next : '/',
      'set-cookie': `${sessionCookie}=${session}; Path=/; HttpOnly; SameSite=Lax${age}`,
    })
  }
}

/** AppAPI gives this one answer for a wrong key and for an unknown app (contract 3.8). */
function refuseKey(response: ServerResponse): void {
  replyJson(response, 401, { message: 'Harp shared key is not valid' })
}

function cookieValue(header: string, name: string): string {
  for (const pair of header.split(';')) {
    const mark = pair.indexOf('=')
    if (mark !== -1 && pair.slice(0, mark).trim() === name) return pair.slice(mark + 1).trim()
  }
  return ''
}
