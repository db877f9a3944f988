import type { Clock } from '../../base/clock.ts'
import type { RequestHead } from '../../codec/http1/request-head.ts'
import type { ResponseHead } from '../../codec/http1/response-head.ts'
import { canonicalAddress, isInNetworks, type Network } from '../../net/address.ts'
import type { ClientAddress } from '../access/client-address.ts'
import type { FrontStream } from '../proxy/front-stream.ts'
import type { LocalResponse } from '../proxy/local-response.ts'
import { json, text } from './control-api.ts'
import { acceptOf, closeFrame, textFrame } from './websocket-bytes.ts'

/**
 * `/exapps/app_api/doctor/…`: what `harp doctor` asks to see a request as the gateway sees it. Behind the shared
 * key like all of the control API; they change nothing, and hold a connection for a moment at most.
 */
export interface DiagnosticsOptions {
  readonly version: string
  /** Tells this process from another gateway. */
  readonly instance: string
  readonly trustedProxies: readonly Network[]
  readonly isBanned: (address: string) => boolean
  readonly clock: Clock
}

export interface DiagnosticRequest {
  readonly front: FrontStream
  readonly head: RequestHead
  readonly client: ClientAddress
  /** Below /exapps/app_api, without query. */
  readonly path: string
  /** Called once, with the status that was answered; 0: none. */
  readonly onEnd: (status: number) => void
}

/** A field in Connection that no proxy passes on, so that the gateway knows of a request that met none. */
export const directMarker = 'harp-doctor'
/** What the streamed answer is made of, and how long it waits after each. */
export const streamLines = ['first\n', 'second\n', 'third\n'] as const
export const streamPauseMs = 700

const upgradeTimeoutMs = 10_000
const maxUploadBytes = 4 * 1_048_576
const proxyFields = new Set(['host', 'forwarded', 'via', 'x-real-ip'])
const ordinaryFields = new Set(['connection', 'content-length', 'harp-shared-key'])

interface Route {
  readonly method: 'GET' | 'POST'
  readonly answer: (request: DiagnosticRequest) => void
}

