import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Secret } from '../base/secret.ts'
import { presentableHeaders, verifyCaller } from './app-caller.ts'
import { ChatRoom, type ChatMember } from './chat-room.ts'
import { LiveClock } from './live-clock.ts'
import type { LocalServer } from './loopback-server.ts'
import { appAsset, appPage } from './page/app.ts'
import { pathOf, reply, replyJson, replyPage, replyText } from './replies.ts'
import { isSameOrigin } from './same-origin.ts'
import type { ExAppRoute } from './stand-in-nextcloud.ts'
import { refuseUpgrade } from './websocket-handshake.ts'
import { defaultWebSocketLimits, WebSocketServer } from './websocket-server.ts'

/**
 * The demo's External App. It has no sign-in and no access rules of its own: the gateway has applied the
 * routes below before a request arrives, and says who asks. All the app does is check the gateway's word.
 */
export interface SampleExAppOptions<Bound extends LocalServer> {
  readonly listen: (server: Server) => Promise<Bound>
  readonly secret: Secret
  readonly clock: Clock
  readonly log: Logger
}

export interface SampleExApp<Bound extends LocalServer> {
  readonly server: Bound
  stop(): Promise<void>
}

export const sampleRoutes: readonly ExAppRoute[] = [
  { url: '^/?$', access_level: 0, bruteforce_protection: [] },
  { url: '^/assets/', access_level: 0, bruteforce_protection: [] },
  { url: '^/(public/|chat/public$)', access_level: 0, bruteforce_protection: [] },
  { url: '^/(user/|chat/user$)', access_level: 1, bruteforce_protection: [] },
  { url: '^/(admin/|chat/admin$)', access_level: 2, bruteforce_protection: [] },
]

const levels = ['public', 'user', 'admin'] as const
type Level = (typeof levels)[number]

const maxUploadBytes = 64 * 1024 * 1024

export async function startSampleExApp<Bound extends LocalServer>(
  options: SampleExAppOptions<Bound>,
): Promise<SampleExApp<Bound>> {
  const app = new SampleApp(options)
  const server = createServer((request, response) => app.answer(request, response))
  server.on('upgrade', (request, socket, head) => app.upgrade(request, socket, head))
  const bound = await options.listen(server)
  return {
    server: bound,
    stop: async () => {
      await app.stop()
      await bound.stop()
    },
  }
}

class SampleApp {
  readonly #secret: Secret
  readonly #log: Logger
  readonly #clock: LiveClock
  readonly #webSockets: WebSocketServer
  readonly #rooms: ReadonlyMap<string, ChatRoom>
  #answered = 0

  constructor(options: Pick<SampleExAppOptions<LocalServer>, 'secret' | 'clock' | 'log'>) {
    this.#secret = options.secret
    this.#log = options.log
    this.#clock = new LiveClock(options.clock)
    this.#webSockets = new WebSocketServer(defaultWebSocketLimits, () => options.clock.monotonic())
    this.#rooms = new Map(levels.map((level) => [`/chat/${level}`, new ChatRoom(() => options.clock.wall())]))
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const path = pathOf(request)
    // AppAPI asks this before anything else, to see whether the app is up.
    if (path === '/heartbeat') {
      replyJson(response, 200, { status: 'ok' })
      return
    }
    const caller = verifyCaller(request.headers, this.#secret)
    if (caller.kind === 'refused') {
      this.#log.warn({ path }, 'a request without the right AUTHORIZATION-APP-API')
      replyText(response, 401, 'This app only answers its gateway.')
      return
    }
    this.#answered++
    this.#answerCaller(request, response, path, caller.user)
  }

  #answerCaller(request: IncomingMessage, response: ServerResponse, path: string, user: string): void {
    const [, first = '', second = ''] = path.split('/', 3)
    const level = levels.find((each) => each === first)
    if (path === '/') {
      const base = `/exapps/${headerText(request, 'ex-app-id')}/`
      replyPage(response, 200, appPage(base), connectSources(headerText(request, 'host')))
    } else if (first === 'assets') sendAsset(response, second)
    else if (level !== undefined && second === 'hello') this.#hello(request, response, level, user)
    else if (level !== undefined && second === 'clock') this.#clock.stream(request, response, user)
    else if (level !== undefined && second === 'upload') countUpload(request, response)
    else if (this.#rooms.has(path)) {
      reply(response, 426, 'This is a WebSocket.\n', { 'content-type': 'text/plain', upgrade: 'websocket' })
    } else if (path === '/init' || path === '/enabled') replyJson(response, 200, { error: '' })
    else replyText(response, 404, 'The sample app has no such page.')
  }

  /** Everything the app learned of the request, for the page to show. */
  #hello(request: IncomingMessage, response: ServerResponse, level: Level, user: string): void {
    replyJson(response, 200, {
      level,
      user,
      method: request.method,
      path: pathOf(request),
      headers: presentableHeaders(request.headers),
      answered: this.#answered,
    })
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const room = this.#rooms.get(pathOf(request))
    const caller = verifyCaller(request.headers, this.#secret)
    if (caller.kind === 'refused') refuseUpgrade(socket, '401 Unauthorized', [])
    else if (room === undefined) refuseUpgrade(socket, '404 Not Found', [])
    // Browsers send cookies along from any site: only pages of this origin may open a chat as the visitor.
    else if (!isSameOrigin(request)) refuseUpgrade(socket, '403 Forbidden', [])
    else this.#enter(room, caller.user, { request, socket, head })
  }

  #enter(
    room: ChatRoom,
    user: string,
    upgrade: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
  ): void {
    let member: ChatMember | undefined
    const peer = this.#webSockets.accept(upgrade.request, upgrade.socket, upgrade.head, {
      onText: (text) => member?.say(text),
      onClose: () => member?.leave(),
    })
    if (peer === null) return
    this.#answered++
    member = room.join(peer, user)
  }

  async stop(): Promise<void> {
    this.#clock.stop()
    await this.#webSockets.stop()
  }
}

function headerText(request: IncomingMessage, name: string): string {
  const value = request.headers[name]
  // What goes into the page or a header is kept to what names and addresses are made of.
  return typeof value === 'string' && /^[\w.:[\]-]{1,100}$/.test(value) ? value : ''
}

/** Older browsers do not count `ws:` of the same host as `'self'`. */
function connectSources(host: string): string {
  return host === '' ? "'self'" : `'self' ws://${host} wss://${host}`
}

function sendAsset(response: ServerResponse, name: string): void {
  const asset = appAsset(name)
  if (asset === undefined) replyText(response, 404, 'The sample app has no such file.')
  else reply(response, 200, asset.body, { 'content-type': asset.type })
}

/** Counts an upload as it streams by, and keeps nothing of it. */
function countUpload(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= maxUploadBytes || response.headersSent) return
    replyText(response, 413, 'More than the demo takes.')
  })
  request.on('end', () => {
    if (!response.headersSent) replyJson(response, 200, { bytes })
  })
  request.on('error', () => response.destroy())
}
