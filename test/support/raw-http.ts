/**
 * A raw-socket HTTP/1 client for tests: sends exactly the bytes it is given and reports exactly what came back.
 * What a browser hides is an outcome here: `drop` (closed without one byte) and `cut` (closed inside a message).
 */
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { type Deadline, deadlineIn, within } from './deadline.ts'
import {
  type BodyFraming,
  framingOf,
  type HeaderLine,
  headerValues,
  readBody,
  readHead,
  type WireHead,
  WireViolation,
} from './http1-wire.ts'
import { ConnectionClosed, SocketReader } from './socket-reader.ts'

export interface Endpoint {
  readonly host: string
  readonly port: number
  /** The source address, to be another client where the gateway sees the TCP peer. */
  readonly localAddress?: string
  readonly tls?: ConnectionOptions
}

export interface RawRequest {
  readonly method?: string
  readonly target: string
  readonly version?: 'HTTP/1.0' | 'HTTP/1.1'
  /** Sent as they are; Host and Content-Length are added only where no line names them. */
  readonly headers?: readonly HeaderLine[]
  readonly body?: string | Uint8Array
}

export interface RawResponseHead {
  readonly status: number
  readonly reason: string
  readonly version: string
  readonly rawHead: string
  readonly headers: readonly HeaderLine[]
  readonly framing: BodyFraming
  /** Statuses of the 1xx heads that came before. */
  readonly interim: readonly number[]
}

export interface RawResponse extends RawResponseHead {
  readonly body: Buffer
  readonly trailers: readonly HeaderLine[]
}

export type RawOutcome =
  | { readonly kind: 'response'; readonly response: RawResponse }
  | { readonly kind: 'drop' }
  | { readonly kind: 'cut'; readonly reason: string }

const defaultTimeoutMs = 10_000
const maxCollectedBytes = 64 * 1024 * 1024

