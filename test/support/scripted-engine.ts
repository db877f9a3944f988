/**
 * A scripted Docker or Podman engine on a Unix socket or a TCP port: a working life cycle of containers out of
 * its `state`, any range of API versions, and faults on request. Whoever starts one stops it.
 *
 *   await using engine = await ScriptedEngine.start({ apiVersion: '1.41', minApiVersion: '1.12' })
 *   engine.state.registry.set('ghcr.io/a/b:c', { os: 'alpine' })        // can be pulled
 *   engine.on('POST', /^\/containers\/[^/]+\/start$/, answer(500, { message: 'no space left' }), 1)
 *   expect(engine.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([…])
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { eventually } from './deadline.ts'
import { answerFromState, type EngineCall, type EngineReply } from './engine-routes.ts'
import { EngineState } from './engine-state.ts'

export type { EngineCall, EngineReply } from './engine-routes.ts'
export type { FakeContainer, FakeExec, FakeImageOptions } from './engine-state.ts'

export interface ScriptedEngineOptions {
  /** A Unix socket; absent: TCP on loopback. */
  readonly path?: string
  /** 0, the default: a free one. */
  readonly port?: number
  /** Podman takes any version in a path. */
  readonly engine?: 'docker' | 'podman'
  readonly release?: string
  readonly apiVersion?: string
  readonly minApiVersion?: string
}

/** One call while it is answered. */
export interface EngineExchange {
  readonly call: EngineCall
  readonly response: ServerResponse
  readonly socket: Socket
  /** What the engine would do without a script; its answer is for the caller to send. */
  readonly act: () => EngineReply
  readonly send: (reply: EngineReply) => Promise<void>
}

export type Behaviour = (exchange: EngineExchange) => void | Promise<void>

interface Rule {
  readonly method: string
  readonly path: RegExp
  readonly behaviour: Behaviour
  left: number
}

export class ScriptedEngine {
  readonly state = new EngineState()
  /** All calls in order, but for the question for the engine's versions (`GET /version`). */
  readonly calls: EngineCall[] = []
  versionQuestions = 0
  connectionCount = 0
  apiVersion: string
  minApiVersion: string
  release: string
  readonly #engine: 'docker' | 'podman'
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #rules: Rule[] = []