export class Diagnostics {
  readonly #options: DiagnosticsOptions
  readonly #routes = new Map<string, Route>([
    ['echo', { method: 'GET', answer: (request) => finish(request, json(200, this.#echo(request))) }],
    ['stream', { method: 'GET', answer: stream }],
    ['upload', { method: 'POST', answer: (request) => this.#upload(request) }],
    ['upgrade', { method: 'GET', answer: upgrade }],
  ])

  constructor(options: DiagnosticsOptions) {
    this.#options = options
  }

  /** False where the path is none of its own. */
  handle(request: DiagnosticRequest): boolean {
    const route = this.#routes.get(/^\/doctor\/([a-z]+)(?:\/|$)/.exec(request.path)?.[1] ?? '')
    if (route === undefined) return false
    if (request.head.method === route.method) route.answer(request)
    else finish(request, text(405, '405: Method Not Allowed', ['allow', route.method]))
    return true
  }

  #echo({ front, head, client }: DiagnosticRequest): unknown {
    const { version, instance, trustedProxies, isBanned } = this.#options
    const peer = canonicalAddress(front.peer) ?? front.peer
    const forwarded: Record<string, string> = {}
    const otherFields = new Set<string>()
    for (let index = 0; index < head.fields.length; index += 2) {
      const name = head.fields[index] ?? ''
      const value = head.fields[index + 1] ?? ''
      if (!proxyFields.has(name) && !name.startsWith('x-forwarded-')) {
        if (!ordinaryFields.has(name)) otherFields.add(name)
      } else {
        forwarded[name] = forwarded[name] === undefined ? value : `${forwarded[name]}, ${value}`
      }
    }
    return {
      gateway: 'Harp',
      version,
      instance,
      target: head.target,
      protocol: front.protocol,
      peer,
      isPeerTrusted: isInNetworks(peer, trustedProxies),
      client: client.address,
      isBanned: !client.isTrustedProxy && isBanned(client.address),
      isUnchanged: head.connectionOptions.includes(directMarker),
      forwarded,
      otherFields: [...otherFields],
    }
  }

  /** Tells over how long a time the body came, which is nothing where a proxy collected it first. */
  #upload(request: DiagnosticRequest): void {
    const { front } = request
    const { clock } = this.#options
    let bytes = 0
    let firstAt: number | null = null
    let isOver = false
    const end = (response: LocalResponse | null): void => {
      if (isOver) return
      isOver = true
      if (response === null) request.onEnd(0)
      else finish(request, response)
    }
    front.setListener({
      onClientDrain() {},
      onClientGone: () => end(null),
      onBodyTimeout: () => end(text(408, 'the body stopped arriving')),
    })
    front.sendContinue()
    front.receiveBody(
      {
        onRequestBody: (chunk) => {
          firstAt ??= clock.monotonic()
          bytes += chunk.length
          if (bytes <= maxUploadBytes) return
          front.pauseBody()
          end(text(413, `more than ${maxUploadBytes} bytes`))
        },
        onRequestEnd: () => {
          const now = clock.monotonic()
          end(json(200, { bytes, tookMs: Math.round(now - (firstAt ?? now)) }))
        },
      },
      'data',
    )
  }
}

function finish(request: DiagnosticRequest, response: LocalResponse): void {
  request.front.respond({ ...response, fields: [...(response.fields ?? []), 'cache-control', 'no-store'] })
  request.onEnd(response.status)
}

/**
 * Three lines with pauses between them; below /stream/length their length is told first. A proxy that buffers
 * delivers the last ones together (the first one often goes out with the head, whatever it does to the rest).
 */
function stream(request: DiagnosticRequest): void {
  const { front, onEnd } = request
  const bytes = streamLines.join('').length
  const responseHead: ResponseHead = request.path.endsWith('/length')
    ? {
        ...okHead,
        fields: [...okHead.fields, 'content-length', String(bytes)],
        framing: { kind: 'length', bytes },
      }
    : okHead
  let timer: NodeJS.Timeout | undefined
  front.setListener({
    onClientDrain() {},
    onClientGone: () => {
      clearTimeout(timer)
      onEnd(200)
    },
    onBodyTimeout() {},
  })
  const isRaw = front.sendHead(responseHead) === 'raw'
  const send = (index: number): void => {
    const line = streamLines[index] ?? ''
    front.sendBody(Buffer.from(isRaw ? `${line.length.toString(16)}\r\n${line}\r\n` : line))
    front.flush()
    if (index + 1 < streamLines.length) timer = setTimeout(() => send(index + 1), streamPauseMs)
    else {
      if (isRaw) front.sendBody(Buffer.from('0\r\n'))
      front.finish([])
      onEnd(200)
    }
  }
  send(0)
}

/** A WebSocket that says "harp" at once, answers whatever comes, and closes. */
function upgrade(request: DiagnosticRequest): void {
  const { front, head, onEnd } = request
  const key = fieldOf(head, 'sec-websocket-key')
  if (head.upgrade?.toLowerCase() !== 'websocket' || key === undefined) {
    finish(request, text(400, 'no upgrade to websocket arrived here'))
    return
  }
  const wire = front.openTunnel(upgradeHead(key))
  if (wire === null) {
    onEnd(0)
    return
  }
  const timer = setTimeout(() => wire.destroy(), upgradeTimeoutMs)
  let isAnswered = false
  wire.setHandler({
    onData() {
      if (isAnswered) return
      isAnswered = true
      wire.write(Buffer.concat([textFrame('heard'), closeFrame]))
      wire.end()
    },
    onEnd: () => wire.end(),
    onDrain() {},
    onClose() {
      clearTimeout(timer)
      onEnd(101)
    },
  })
  wire.write(textFrame('harp'))
}

const okHead: ResponseHead = {
  status: 200,
  reason: 'OK',
  minorVersion: 1,
  fields: ['content-type', 'text/plain', 'cache-control', 'no-store'],
  framing: { kind: 'chunked' },
  keepAlive: true,
  connectionOptions: [],
  upgrade: null,
  keepAliveSeconds: null,
}

function upgradeHead(key: string): ResponseHead {
  return {
    ...okHead,
    status: 101,
    reason: 'Switching Protocols',
    fields: ['sec-websocket-accept', acceptOf(key)],
    framing: { kind: 'none' },
    upgrade: 'websocket',
  }
}

function fieldOf(head: RequestHead, name: string): string | undefined {
  for (let index = 0; index < head.fields.length; index += 2) {
    if (head.fields[index] === name) return head.fields[index + 1]
  }
  return undefined
}
