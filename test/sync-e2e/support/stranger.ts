/** The eavesdropper as a child process, and what it heard. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { eventually } from '../../support/deadline.ts'

const program = fileURLToPath(new URL('eavesdropper.ts', import.meta.url))
const sockets = 4

export class Stranger {
  readonly #child: ChildProcess
  readonly #exit: Promise<void>
  readonly #heard: Buffer[] = []
  #ready = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exit = new Promise((resolve) => child.once('close', () => resolve()))
  }

  /** `wrap`: what it runs in. */
  static async listen(wrap: readonly string[]): Promise<Stranger> {
    const [command, ...args] = [...wrap, process.execPath, '--disable-warning=ExperimentalWarning', program]
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    const stranger = new Stranger(child)
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === '') stranger.#ready++
      else stranger.#heard.push(Buffer.from(line, 'hex'))
    })
    const isReady = (): true | undefined => (stranger.#ready === sockets ? true : undefined)
    await eventually('the stranger to listen', isReady, { timeoutMs: 20_000 })
    return stranger
  }

  /** Datagrams. */
  get heard(): readonly Buffer[] {
    return this.#heard
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exit
  }
}
