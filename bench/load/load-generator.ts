/** The load generator as the benchmark sees it. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LoadCommand, LoadReply, LoadRequest, LoadResult } from './load-command.ts'

const entry = fileURLToPath(new URL('load-process.ts', import.meta.url))

export class LoadGenerator {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, PromiseWithResolvers<LoadResult>>()
  #lastId = 0

  constructor() {
    this.#child = fork(entry, { env: { PATH: process.env['PATH'] } })
    this.#child.on('message', (reply: LoadReply) => {
      const waiting = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      if ('error' in reply.result) waiting?.reject(new Error(reply.result.error))
      else waiting?.resolve(reply.result)
    })
    this.#child.on('exit', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('the load generator has ended'))
      this.#waiting.clear()
    })
  }

  async run(command: LoadCommand): Promise<LoadResult> {
    if (!this.#child.connected) throw new Error('the load generator has ended')
    const id = ++this.#lastId
    const waiting = Promise.withResolvers<LoadResult>()
    this.#waiting.set(id, waiting)
    this.#child.send({ id, command } satisfies LoadRequest)
    return waiting.promise
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect()
  }
}
