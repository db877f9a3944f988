import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import tls from 'node:tls'
import type { Clock } from '../../base/clock.ts'
import { trustedAuthorities } from '../../net/trusted-authorities.ts'
import { HarpError } from '../../base/errors.ts'
import {
  connectionProblem,
  timeoutCode,
  type ConnectionProblem,
  type ConnectionStage,
} from './connection-problem.ts'

/** One HTTP request as `harp doctor` makes it: its own connection, no redirect followed, everything timed. */
export interface ProbeRequest {
  readonly url: URL
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly clock: Clock
  /** Sent in two parts, the second after the pause. */
  readonly body?: { readonly parts: readonly [Buffer, Buffer]; readonly pauseMs: number }
}

export type ProbeResult = ProbeResponse | ProbeUpgrade | ProbeFailure

export interface ProbeResponse {
  readonly kind: 'response'
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** UTF-8, cut at the limit. */
  readonly body: string
  /** When the answer's head came, wall clock. */
  readonly receivedAt: number
  /** How the body came: the bytes received by then, and when (monotonic). */
  readonly pieces: readonly { readonly at: number; readonly bytes: number }[]
  readonly certificateValidTo: Date | null
}

/** 101, and a socket that the caller must destroy. */
export interface ProbeUpgrade {
  readonly kind: 'upgraded'
  readonly headers: IncomingHttpHeaders
  readonly socket: Socket
  /** What came with the head. */
  readonly early: Buffer
}

export interface ProbeFailure {
  readonly kind: 'failed'
  readonly problem: ConnectionProblem
}

const maxBodyBytes = 262_144

/** Never rejects. */
export async function probe(request: ProbeRequest): Promise<ProbeResult> {
  const { url, timeoutMs, clock } = request
  const { promise, resolve } = Promise.withResolvers<ProbeResult>()
  const isSecure = url.protocol === 'https:'
  let stage: ConnectionStage = 'connect'
  const outgoing = (isSecure ? https : http).request(url, {
    method: request.method ?? 'GET',
    agent: false,
    headers: { ...request.headers, ...lengthOf(request.body) },
    ...(isSecure ? { ca: trustedAuthorities() } : {}),
  })
  const timer = setTimeout(() => outgoing.destroy(new HarpError(timeoutCode, 'too slow')), timeoutMs)
  let pause: NodeJS.Timeout | undefined
  outgoing.on('error', (error) => resolve({ kind: 'failed', problem: connectionProblem(error, stage) }))
  outgoing.on('socket', (socket) => {
    socket.once('connect', () => {
      stage = isSecure ? 'tls' : 'answer'
    })
    socket.once('secureConnect', () => {
      stage = 'answer'
    })
  })
  outgoing.on('upgrade', (response, socket, early) => {
    socket.on('error', () => socket.destroy())
    resolve({ kind: 'upgraded', headers: response.headers, socket, early })
  })
  outgoing.on('response', (response) => {
    collect(response, clock).then(resolve, (error: unknown) => {
      resolve({ kind: 'failed', problem: connectionProblem(error, stage) })
    })
  })
  if (request.body === undefined) outgoing.end()
  else {
    const { parts, pauseMs } = request.body
    outgoing.write(parts[0])
    pause = setTimeout(() => outgoing.end(parts[1]), pauseMs)
  }
  try {
    const result = await promise
    // An answer may come before the whole request is sent; what is left is not needed then.
    if (result.kind === 'response') outgoing.destroy()
    return result
  } finally {
    clearTimeout(timer)
    clearTimeout(pause)
  }
}

async function collect(response: IncomingMessage, clock: Clock): Promise<ProbeResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const receivedAt = clock.wall()
  const chunks: Buffer[] = []
  const pieces: { at: number; bytes: number }[] = []
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > maxBodyBytes) {
      resolve(undefined)
      return
    }
    chunks.push(chunk)
    pieces.push({ at: clock.monotonic(), bytes })
  })
  response.on('error', reject)
  response.on('end', () => resolve(undefined))
  const certificateValidTo = validTo(response.socket)
  await promise
  return {
    kind: 'response',
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString('utf8'),
    receivedAt,
    pieces,
    certificateValidTo,
  }
}

function validTo(socket: Socket): Date | null {
  if (!(socket instanceof tls.TLSSocket)) return null
  const certificate = socket.getPeerX509Certificate()
  return certificate === undefined ? null : new Date(certificate.validTo)
}

function lengthOf(body: ProbeRequest['body']): Record<string, string> {
  if (body === undefined) return {}
  return { 'content-length': String(body.parts[0].length + body.parts[1].length) }
}