/** Latin-1 bytes of a request; write raw UTF-8 into a target as its Latin-1 reading. */
export function formatRequest(endpoint: Endpoint, request: RawRequest): Buffer {
  const lines: HeaderLine[] = [...(request.headers ?? [])]
  const has = (name: string): boolean => headerValues(lines, name).length > 0
  if (!has('host')) lines.unshift(['Host', `${endpoint.host}:${endpoint.port}`])
  const body = typeof request.body === 'string' ? Buffer.from(request.body) : request.body
  if (body !== undefined && !has('content-length') && !has('transfer-encoding')) {
    lines.push(['Content-Length', String(body.length)])
  }
  const start = `${request.method ?? 'GET'} ${request.target} ${request.version ?? 'HTTP/1.1'}`
  const head = [start, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
  return Buffer.concat([Buffer.from(head, 'latin1'), body ?? new Uint8Array(0)])
}

export class RawConnection {
  readonly endpoint: Endpoint
  readonly socket: Socket
  readonly reader: SocketReader
  /** Resolves when the connection is gone, however it ended. */
  readonly closed: Promise<void>

  private constructor(endpoint: Endpoint, socket: Socket) {
    this.endpoint = endpoint
    this.socket = socket
    this.closed = new Promise((resolve) => {
      socket.once('close', () => resolve())
    })
    this.reader = new SocketReader(socket)
  }

  static async open(endpoint: Endpoint, timeoutMs: number = defaultTimeoutMs): Promise<RawConnection> {
    const { host, port, localAddress } = endpoint
    const local = localAddress === undefined ? {} : { localAddress }
    const socket =
      endpoint.tls === undefined
        ? connect({ host, port, ...local, noDelay: true })
        : connectTls({ host, port, ...local, ...endpoint.tls })
    const connected = Promise.withResolvers<void>()
    socket.once(endpoint.tls === undefined ? 'connect' : 'secureConnect', () => connected.resolve())
    socket.once('error', (error) => connected.reject(error))
    try {
      await within(connected.promise, deadlineIn(timeoutMs, `connect to ${host}:${port}`))
    } catch (error) {
      socket.destroy()
      throw error
    }
    return new RawConnection(endpoint, socket)
  }

  /** Resolves when the bytes are handed to the system; a peer that closed already is seen when reading. */
  async send(bytes: string | Uint8Array, timeoutMs: number = defaultTimeoutMs): Promise<void> {
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
    const written = new Promise<void>((resolve) => {
      this.socket.write(data, () => resolve())
    })
    await within(written, deadlineIn(timeoutMs, `send ${data.length} bytes`))
  }

  async sendRequest(request: RawRequest): Promise<void> {
    await this.send(formatRequest(this.endpoint, request))
  }

  /** The next final response head; undefined: closed without a byte. 101 is final. */
  async readHead(
    method: string = 'GET',
    timeoutMs: number = defaultTimeoutMs,
  ): Promise<RawResponseHead | undefined> {
    const deadline = deadlineIn(timeoutMs, 'a response head')
    const interim: number[] = []
    for (;;) {
      const head = await readHead(this.reader, deadline)
      if (head === undefined) {
        if (interim.length > 0) throw new ConnectionClosed('closed after an interim response')
        return undefined
      }
      const parsed = parseStatus(head, method, interim)
      if (parsed.status >= 200 || parsed.status === 101) return parsed
      interim.push(parsed.status)
    }
  }

  /** The body of the head just read, as it arrives. */
  body(
    head: RawResponseHead,
    idleMs: number = defaultTimeoutMs,
    trailers: HeaderLine[] = [],
  ): AsyncGenerator<Buffer, void, void> {
    return readBody(this.reader, head.framing, idleMs, trailers)
  }

  /** The next whole response. */
  async readOutcome(
    options: { readonly method?: string; readonly timeoutMs?: number } = {},
  ): Promise<RawOutcome> {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
    try {
      const head = await this.readHead(options.method, timeoutMs)
      if (head === undefined) return { kind: 'drop' }
      const trailers: HeaderLine[] = []
      const chunks: Buffer[] = []
      let size = 0
      for await (const chunk of this.body(head, timeoutMs, trailers)) {
        size += chunk.length
        if (size > maxCollectedBytes) throw new Error('body too large to collect')
        chunks.push(chunk)
      }
      return { kind: 'response', response: { ...head, body: Buffer.concat(chunks), trailers } }
    } catch (error) {
      if (error instanceof ConnectionClosed || error instanceof WireViolation) {
        return { kind: 'cut', reason: error.message }
      }
      throw error
    }
  }

  /** Waits until the peer has closed and says whether anything came before that. */
  async readToEnd(timeoutMs: number = defaultTimeoutMs): Promise<Buffer> {
    const deadline: Deadline = deadlineIn(timeoutMs, 'the end of the connection')
    const chunks: Buffer[] = []
    for (;;) {
      const chunk = await this.reader.takeSome(65_536, deadline)
      if (chunk === undefined) return Buffer.concat(chunks)
      chunks.push(chunk)
    }
  }

  /** Ends our direction only. */
  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
    await this.closed
  }
}

/** One request on its own connection. */
export async function exchange(
  endpoint: Endpoint,
  request: RawRequest,
  timeoutMs: number = defaultTimeoutMs,
): Promise<RawOutcome> {
  await using connection = await RawConnection.open(endpoint, timeoutMs)
  await connection.sendRequest(request)
  return await connection.readOutcome({ method: request.method ?? 'GET', timeoutMs })
}

function parseStatus(head: WireHead, method: string, interim: readonly number[]): RawResponseHead {
  const match = /^(HTTP\/1\.[01]) (\d{3}) ?(.*)$/.exec(head.startLine)
  if (match === null) throw new WireViolation(`not a status line: ${JSON.stringify(head.startLine)}`)
  const [, version = '', code = '', reason = ''] = match
  const status = Number(code)
  const bodiless = method === 'HEAD' || status < 200 || status === 204 || status === 304
  // NOTE: HEAD and 304 may carry the length of a body that does not follow.
  const framing: BodyFraming = bodiless ? { kind: 'none' } : framingOf(head.headers, 'until-close')
  if (status === 204 && headerValues(head.headers, 'transfer-encoding').length > 0) {
    throw new WireViolation('a 204 with a transfer-encoding')
  }
  return { status, reason, version, rawHead: head.raw, headers: head.headers, framing, interim }
}
