/** Runs parts one after the other, each in a fresh process, so that none has the heap or the compiled code of another. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Part, PartResult } from './part.ts'

const script = fileURLToPath(new URL('part.ts', import.meta.url))
const heapMiB = 12_288

export class PartProcess {
  readonly #profileDirectory: string | null
  #child: ChildProcess | undefined

  constructor(profileDirectory: string | null) {
    this.#profileDirectory = profileDirectory
  }

  /** Rejects with what the part printed to standard error, if it failed. */
  async run<Name extends Part['name']>(part: Part & { readonly name: Name }): Promise<PartResult[Name]> {
    const profile =
      this.#profileDirectory === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${this.#profileDirectory}`]
    const flags = ['--expose-gc', `--max-old-space-size=${heapMiB}`, '--disable-warning=ExperimentalWarning']
    const child = spawn(process.execPath, [...flags, ...profile, script, JSON.stringify(part)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text
      })
    }
    const { promise, resolve } = Promise.withResolvers<number | null>()
    child.once('error', () => resolve(null)).once('close', resolve)
    const code = await promise
    this.#child = undefined
    if (code !== 0) throw new Error(`${part.name} failed (${code}): ${output.stderr.trim().slice(-2_000)}`)
    return JSON.parse(output.stdout) as PartResult[Name]
  }

  stop(): void {
    this.#child?.kill('SIGKILL')
  }
}
