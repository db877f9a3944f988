/**
 * Everything that clients do to a gateway, polite and rude, over HTTP/1 and HTTP/2, for a while and with a heap
 * so small that a leak of one object per request would end the process.
 */
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { mebibyte, openSockets, residentBytes, Stage, untilSockets } from '../integration/stage.ts'

const patienceMs = 5_000

test(
  '6,000 operations of twelve kinds leave no connection and no memory behind',
  { timeout: 90_000 },
  async () => {
    await using stage = await Stage.open({
      NODE_OPTIONS: '--max-old-space-size=48',
      HP_TIMEOUT_TUNNEL: '2s',
    })
    const { app, path } = await stage.exapp()
    const crowd = new Crowd(stage, path)
    const socketsBefore = await openSockets(stage.pid)
    await crowd.run(1_500)
    const warm = await residentBytes(stage.pid)

    await crowd.run(6_000)
    crowd.close()
    await untilSockets(stage.pid, socketsBefore + 3, 20_000)
    const after = await residentBytes(stage.pid)
    console.log(
      `soak: ${(warm / mebibyte).toFixed(0)} MiB after 1,500 operations, ${(after / mebibyte).toFixed(0)} MiB after 7,500`,
    )

    expect(after - warm).toBeLessThan(48 * mebibyte)
    expect(app.violations).toEqual([])
    expect(stage.gateway.program.exited).toBeUndefined()
  },
)

class Crowd {
  readonly #stage: Stage
  readonly #path: string
  #session: ClientHttp2Session | null = null

  constructor(stage: Stage, path: string) {
    this.#stage = stage
    this.#path = path
  }

  async run(count: number): Promise<void> {
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < count) await this.#one((next += 1))
    }
    await Promise.all(Array.from({ length: 16 }, worker))
  }

  close(): void {
    this.#session?.destroy()
  }

  async #one(number: number): Promise<void> {
    const path = `${this.#path}/x`
    const upgrade = `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo-bytes\r\n\r\nhi`
    const get = (query: string): string => `GET ${path}${query} HTTP/1.1\r\nHost: h\r\n\r\n`
    switch (number % 12) {
      case 0:
        await this.#stage.send({ target: path })
        return
      case 1:
        await this.#stage.send({ method: 'POST', target: path, body: Buffer.alloc(50_000) })
        return
      case 2:
        await this.#stage.send({ target: `/exapps/none${number % 500}/x` })
        return
      case 3:
        return this.#raw(`PUT ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nhalf`, 'reset')
      case 4:
        return this.#raw(get('?do=bytes&size=2000000'), 'leave')
      case 5:
        return this.#raw(upgrade, 'end')
      case 6:
        return this.#raw(upgrade, 'reset')
      case 7:
        return this.#stream(`${path}?do=bytes&size=100000`, false)
      case 8:
        return this.#stream(`${path}?do=bytes&size=2000000`, true)
      case 9:
        return this.#raw(get('?do=cut&after=1000'), 'leave')
      case 10:
        return this.#webSocket(path)
      default:
        return this.#raw(get('?do=slow&ms=20'), 'reset')
    }
  }

  /** `leave` closes at the first bytes of an answer. */
  #raw(text: string, how: 'end' | 'reset' | 'leave'): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const socket = connect(this.#stage.gateway.port, '127.0.0.1')
    const timer = setTimeout(() => socket.destroy(), patienceMs)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.once('connect', () => {
      socket.write(text)
      if (how === 'end') socket.end()
      else if (how === 'reset') setImmediate(() => socket.resetAndDestroy())
    })
    socket.on('data', () => {
      if (how === 'leave') socket.destroy()
    })
    return promise
  }

  #stream(path: string, isCancelled: boolean): Promise<void> {
    if (this.#session === null || this.#session.closed || this.#session.destroyed) {
      this.#session = connectHttp2(`http://127.0.0.1:${this.#stage.gateway.port}`)
      this.#session.on('error', () => undefined)
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const stream = this.#session.request({ ':path': path })
    stream.on('error', () => undefined)
    stream.once('close', resolve)
    stream.resume()
    if (isCancelled) setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), 2)
    return promise
  }

  #webSocket(path: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const socket = new WebSocket(`ws://127.0.0.1:${this.#stage.gateway.port}${path}`)
    socket.on('error', () => undefined)
    socket.once('close', () => resolve())
    socket.once('open', () => socket.send('hello'))
    socket.once('message', () => socket.close(1000))
    return promise
  }
}
