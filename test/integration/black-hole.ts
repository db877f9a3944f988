import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deadlineIn, elapse, within } from '../support/deadline.ts'

/** A port where connections are never completed: its queue is full and nobody accepts. */
export class BlackHole {
  readonly port: number
  readonly #child: ChildProcess
  readonly #fillers: Socket[]
  readonly #directory: string

  private constructor(port: number, child: ChildProcess, fillers: Socket[], directory: string) {
    this.port = port
    this.#child = child
    this.#fillers = fillers
    this.#directory = directory
  }

  static async open(): Promise<BlackHole> {
    const directory = await mkdtemp(join(tmpdir(), 'harp-test-'))
    const script = join(directory, 'black-hole.cjs')
    await writeFile(
      script,
      "const server = require('node:net').createServer()\n" +
        "server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => process.send(server.address().port, () => {\n" +
        '  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)\n}))\n',
    )
    const child = fork(script, { stdio: 'ignore' })
    const [port] = (await within(once(child, 'message'), deadlineIn(5_000, 'the black hole'))) as [number]
    const fillers = Array.from({ length: 8 }, () => connect(port, '127.0.0.1').on('error', () => undefined))
    await elapse(300)
    return new BlackHole(port, child, fillers, directory)
  }

  async close(): Promise<void> {
    for (const filler of this.#fillers) filler.destroy()
    this.#child.kill('SIGKILL')
    await rm(this.#directory, { recursive: true, force: true })
  }
}
