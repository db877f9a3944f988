import type { FrontStream } from '../proxy/front-stream.ts'
import { stockPages } from '../proxy/local-response.ts'
import { BodyRefused, text } from './control-api.ts'

/** Bytes of bodies in memory: all control requests under way share it. */
export class BodyBudget {
  #left: number

  constructor(maxBytes: number) {
    this.#left = maxBytes
  }

  /** False: there is no room, and nothing is taken. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false
    this.#left -= bytes
    return true
  }

  give(bytes: number): void {
    this.#left += bytes
  }
}

/** The body of one control request, whole and in memory until it is released. */
export class ControlBody {
  readonly #front: FrontStream
  readonly #budget: BodyBudget
  readonly #onGone: () => void
  #size = 0

  /** `onGone`: the client went away, while its body was read or later. */
  constructor(front: FrontStream, budget: BodyBudget, onGone: () => void) {
    this.#front = front
    this.#budget = budget
    this.#onGone = onGone
  }

  /** Rejects with BodyRefused, or when the client goes away. */
  read(maxBytes: number): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const front = this.#front
    const chunks: Buffer[] = []
    let isRefused = false
    const refuse = (refused: BodyRefused): void => {
      isRefused = true
      chunks.length = 0
      front.pauseBody()
      reject(refused)
    }
    front.setListener({
      onClientDrain() {},
      onClientGone: () => {
        this.#onGone()
        reject(new Error('the client went away before its request was complete'))
      },
      onBodyTimeout: () => refuse(new BodyRefused(stockPages[408])),
    })
    front.sendContinue()
    front.receiveBody(
      {
        onRequestBody: (bytes) => {
          if (isRefused) return
          if (this.#size + bytes.length > maxBytes) {
            refuse(new BodyRefused(text(413, `Maximum request body size ${maxBytes} exceeded.`)))
          } else if (this.#budget.take(bytes.length)) {
            this.#size += bytes.length
            chunks.push(Buffer.from(bytes))
          } else {
            refuse(new BodyRefused(text(503, 'Too many large requests at once, try again later')))
          }
        },
        onRequestEnd: () => resolve(Buffer.concat(chunks)),
      },
      'data',
    )
    return promise
  }

  /** The request is answered. */
  release(): void {
    this.#budget.give(this.#size)
    this.#size = 0
  }
}
