import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutant } from './mutants.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** What tests in a copy have found. */
export interface Verdict {
  /** The tests that failed, by name. A file that could not even be loaded has none. */
  readonly failed: readonly string[]
  readonly passed: number
  readonly output: string
}

/** A bug may make a program that never ends: as good as a test that fails. Without a bug a suite needs a tenth of it. */
const deadlineMs = 100_000

/** As much as is needed of what the JSON reporter writes. */
interface Report {
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

const config = `
import { defineConfig } from 'vitest/config'
export default defineConfig({
  cacheDir: '.vite',
  test: { include: ['**/*.test.ts'], exclude: ['node_modules/**'], maxWorkers: 1, testTimeout: 30_000 },
})
`

/** A copy of the sync core and its tests, outside the repository, in which things may be broken. */
export class Workshop {
  readonly #path: string

  constructor() {
    this.#path = mkdtempSync(join(tmpdir(), 'harp-mutants-'))
    for (const part of ['src/base', 'src/sync', 'test/sync', 'test/vectors/sync']) {
      mkdirSync(dirname(join(this.#path, part)), { recursive: true })
      cpSync(join(root, part), join(this.#path, part), { recursive: true })
    }
    for (const part of ['package.json', 'tsconfig.json']) cpSync(join(root, part), join(this.#path, part))
    symlinkSync(join(root, 'node_modules'), join(this.#path, 'node_modules'))
    writeFileSync(join(this.#path, 'vitest.config.ts'), config)
  }

  /** Runs with one bug in place, which is gone afterwards. */
  async withMutant(mutant: Mutant): Promise<Verdict> {
    const path = join(this.#path, 'src/sync', mutant.file)
    const source = readFileSync(path, 'utf8')
    writeFileSync(path, mutated(source, mutant))
    try {
      return await this.run([mutant.suite], mutant.tests, true)
    } finally {
      writeFileSync(path, source)
    }
  }

  async run(suites: readonly string[], tests: string | undefined, bail: boolean): Promise<Verdict> {
    const result = join(this.#path, 'result.json')
    rmSync(result, { force: true })
    const more = [...(tests === undefined ? [] : ['-t', tests]), ...(bail ? ['--bail', '1'] : [])]
    const parameters = [...suites, ...more, '--reporter=json', `--outputFile=${result}`]
    const { output, isOver } = await this.#vitest(parameters, bail ? deadlineMs : 3 * deadlineMs)
    if (isOver) return { failed: ['never ends'], passed: 0, output }
    if (!existsSync(result)) return { failed: [], passed: 0, output }
    const { numPassedTests, testResults } = JSON.parse(readFileSync(result, 'utf8')) as Report
    const failed = testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ status }) => status === 'failed')
      .map(({ fullName }) => fullName)
    return { failed, passed: numPassedTests, output }
  }

  close(): void {
    rmSync(this.#path, { recursive: true, force: true })
  }

  #vitest(
    parameters: readonly string[],
    deadline: number,
  ): Promise<{ readonly output: string; readonly isOver: boolean }> {
    const program = join(root, 'node_modules/vitest/vitest.mjs')
    // A group of its own, so that workers that hang end with it.
    const child = spawn(process.execPath, [program, 'run', ...parameters], {
      cwd: this.#path,
      detached: true,
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    }
    return new Promise((resolve, reject) => {
      let isOver = false
      const timer = setTimeout(() => {
        isOver = true
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      }, deadline)
      child.on('error', reject)
      child.on('close', () => {
        clearTimeout(timer)
        resolve({ output, isOver })
      })
    })
  }
}

/** The source with the bug in it. Throws if the place is not there, or there twice: then the list is out of date. */
export function mutated(source: string, { name, file, text, replacement }: Mutant): string {
  const parts = source.split(text)
  if (parts.length !== 2) throw new Error(`${file} has the place of "${name}" ${parts.length - 1} times`)
  return parts.join(replacement)
}
