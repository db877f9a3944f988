/** One run of wrk, which counts for us. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface WrkRun {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  readonly fields: readonly string[]
}

export interface WrkResult {
  readonly requests: number
  readonly seconds: number
  /** Connections that broke, answers that did not come, statuses other than 2xx and 3xx. */
  readonly problems: number
}

const script = `done = function(summary)
  local e = summary.errors
  io.write(string.format('RESULT %d %d %d\\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout))
end
`
const run = promisify(execFile)

export class Wrk {
  readonly #command: string
  readonly #script: string

  private constructor(command: string, scriptFile: string) {
    this.#command = command
    this.#script = scriptFile
  }

  static async prepare(command: string, directory: string): Promise<Wrk> {
    const file = join(directory, 'wrk.lua')
    await writeFile(file, script)
    return new Wrk(command, file)
  }

  async run({ url, connections, seconds, fields }: WrkRun): Promise<WrkResult> {
    const { stdout } = await run(
      this.#command,
      [
        `--threads=1`,
        `--connections=${connections}`,
        `--duration=${seconds}s`,
        `--timeout=10s`,
        `--script=${this.#script}`,
        ...fields.map((each) => `--header=${each}`),
        url,
      ],
      { timeout: (seconds + 30) * 1_000 },
    )
    const [, requests, microseconds, problems] = /^RESULT (\d+) (\d+) (\d+)$/m.exec(stdout) ?? []
    if (requests === undefined) throw new Error(`wrk gave no result:\n${stdout}`)
    return {
      requests: Number(requests),
      seconds: Number(microseconds) / 1e6,
      problems: Number(problems),
    }
  }
}
