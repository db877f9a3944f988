import { createServer, request as startRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream'
import { errorCode } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { HostPort } from '../net/address.ts'
import { joinStreams } from './join-streams.ts'
import { listenOnLoopback, type LoopbackServer } from './loopback-server.ts'
import { droppedPage, unreachablePage } from './page/front-errors.ts'
import { replyPage, replyText } from './replies.ts'
import type { TunnelPanel } from './tunnel-panel.ts'
import { refuseUpgrade } from './websocket-handshake.ts'

/**
 * The demo's part of the reverse proxy in front of Nextcloud: one origin for the browser, `/exapps/` to the
 * gateway, the rest to Nextcloud. Bodies stream both ways, upgrades become byte tunnels, the client's
 * address is told in `X-Forwarded-For` and never taken from the client. Not for production: use nginx.
 */
export interface FrontOptions {
  readonly gateway: HostPort
  readonly nextcloud: HostPort
  /** Answers under /demo/tunnel. */
  readonly tunnel: Pick<TunnelPanel, 'answers'>
  /** The first free one is taken; 0 means any. */
  readonly ports: readonly number[]
  readonly log: Logger
}

/** The gateway itself gives up earlier on each of these. */
const headTimeoutMs = 120_000
const idleTimeoutMs = 1_800_000

export async function startFront(options: FrontOptions): Promise<LoopbackServer> {
  const server = createServer()
  server.on('request', (request, response) => {
    if (!options.tunnel.answers(request, response)) forward(request, response, options)
  })
  server.on('upgrade', (request, socket, head) => forwardUpgrade(request, socket, head, options))
  return listenOnLoopback(server, options.ports)
}

function forward(request: IncomingMessage, response: ServerResponse, options: FrontOptions): void {
  if (!isPlainTarget(request.url)) {
    replyText(response, 400, 'Bad Request')
    return
  }
  const upstream = startRequest(upstreamRequest(request, options, []))
  let isAnswered = false
  upstream.setTimeout(headTimeoutMs, () => upstream.destroy(new Error('no answer in time')))
  upstream.on('response', (answer) => {
    isAnswered = true
    upstream.setTimeout(idleTimeoutMs)
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders))
    // Server-Sent Events: the head must not wait for the first event.
    response.flushHeaders()
    pipeline(answer, response, () => upstream.destroy())
  })
  upstream.on('error', (error) => {
    // NOTE: pipe and not pipeline: an upload that is refused early must not take its answer along.
    request.unpipe(upstream).resume()
    if (isAnswered) return
    options.log.debug({ code: errorCode(error), path: request.url }, 'no answer from behind the front')
    if (!response.destroyed) replyFailure(response, outcomeOf(error))
  })
  response.on('close', () => upstream.destroy())
  request.pipe(upstream)
}

type Outcome = 'dropped' | 'unreachable'

/** The gateway refuses hostile requests by hanging up, which is not the same as not being there. */
function outcomeOf(error: Error): Outcome {
  return errorCode(error) === 'ECONNRESET' ? 'dropped' : 'unreachable'
}

function replyFailure(response: ServerResponse, outcome: Outcome): void {
  response.setHeader('harp-demo-outcome', outcome)
  replyPage(response, 502, outcome === 'dropped' ? droppedPage : unreachablePage)
}

function forwardUpgrade(request: IncomingMessage, client: Duplex, head: Buffer, options: FrontOptions): void {
  client.on('error', () => client.destroy())
  if (!isPlainTarget(request.url)) {
    refuseUpgrade(client, '400 Bad Request', [])
    return
  }
  const hop = ['Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? '']
  const upstream = startRequest(upstreamRequest(request, options, hop))
  let isAnswered = false
  upstream.setTimeout(headTimeoutMs, () => upstream.destroy(new Error('no answer in time')))
  client.once('close', () => upstream.destroy())
  upstream.on('upgrade', (answer, socket, rest: Buffer) => {
    isAnswered = true
    socket.setTimeout(idleTimeoutMs, () => socket.destroy())
    client.write(headText(answer, answer.rawHeaders))
    if (rest.length > 0) socket.unshift(rest)
    if (head.length > 0) client.unshift(head)
    joinStreams(client, socket)
  })
  upstream.on('response', (answer) => {
    // Not an upgrade after all: the answer goes back as it is, and ends with the connection.
    isAnswered = true
    client.write(headText(answer, [...endToEnd(answer.rawHeaders), 'Connection', 'close']))
    pipeline(answer, client, () => client.destroy())
  })
  upstream.on('error', (error) => {
    if (isAnswered || !client.writable) return
    options.log.debug({ code: errorCode(error), path: request.url }, 'no upgrade from behind the front')
    refuseUpgrade(client, '502 Bad Gateway', [`Harp-Demo-Outcome: ${outcomeOf(error)}`])
  })
  upstream.end()
}

interface UpstreamRequest {
  readonly host: string
  readonly port: number
  readonly method: string
  readonly path: string
  readonly headers: readonly string[]
  readonly agent: false
  readonly setHost: false
}

function upstreamRequest(
  request: IncomingMessage,
  options: FrontOptions,
  hop: readonly string[],
): UpstreamRequest {
  const path = request.url ?? '/'
  const target = path.startsWith('/exapps/') ? options.gateway : options.nextcloud
  const client = request.socket.remoteAddress ?? ''
  const headers = endToEnd(request.rawHeaders, [
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-real-ip',
    'expect',
  ])
  headers.push('X-Forwarded-For', client, 'X-Forwarded-Proto', 'http', 'X-Real-IP', client, ...hop)
  // A body of unknown length stays chunked; one of known length keeps its Content-Length.
  if (request.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked')
  const method = request.method ?? 'GET'
  // NOTE: no connection is kept: a dropped request and a stale kept connection would look the same.
  return { ...target, method, path, headers, agent: false, setHost: false }
}

function isPlainTarget(target: string | undefined): boolean {
  // Node refuses to send anything else, by throwing.
  return target !== undefined && /^\/[!-~]*$/.test(target)
}

const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Header lines without those that concern one hop (RFC 9110 section 7.6.1) and without `extra`. */
function endToEnd(rawHeaders: readonly string[], extra: readonly string[] = []): string[] {
  const lines: [string, string][] = []
  const left = new Set([...hopByHop, ...extra])
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name, value] = [rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '']
    if (name.toLowerCase() === 'connection') {
      for (const named of value.split(',')) left.add(named.trim().toLowerCase())
      for (const framing of ['host', 'content-length']) left.delete(framing)
    }
    lines.push([name, value])
  }
  return lines.filter(([name]) => !left.has(name.toLowerCase())).flat()
}

function headText(answer: IncomingMessage, headers: readonly string[]): string {
  const lines = [`HTTP/1.1 ${answer.statusCode ?? 502} ${answer.statusMessage ?? ''}`]
  for (let index = 0; index + 1 < headers.length; index += 2) {
    lines.push(`${headers[index]}: ${headers[index + 1]}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}