  private constructor(options: ScriptedEngineOptions) {
    this.#engine = options.engine ?? 'docker'
    this.apiVersion = options.apiVersion ?? (this.#engine === 'podman' ? '1.41' : '1.51')
    this.minApiVersion = options.minApiVersion ?? '1.24'
    this.release = options.release ?? (this.#engine === 'podman' ? '5.2.0' : '28.3.3')
    this.#server = createServer((request, response) => void this.#serve(request, response))
    this.#server.keepAliveTimeout = 0
    this.#server.on('connection', (socket) => {
      this.connectionCount += 1
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async start(options: ScriptedEngineOptions = {}): Promise<ScriptedEngine> {
    const engine = new ScriptedEngine(options)
    const where =
      options.path === undefined ? { host: '127.0.0.1', port: options.port ?? 0 } : { path: options.path }
    await new Promise<void>((resolve, reject) => {
      engine.#server.once('error', reject)
      engine.#server.listen(where, resolve)
    })
    return engine
  }

  /** Of a TCP engine. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get openConnections(): number {
    return this.#sockets.size
  }

  /** The last rule that fits wins; `path` is tested without version and query. It is used up after `times` calls. */
  on(method: string, path: RegExp, behaviour: Behaviour, times: number = Number.POSITIVE_INFINITY): void {
    this.#rules.unshift({ method, path, behaviour, left: times })
  }

  clearScript(): void {
    this.#rules.length = 0
  }

  /** `METHOD /path` of every call, without version and query. */
  get summary(): string[] {
    return this.calls.map(({ method, path }) => `${method} ${path}`)
  }

  async waitForCall(method: string, path: RegExp): Promise<EngineCall> {
    return eventually(`${method} ${path.source} at the engine`, () =>
      this.calls.find((call) => call.method === method && path.test(call.path)),
    )
  }

  /** Cuts every connection, as a restart does. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.dropConnections()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      // NOTE: the caller gave up in the middle; there is nobody to answer.
      return
    }
    const call = readCall(request, Buffer.concat(chunks))
    if (call.path === '/version') this.versionQuestions += 1
    else this.calls.push(call)
    const exchange: EngineExchange = {
      call,
      response,
      socket: request.socket,
      act: () => this.#answer(call),
      send: (reply) => this.#send(exchange, reply),
    }
    const rule = this.#rules.find(
      (each) => each.left > 0 && each.method === call.method && each.path.test(call.path),
    )
    if (rule === undefined) return exchange.send(exchange.act())
    rule.left -= 1
    await rule.behaviour(exchange)
  }

  #answer(call: EngineCall): EngineReply {
    const refusal = this.#refuseVersion(call.version)
    if (refusal !== null) return { status: 400, json: { message: refusal } }
    if (call.path === '/_ping') return { status: 200, body: 'OK', contentType: 'text/plain; charset=utf-8' }
    if (call.path === '/version') return { status: 200, json: this.#version() }
    return answerFromState(this.state, call)
  }

  #refuseVersion(version: string | null): string | null {
    if (version === null || this.#engine === 'podman') return null
    if (minor(version) > minor(this.apiVersion)) {
      return `client version ${version} is too new. Maximum supported API version is ${this.apiVersion}`
    }
    if (minor(version) < minor(this.minApiVersion)) {
      return `client version ${version} is too old. Minimum supported API version is ${this.minApiVersion}, please upgrade your client to a newer version`
    }
    return null
  }

  #version(): unknown {
    const { apiVersion: ApiVersion, minApiVersion: MinAPIVersion, release: Version } = this
    if (this.#engine === 'podman') {
      const Components = [{ Name: 'Podman Engine', Version, Details: { APIVersion: Version } }]
      return { Version, ApiVersion, MinAPIVersion, Os: 'linux', Components }
    }
    // Engines before 1.25 do not say what they accept at least.
    if (minor(ApiVersion) < 25) return { Version, ApiVersion, Os: 'linux' }
    return {
      Version,
      ApiVersion,
      MinAPIVersion,
      Os: 'linux',
      Platform: { Name: 'Docker Engine - Community' },
    }
  }

  async #send({ response, socket, call }: EngineExchange, reply: EngineReply): Promise<void> {
    const body =
      reply.json === undefined ? Buffer.from(reply.body ?? '') : Buffer.from(JSON.stringify(reply.json))
    const contentType = reply.contentType ?? (reply.json === undefined ? undefined : 'application/json')
    const fields: Record<string, string> = {
      'Api-Version': this.apiVersion,
      Server: this.#engine === 'podman' ? `Libpod/${this.release} (linux)` : `Docker/${this.release} (linux)`,
      ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
      ...reply.headers,
    }
    if (reply.untilClose === true) {
      const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.write(`HTTP/1.1 ${reply.status} OK\r\n${lines.join('')}\r\n`)
      socket.end(body)
      return
    }
    response.writeHead(
      reply.status,
      reply.lines === undefined ? { ...fields, ...lengthOf(reply, body) } : fields,
    )
    for (const line of reply.lines ?? []) {
      response.write(line)
      await new Promise(setImmediate)
    }
    response.end(call.method === 'HEAD' || reply.lines !== undefined ? undefined : body)
  }
}

function lengthOf(reply: EngineReply, body: Buffer): Readonly<Record<string, string>> {
  return reply.status === 204 || reply.status === 304 ? {} : { 'Content-Length': String(body.length) }
}

function readCall(request: IncomingMessage, body: Buffer): EngineCall {
  const { method = '', url: target = '', headers } = request
  const match = /^(?:\/v(\d+\.\d+))?(\/[^?]*)(?:\?(.*))?$/s.exec(target)
  let json: unknown
  try {
    json = JSON.parse(body.toString('utf8'))
  } catch {
    json = undefined
  }
  return {
    method,
    target,
    version: match?.[1] ?? null,
    path: match?.[2] ?? target,
    query: new URLSearchParams(match?.[3] ?? ''),
    headers,
    body,
    json,
  }
}

function minor(version: string): number {
  return Number(version.split('.')[1] ?? '0')
}

/** This status and JSON, or text; nothing happens in the state. */
export function answer(status: number, value?: unknown): Behaviour {
  return ({ send }) =>
    send({
      status,
      ...(typeof value === 'string' ? { body: value, contentType: 'text/plain' } : { json: value }),
    })
}

/** Never an answer. */
export function hang(): Behaviour {
  return () => undefined
}

/** The answer comes once the gate is open; what is to happen, happens then. */
export function after(gate: Promise<unknown>): Behaviour {
  return async ({ act, send }) => {
    await gate
    await send(act())
  }
}

/** The connection breaks without an answer; nothing happens. */
export function reset(): Behaviour {
  return ({ socket }) => {
    socket.resetAndDestroy()
  }
}

/** It happens, but its answer is lost: what a crash between two calls looks like. */
export function loseAnswer(): Behaviour {
  return ({ act, socket }) => {
    act()
    socket.destroy()
  }
}

/** The answer ends in its middle: in a chunk, or short of its length. */
export function truncate(framing: 'chunked' | 'length', text: string): Behaviour {
  const head =
    framing === 'chunked'
      ? `Transfer-Encoding: chunked\r\n\r\n${(text.length + 10).toString(16)}\r\n`
      : `Content-Length: ${text.length + 10}\r\n\r\n`
  return bytes(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${head}${text}`)
}

/** Exactly these bytes (Latin-1), then the end of the connection. */
export function bytes(text: string): Behaviour {
  return ({ socket }) => {
    socket.end(text, 'latin1')
  }
}

/** A stream of lines, each sent when its gate opens; an answer with status 200 begins at once. */
export function lines(
  all: readonly { readonly text: string; readonly gate?: Promise<unknown> }[],
): Behaviour {
  return async ({ response }) => {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.flushHeaders()
    for (const { text, gate } of all) {
      await gate
      response.write(text)
    }
    response.end()
  }
}
