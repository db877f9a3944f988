import type { ResponseHead } from '../../codec/http1/response-head.ts'
import type { FrontStream } from '../proxy/front-stream.ts'
import type { LocalResponse } from '../proxy/local-response.ts'

/** Below the shortest limits on silence that proxies have by default (30 to 60 s). */
const blankEveryMs = 20_000

/**
 * The answer of a control call. One that is kept open sends its head after 20 s, then a blank every 20 s: JSON may
 * begin with blanks, so clients see nothing of it, while every proxy between sees a connection in use (W29).
 */
export class SlowAnswer {
  readonly #front: FrontStream
  #timer: NodeJS.Timeout | undefined
  /** null: nothing was sent yet. */
  #mode: 'raw' | 'data' | null = null

  constructor(front: FrontStream) {
    this.#front = front
  }

  keepOpen(): void {
    this.#timer ??= setInterval(() => this.#sendBlank(), blankEveryMs)
  }

  /** The client went away. */
  stop(): void {
    clearInterval(this.#timer)
    this.#mode = null
  }

  respond(response: LocalResponse): void {
    clearInterval(this.#timer)
    if (this.#mode === null) {
      this.#front.respond(response)
    } else if (response.status === 200) {
      this.#send(response.body.toString())
      if (this.#mode === 'raw') this.#front.sendBody(Buffer.from('0\r\n'))
      this.#front.finish([])
    } else {
      this.#front.abort()
    }
  }

  #sendBlank(): void {
    this.#mode ??= this.#front.sendHead(jsonHead)
    this.#send(' ')
  }

  #send(text: string): void {
    const bytes = Buffer.from(text)
    const size = `${bytes.length.toString(16)}\r\n`
    this.#front.sendBody(this.#mode === 'raw' ? Buffer.from(`${size}${text}\r\n`) : bytes)
    this.#front.flush()
  }
}

const jsonHead: ResponseHead = {
  status: 200,
  reason: 'OK',
  minorVersion: 1,
  fields: ['content-type', 'application/json; charset=utf-8'],
  framing: { kind: 'chunked' },
  keepAlive: true,
  connectionOptions: [],
  upgrade: null,
  keepAliveSeconds: null,
}
