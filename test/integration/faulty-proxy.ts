/**
 * A reverse proxy in front of the gateway with the mistakes that administrators make. Without a fault it does
 * what docs/reverse-proxy.md asks of every proxy.
 */
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { SelfSigned } from '../support/self-signed.ts'

export interface ProxyFaults {
  /** The path loses its /exapps. */
  readonly strips?: boolean
  /** /exapps/ is not forwarded: this answers. */
  readonly answers?: {
    readonly code: number
    readonly body?: string
    readonly headers?: Readonly<Record<string, string>>
  }
  readonly forwardedFor?: 'replace' | 'append' | 'pass' | 'remove' | 'garbage'
  readonly collects?: 'answers' | 'requests'
  readonly upgrades?: 'pass' | 'strip' | 'refuse' | 'mute'
  readonly decodes?: boolean
  readonly removes?: string
  readonly maxBodyBytes?: number
}

export interface FaultyProxyOptions {
  readonly gatewayPort: number
  readonly faults?: ProxyFaults
  /** From where it connects to the gateway. */
  readonly address?: string
  readonly tls?: SelfSigned
}

export class FaultyProxy {
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, scheme: string) {
    this.#server = server
    this.url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async start(options: FaultyProxyOptions): Promise<FaultyProxy> {
    const { tls } = options
    const server =
      tls === undefined ? createServer() : (createTlsServer({ cert: tls.cert, key: tls.key }) as Server)
    server.on('request', (request, response) => void pass(options, request, response))
    server.on('upgrade', (request, socket: Socket, early: Buffer) => upgrade(options, request, socket, early))
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    return new FaultyProxy(server, tls === undefined ? 'http' : 'https')
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

async function pass(
  options: FaultyProxyOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { faults = {} } = options
  if (faults.answers !== undefined) {
    const { code, body = '', headers = {} } = faults.answers
    response.writeHead(code, headers).end(body)
    return
  }
  if (Number(request.headers['content-length'] ?? '0') > (faults.maxBodyBytes ?? Infinity)) {
    request.resume()
    response.writeHead(413).end('too large')
    return
  }
  const { method } = request
  const onward = forward({
    ...destination(options),
    method,
    path: pathOf(request, faults),
    headers: headersOf(request, faults),
    agent: false,
  })
  onward.on('error', () => response.writeHead(502).end('<h1>Bad Gateway</h1>'))
  onward.on('response', (given) => {
    const { connection: _, 'transfer-encoding': __, ...headers } = given.headers
    response.writeHead(given.statusCode ?? 0, headers)
    if (faults.collects !== 'answers') {
      response.flushHeaders()
      given.pipe(response)
      return
    }
    const chunks: Buffer[] = []
    given.on('data', (chunk: Buffer) => chunks.push(chunk))
    given.on('end', () => response.end(Buffer.concat(chunks)))
  })
  if (faults.collects !== 'requests') {
    request.pipe(onward)
    return
  }
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => onward.end(Buffer.concat(chunks)))
}

function upgrade(options: FaultyProxyOptions, request: IncomingMessage, socket: Socket, early: Buffer): void {
  const { faults = {} } = options
  socket.on('error', () => socket.destroy())
  if (faults.upgrades === 'refuse') {
    socket.destroy()
    return
  }
  const headers = headersOf(request, faults)
  if (faults.upgrades !== 'strip') {
    headers['connection'] = 'Upgrade'
    headers['upgrade'] = request.headers.upgrade
  }
  const onward = forward({ ...destination(options), path: pathOf(request, faults), headers, agent: false })
  onward.on('error', () => socket.destroy())
  onward.on('response', (given) => {
    socket.write(formatHead(given))
    given.pipe(socket)
  })
  onward.on('upgrade', (given, tunnel: Socket, first: Buffer) => {
    tunnel.on('error', () => tunnel.destroy())
    socket.once('close', () => tunnel.destroy())
    socket.write(formatHead(given))
    if (faults.upgrades === 'mute') return
    socket.write(first)
    tunnel.write(early)
    tunnel.pipe(socket)
    socket.pipe(tunnel)
  })
  onward.end()
}

function destination({ gatewayPort, address }: FaultyProxyOptions) {
  return { host: '127.0.0.1', port: gatewayPort, ...(address === undefined ? {} : { localAddress: address }) }
}

function pathOf(request: IncomingMessage, faults: ProxyFaults): string {
  const path = faults.decodes === true ? (request.url ?? '').replace(/%2F/gi, '/') : (request.url ?? '')
  return faults.strips === true ? path.replace(/^\/exapps/, '') : path
}

function headersOf(
  request: IncomingMessage,
  faults: ProxyFaults,
): Record<string, string | string[] | undefined> {
  const { connection: _, upgrade: __, ...kept } = request.headers
  const headers: Record<string, string | string[] | undefined> = { ...kept }
  const client = request.socket.remoteAddress ?? ''
  const claimed = request.headers['x-forwarded-for']
  if (faults.removes !== undefined) delete headers[faults.removes]
  switch (faults.forwardedFor ?? 'replace') {
    case 'replace':
      headers['x-forwarded-for'] = client
      break
    case 'append':
      headers['x-forwarded-for'] = [claimed, client].filter((each) => each !== undefined).join(', ')
      break
    case 'garbage':
      headers['x-forwarded-for'] = 'unknown'
      break
    case 'remove':
      delete headers['x-forwarded-for']
      break
    case 'pass':
      break
  }
  return headers
}

function formatHead({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  let text = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  return `${text}\r\n`
}
