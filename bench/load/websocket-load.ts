/** WebSocket workloads of the load generator: open and keep, echo, and handshake after handshake. */
import type { LoadResult } from './load-command.ts'
import { WebSocketClient } from './websocket-client.ts'

interface Where {
  readonly host: string
  readonly port: number
  readonly path: string
}

const openingAtOnce = 100
const patienceMs = 60_000

export class WebSocketLoad {
  readonly #clients = new Set<WebSocketClient>()
  #problems = 0
  #onOpened = (): void => {}
  #onEcho = (_client: WebSocketClient): void => {}
  #onLost = (): void => {}

  async open(where: Where, connections: number): Promise<LoadResult> {
    const startedAt = performance.now()
    this.#problems = 0
    const { promise, resolve } = Promise.withResolvers<undefined>()
    let started = 0
    let opened = 0
    const next = (): void => {
      if (opened + this.#problems === connections) resolve(undefined)
      else if (started < connections) {
        started++
        this.#connect(where)
      }
    }
    this.#onOpened = () => {
      opened++
      next()
    }
    this.#onLost = next
    for (let index = 0; index < Math.min(openingAtOnce, connections); index++) next()
    await orLate(promise, `${connections} WebSockets`)
    this.#onLost = () => {}
    return this.#result(this.#clients.size, startedAt)
  }

  /** For `ms`, or one echo on each socket where it is 0. */
  async echo(ms: number): Promise<LoadResult> {
    const startedAt = performance.now()
    const endsAt = startedAt + ms
    this.#problems = 0
    let echoes = 0
    let waiting = this.#clients.size
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const leave = (): void => {
      waiting--
      if (waiting === 0) resolve(undefined)
    }
    // NOTE: the clock is read once in a while: at this rate it would be a cost.
    let isOver = ms === 0
    this.#onEcho = (client) => {
      echoes++
      if ((echoes & 63) === 0 && performance.now() >= endsAt) isOver = true
      if (isOver) leave()
      else client.send()
    }
    this.#onLost = leave
    for (const client of this.#clients) client.send()
    await orLate(promise, 'the echoes')
    return this.#result(echoes, startedAt)
  }

  close(): LoadResult {
    this.#onLost = () => {}
    for (const client of this.#clients) client.close()
    this.#clients.clear()
    return { operations: 0, seconds: 0, problems: 0 }
  }

  async establish(where: Where, inFlight: number, ms: number): Promise<LoadResult> {
    const startedAt = performance.now()
    let handshakes = 0
    let problems = 0
    let running = 0
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const next = (): void => {
      if (performance.now() - startedAt >= ms) {
        if (running === 0) resolve(undefined)
        return
      }
      running++
      const client = new WebSocketClient(where, {
        onOpen() {
          handshakes++
          client.close()
        },
        onEcho() {},
        onEnd(problem) {
          running--
          if (problem !== null) problems++
          next()
        },
      })
    }
    for (let index = 0; index < inFlight; index++) next()
    await orLate(promise, 'the handshakes')
    return { operations: handshakes, seconds: (performance.now() - startedAt) / 1_000, problems }
  }

  #connect(where: Where): void {
    const client = new WebSocketClient(where, {
      onOpen: () => {
        this.#clients.add(client)
        this.#onOpened()
      },
      onEcho: (each) => this.#onEcho(each),
      onEnd: (problem) => {
        this.#clients.delete(client)
        if (problem === null) return
        this.#problems++
        this.#onLost()
      },
    })
  }

  #result(operations: number, startedAt: number): LoadResult {
    return { operations, seconds: (performance.now() - startedAt) / 1_000, problems: this.#problems }
  }
}

async function orLate(work: Promise<void>, what: string): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`waited too long for ${what}`)), patienceMs)
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
