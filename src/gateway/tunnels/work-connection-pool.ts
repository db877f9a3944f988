import { gatewayError } from '../errors.ts'

export interface PooledWork {
  /** Drops it: nobody will use it. */
  discard(): void
}

interface Waiter<W> {
  readonly resolve: (work: W) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

export interface WorkPoolOptions {
  /** How many idle work connections are kept; more are dropped. */
  readonly capacity: number
  readonly maxWaiting: number
  /** Asks the client for one more (ReqWorkConn). */
  readonly request: () => void
}

/**
 * The idle work connections of one control session, oldest first, and who waits for one. As frps does: an
 * empty pool asks for one, and whoever takes one asks for its successor.
 */
export class WorkConnectionPool<W extends PooledWork> {
  readonly #options: WorkPoolOptions
  readonly #idle: W[] = []
  readonly #waiting: Waiter<W>[] = []
  #isClosed = false

  constructor(options: WorkPoolOptions) {
    this.#options = options
  }

  get idleCount(): number {
    return this.#idle.length
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  /** A work connection that just arrived: for who waits longest, or kept; discarded where there is no place. */
  offer(work: W): void {
    const waiter = this.#waiting.shift()
    if (waiter !== undefined) {
      clearTimeout(waiter.timer)
      this.#options.request()
      waiter.resolve(work)
    } else if (this.#isClosed || this.#idle.length >= this.#options.capacity) {
      work.discard()
    } else {
      this.#idle.push(work)
    }
  }

  /** An idle one died by itself. */
  remove(work: W): void {
    const index = this.#idle.indexOf(work)
    if (index !== -1) this.#idle.splice(index, 1)
  }

  /** Rejects with TUNNEL_NO_WORK_CONNECTION when the client brings none in time. */
  take(timeoutMs: number): W | Promise<W> {
    const idle = this.#idle.shift()
    if (idle !== undefined) {
      this.#options.request()
      return idle
    }
    if (this.#isClosed) return Promise.reject(lost())
    if (this.#waiting.length >= this.#options.maxWaiting) {
      return Promise.reject(
        gatewayError('TUNNEL_NO_WORK_CONNECTION', 'too many requests wait for this tunnel'),
      )
    }
    return this.#wait(timeoutMs)
  }

  /** Everything idle is discarded, everybody who waits is told. */
  close(): void {
    this.#isClosed = true
    for (const work of this.#idle.splice(0)) work.discard()
    for (const waiter of this.#waiting.splice(0)) {
      clearTimeout(waiter.timer)
      waiter.reject(lost())
    }
  }

  #wait(timeoutMs: number): Promise<W> {
    const { promise, resolve, reject } = Promise.withResolvers<W>()
    const waiter: Waiter<W> = {
      resolve,
      reject,
      timer: setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(
          gatewayError(
            'TUNNEL_NO_WORK_CONNECTION',
            `the client opened no work connection in ${timeoutMs} ms`,
          ),
        )
      }, timeoutMs),
    }
    this.#waiting.push(waiter)
    this.#options.request()
    return promise
  }
}

function lost(): Error {
  return gatewayError('TUNNEL_LOST', 'the tunnel closed', { retryable: true })
}
