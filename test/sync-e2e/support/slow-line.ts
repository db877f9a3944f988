/** A gate of an office as a child process, and the two of them as one line. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { deadlineIn, within } from '../../support/deadline.ts'
import type { GateCommand, GateOptions } from './office-gate.ts'

const program = fileURLToPath(new URL('office-gate.ts', import.meta.url))
const patienceMs = 20_000

export class SlowLine {
  readonly #gates: readonly [Gate, Gate]

  constructor(gates: readonly [Gate, Gate]) {
    this.#gates = gates
  }

  /** Bytes so far out of each of the offices; what TCP and IP add is not counted. */
  async bytes(): Promise<readonly [fromA: number, fromB: number]> {
    return this.#both({ command: 'count' })
  }

  /** Both ways together, while something is done. */
  async during(act: () => Promise<void>): Promise<number> {
    const before = await this.bytes()
    await act()
    const after = await this.bytes()
    return after[0] + after[1] - before[0] - before[1]
  }

  /** Nothing comes through, and no end is told. */
  async cut(): Promise<void> {
    await this.#both({ command: 'cut' })
  }

  async heal(): Promise<void> {
    await this.#both({ command: 'heal' })
  }

  async setRate(bytesPerSecond: number): Promise<void> {
    await this.#both({ command: 'rate', bytesPerSecond })
  }

  async stop(): Promise<void> {
    await Promise.all(this.#gates.map((gate) => gate.stop()))
  }

  async #both(command: GateCommand): Promise<readonly [number, number]> {
    const [one, other] = this.#gates
    return Promise.all([one.ask(command), other.ask(command)])
  }
}

export class Gate {
  readonly #child: ChildProcess
  readonly #waiting: ((bytes: number) => void)[] = []
  readonly #exit: Promise<void>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exit = new Promise((resolve) => child.once('close', () => resolve()))
  }

  /** `wrap`: what it runs in. */
  static async start(wrap: readonly string[], options: GateOptions): Promise<Gate> {
    const args = [...wrap, process.execPath, '--disable-warning=ExperimentalWarning', program]
    const [command, ...rest] = [...args, JSON.stringify(options)]
    const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
    const gate = new Gate(child)
    const ready = Promise.withResolvers<void>()
    child.once('error', ready.reject)
    child.once('close', (code) => ready.reject(new Error(`a gate ended with ${code}`)))
    child.stdin.on('error', () => undefined)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { ready: isReady, bytes } = JSON.parse(line) as { ready?: boolean; bytes?: number }
      if (isReady === true) ready.resolve()
      if (bytes !== undefined) gate.#waiting.shift()?.(bytes)
    })
    await within(ready.promise, deadlineIn(patienceMs, 'a gate to be ready'))
    return gate
  }

  async ask(command: GateCommand): Promise<number> {
    const answer = new Promise<number>((resolve) => this.#waiting.push(resolve))
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`)
    return within(answer, deadlineIn(patienceMs, `a gate to obey ${command.command}`))
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exit
  }
}
