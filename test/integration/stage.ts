/**
 * What an integration test plays on: the gateway as a child process, a stand-in Nextcloud, and apps on plain
 * sockets that do exactly what the test says. Everything started here ends with `close`.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { deadlineIn, eventually, within } from '../support/deadline.ts'
import { type ExAppHandler, FakeExApp } from '../support/fake-exapp.ts'
import { type FakeAppRecord, FakeNextcloud, type FakeRoute } from '../support/fake-nextcloud.ts'
import { type Environment, GatewayProcess, prepareGatewayPlace } from '../support/gateway-process.ts'
import {
  type Endpoint,
  exchange,
  RawConnection,
  type RawOutcome,
  type RawRequest,
  type RawResponse,
} from '../support/raw-http.ts'

export const mebibyte = 1024 * 1024

const openRoutes: readonly FakeRoute[] = [{ url: '.*', access_level: 0, bruteforce_protection: [] }]

/** A socket of an app under the test's control, in the order of connecting. */
export type SocketHandler = (socket: Socket, connection: number) => void

/** An app that is nothing but a listening socket. */
export class RawApp {
  readonly port: number
  readonly sockets = new Set<Socket>()
  readonly #server: Server
  #connections = 0

  private constructor(server: Server, onSocket: SocketHandler) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => {
      this.sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => this.sockets.delete(socket))
      onSocket(socket, (this.#connections += 1))
    })
  }

  static async start(
    onSocket: SocketHandler,
    options: { port?: number; host?: string } = {},
  ): Promise<RawApp> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve)
    })
    return new RawApp(server, onSocket)
  }

  get connectionCount(): number {
    return this.#connections
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const socket of this.sockets) socket.destroy()
    await closed
  }
}

export class Stage {
  readonly nextcloud: FakeNextcloud
  readonly gateway: GatewayProcess
  readonly #closers: (() => Promise<unknown>)[] = []

  private constructor(nextcloud: FakeNextcloud, gateway: GatewayProcess) {
    this.nextcloud = nextcloud
    this.gateway = gateway
  }

  static async open(environment: Environment = {}): Promise<Stage> {
    const nextcloud = await FakeNextcloud.start()
    try {
      const place = await prepareGatewayPlace(nextcloud.url, {
        environment: {
          HP_BLACKLIST_COUNT: '1000000',
          HP_TRUSTED_PROXY_IPS: '127.0.0.0/8',
          HP_LOG_LEVEL: 'warning',
          ...environment,
        },
      })
      return new Stage(nextcloud, await GatewayProcess.startIn(place))
    } catch (error) {
      await nextcloud.stop()
      throw error
    }
  }

  get endpoint(): Endpoint {
    return { host: '127.0.0.1', port: this.gateway.port }
  }

  get pid(): number {
    return this.gateway.program.pid
  }

  /** Makes an app known to Nextcloud; gives the path under which the gateway serves it. */
  addApp(port: number, record: Partial<FakeAppRecord> = {}, id: string = newAppId()): string {
    this.nextcloud.setApp(id, {
      record: {
        exapp_token: 'TOK',
        exapp_version: '1.2.3',
        host: '127.0.0.1',
        port,
        routes: openRoutes,
        ...record,
      },
    })
    return `/exapps/${id}`
  }

  /** A stand-in that reads requests and answers with the handler (without one: by the request itself). */
  async exapp(handler?: ExAppHandler): Promise<{ app: FakeExApp; path: string }> {
    const app = await FakeExApp.start(handler === undefined ? {} : { handler })
    this.own(() => app.stop())
    return { app, path: this.addApp(app.port) }
  }

  async rawApp(onSocket: SocketHandler): Promise<{ app: RawApp; path: string }> {
    const app = await RawApp.start(onSocket)
    this.own(() => app.stop())
    return { app, path: this.addApp(app.port) }
  }

  /** Ends with the stage, last first. */
  own(close: () => Promise<unknown>): void {
    this.#closers.push(close)
  }

  connect(timeoutMs?: number): Promise<RawConnection> {
    return RawConnection.open(this.endpoint, timeoutMs)
  }

  send(request: RawRequest, timeoutMs?: number): Promise<RawOutcome> {
    return exchange(this.endpoint, request, timeoutMs)
  }

  /** Ends everything; the gateway's exit is for who wants to judge it. */
  async close(): Promise<{ code: number | null; output: string }> {
    for (const close of this.#closers.toReversed()) await close()
    this.#closers.length = 0
    const exit = await this.gateway.stop()
    await this.nextcloud.stop()
    return { code: exit.code, output: exit.stdout + exit.stderr }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

export function newAppId(): string {
  return `app${randomBytes(5).toString('hex')}`
}

/** Resident memory of a process in bytes (Linux). */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? '0') * 1024
}

/** How many sockets a process holds (Linux). */
export async function openSockets(pid: number): Promise<number> {
  const links = await Promise.all(
    (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
  )
  return links.filter((link) => link.startsWith('socket:')).length
}

/** Waits until a process holds at most this many sockets. */
export async function untilSockets(pid: number, atMost: number, timeoutMs: number = 10_000): Promise<void> {
  let last = -1
  try {
    await eventually(
      'sockets to be closed',
      async () => {
        last = await openSockets(pid)
        return last <= atMost ? true : undefined
      },
      { timeoutMs, everyMs: 50 },
    )
  } catch (error) {
    throw new Error(`${last} sockets are open, expected at most ${atMost}`, { cause: error })
  }
}

/** Resolves with the head of the next request on an app's socket, and what came after it. Leaves the socket paused. */
export function requestHead(socket: Socket): Promise<{ head: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0)
    const onData = (chunk: Buffer): void => {
      seen = Buffer.concat([seen, chunk])
      const end = seen.indexOf('\r\n\r\n')
      if (end === -1) return
      socket.pause()
      socket.off('data', onData)
      resolve({ head: seen.toString('latin1', 0, end), rest: seen.subarray(end + 4) })
    }
    socket.on('data', onData)
    socket.once('close', () => reject(new Error('the gateway closed before a request head')))
  })
}

/** The response of an outcome; throws where there is none. */
export function responseOf(outcome: RawOutcome): RawResponse {
  if (outcome.kind === 'response') return outcome.response
  throw new Error(`no response but ${JSON.stringify(outcome)}`)
}

/** Runs a program to its end and gives what it printed; a status other than 0 is an error. */
export async function run(command: string, args: readonly string[], input: string = ''): Promise<string> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  child.stdin.on('error', () => undefined).end(input)
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  try {
    const code = await within(ended, deadlineIn(25_000, `${command} to end`))
    if (code !== 0) throw new Error(`${command} exited with ${code}\n${output}`)
    return output
  } finally {
    child.kill('SIGKILL')
  }
}
