import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'

/** A clock as Server-Sent Events: one event at once, then one each second, to a bounded number of readers. */
const maxStreams = 128
/** The browser then connects again by itself. */
const maxTicks = 3600
const maxBufferedBytes = 64 * 1024
const tickMs = 1000

interface Stream {
  readonly response: ServerResponse
  readonly user: string
  ticks: number
}

export class LiveClock {
  readonly #clock: Clock
  readonly #streams = new Set<Stream>()
  readonly #timer: NodeJS.Timeout

  constructor(clock: Clock) {
    this.#clock = clock
    this.#timer = setInterval(() => this.#tickAll(), tickMs)
    this.#timer.unref()
  }

  stream(request: IncomingMessage, response: ServerResponse, user: string): void {
    request.resume()
    if (this.#streams.size >= maxStreams) {
      response.writeHead(503, { 'retry-after': '5' }).end()
      return
    }
    const stream: Stream = { response, user, ticks: 0 }
    this.#streams.add(stream)
    response.once('close', () => this.#streams.delete(stream))
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // nginx would otherwise gather the events into one answer.
      'x-accel-buffering': 'no',
    })
    response.write('retry: 3000\n\n')
    this.#tick(stream)
  }

  stop(): void {
    clearInterval(this.#timer)
    for (const stream of this.#streams) stream.response.end()
  }

  #tickAll(): void {
    for (const stream of this.#streams) this.#tick(stream)
  }

  #tick(stream: Stream): void {
    const { response } = stream
    stream.ticks++
    const event = { at: this.#clock.wall(), tick: stream.ticks, user: stream.user }
    response.write(`data: ${JSON.stringify(event)}\n\n`)
    if (response.writableLength > maxBufferedBytes) response.destroy()
    else if (stream.ticks >= maxTicks) response.end()
  }
}
