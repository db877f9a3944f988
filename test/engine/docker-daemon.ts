/**
 * A real Docker engine of the test's own: data, state, socket and containerd in one temporary directory, no bridge
 * and no change of the machine's firewall. `stop` leaves no container, mount or process.
 */
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { eventually } from '../support/deadline.ts'
import { isCommandInstalled, realPart, type RealPartTest } from '../support/real-parts.ts'
import { ServerProgram } from './server-program.ts'

/** A test that needs an engine and a registry. */
export const engineTest: RealPartTest = realPart(
  'a Docker engine (docker.io, docker-registry and busybox-static, as root)',
  () => canRunEngine(),
)

export function canRunEngine(): boolean {
  const needed = ['dockerd', 'docker-registry', 'busybox', 'setpriv', 'tar']
  return process.getuid?.() === 0 && needed.every((each) => isCommandInstalled(each))
}

export interface EngineCall {
  readonly json?: unknown
  readonly body?: Readable | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

export interface EngineAnswer {
  readonly status: number
  readonly body: Buffer
  json(): unknown
}

const callTimeoutMs = 60_000

export class DockerDaemon {
  readonly directory: string
  readonly socket: string
  #program: ServerProgram

  private constructor(directory: string, program: ServerProgram) {
    this.directory = directory
    this.socket = join(directory, 'docker.sock')
    this.#program = program
  }

  static async start(): Promise<DockerDaemon> {
    const directory = await mkdtemp(join(tmpdir(), 'harp-engine-'))
    await mkdir(join(directory, 'shared'))
    // An empty file in place of the machine's /etc/docker/daemon.json.
    await writeFile(join(directory, 'daemon.json'), '{}')
    return new DockerDaemon(directory, await run(directory))
  }

  /** A directory of this engine's host for containers to mount. */
  get sharedDirectory(): string {
    return join(this.directory, 'shared')
  }

  /** Stops the engine as an upgrade does, and its containers with it; `whileDown` runs before it is back. */
  async restart(whileDown: () => Promise<void> = async () => {}): Promise<void> {
    await this.#program.stop()
    try {
      await whileDown()
    } finally {
      this.#program = await run(this.directory)
    }
  }

  async stop(): Promise<void> {
    try {
      await this.#removeContainers()
    } finally {
      await this.#program.stop()
      await this.#expectNothingLeft()
      await rm(this.directory, { recursive: true, force: true })
    }
  }

  /** The engine's API without a gateway; statuses of 400 and more are errors unless they are expected. */
  async call(method: string, path: string, call: EngineCall = {}, expected?: number): Promise<EngineAnswer> {
    const answer = await ask(this.socket, method, path, call)
    if (answer.status !== expected && answer.status >= 400) {
      throw new Error(`${method} ${path}: ${answer.status} ${answer.body.toString()}`)
    }
    return answer
  }

  /** Runs a command in a running container and gives what it printed; an exit code other than 0 is an error. */
  async execute(container: string, command: readonly string[], user = ''): Promise<string> {
    const made = await this.call('POST', `/containers/${container}/exec`, {
      json: { AttachStdout: true, AttachStderr: true, Cmd: command, User: user },
    })
    const { Id: id } = made.json() as { Id: string }
    const output = await this.call('POST', `/exec/${id}/start`, { json: { Detach: false, Tty: false } })
    const text = readLogFrames(output.body)
      .map((frame) => frame.text)
      .join('')
    const { ExitCode: code } = (await this.call('GET', `/exec/${id}/json`)).json() as { ExitCode: number }
    if (code !== 0) throw new Error(`${command.join(' ')} exited with ${code}: ${text}`)
    return text
  }

  async #removeContainers(): Promise<void> {
    const all = (await this.call('GET', '/containers/json?all=true')).json() as { readonly Id: string }[]
    await Promise.all(all.map(({ Id: id }) => this.call('DELETE', `/containers/${id}?force=true`, {}, 404)))
  }

  async #expectNothingLeft(): Promise<void> {
    const isOurs = (text: string): boolean => text.includes(this.directory)
    await eventually(
      'the processes of the engine to end',
      async () => ((await commandLines()).some((line) => isOurs(line)) ? undefined : true),
      { timeoutMs: 30_000, everyMs: 50 },
    )
    const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').filter((line) => isOurs(line))
    const points = mounts.map((line) => line.split(' ')[1] ?? '')
    for (const point of points.toReversed()) execFileSync('umount', [point])
    // NOTE: an engine leaves the network namespace of its host mounted, and nothing else.
    const unexpected = points.filter((point) => !point.endsWith('/netns/default'))
    if (unexpected.length > 0) throw new Error(`the engine left mounts: ${unexpected.join(', ')}`)
  }
}

/** Frames of 8 bytes and their content, as logs and exec give them; throws where bytes are missing. */
export function readLogFrames(
  bytes: Buffer,
): { readonly stream: 'stdout' | 'stderr'; readonly text: string }[] {
  const frames: { stream: 'stdout' | 'stderr'; text: string }[] = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at + 4)
    if (end > bytes.length) throw new Error('the last log frame is cut off')
    frames.push({ stream: bytes[at] === 2 ? 'stderr' : 'stdout', text: bytes.toString('utf8', at + 8, end) })
    at = end
  }
  return frames
}

async function run(directory: string): Promise<ServerProgram> {
  const socket = join(directory, 'docker.sock')
  const args = [
    '--iptables=false',
    '--ip6tables=false',
    '--bridge=none',
    '--ip-forward=false',
    '--ip-masq=false',
    `--config-file=${join(directory, 'daemon.json')}`,
    `--data-root=${join(directory, 'data')}`,
    `--exec-root=${join(directory, 'run')}`,
    `--pidfile=${join(directory, 'docker.pid')}`,
    `--host=unix://${socket}`,
  ]
  return ServerProgram.start(
    'dockerd',
    args,
    async () => (await ask(socket, 'GET', '/_ping', {})).status === 200,
  )
}

async function ask(
  socketPath: string,
  method: string,
  path: string,
  call: EngineCall,
): Promise<EngineAnswer> {
  const { json, body } = call
  const content = json === undefined ? body : Buffer.from(JSON.stringify(json))
  const outgoing = request({
    socketPath,
    method,
    path,
    agent: false,
    timeout: callTimeoutMs,
    headers: {
      'content-type': json === undefined ? 'application/x-tar' : 'application/json',
      ...(content instanceof Buffer ? { 'content-length': content.length } : {}),
      ...call.headers,
    },
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).once('error', reject)
    outgoing.once('timeout', () => outgoing.destroy(new Error(`${method} ${path} took too long`)))
  })
  const sent =
    content instanceof Buffer || content === undefined ? outgoing.end(content) : pipeline(content, outgoing)
  const [answer] = await Promise.all([answered, sent])
  const bytes = await buffer(answer)
  return {
    status: answer.statusCode ?? 0,
    body: bytes,
    json: () => JSON.parse(bytes.toString()) as unknown,
  }
}

async function commandLines(): Promise<string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  return Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')))
}
