/** Everything that is not under test: the upstreams, the stand-in Nextcloud, and a directory that goes away. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../test/support/free-ports.ts'
import { accepts, OwnProcess } from '../own-process.ts'
import { descriptorLimit } from '../process-cost.ts'
import { startNextcloud, startStreamServer } from '../servers/start.ts'
import type { Backstage } from './backstage.ts'
import { prepareFixedAnswers } from './fixed-answers.ts'
import { staticApp, streamApp } from './workloads.ts'

export interface StageOptions {
  readonly nginxCommand: string
  readonly key: string
  readonly nextcloudPort: number
}

const wantedConnections = 20_000
const spareDescriptors = 150

export class Stage {
  readonly backstage: Backstage
  readonly #processes: OwnProcess[] = []

  private constructor(backstage: Backstage) {
    this.backstage = backstage
  }

  static async start(options: StageOptions): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), 'harp-bench-'))
    // nginx's workers run as another user where the master is root.
    await chmod(directory, 0o755)
    const [fixedPort = 0, streamPort = 0, nextcloudPort = 0] = await freePorts(3)
    const stage = new Stage({
      directory,
      fixedPort,
      streamPort,
      nextcloudPort: options.nextcloudPort === 0 ? nextcloudPort : options.nextcloudPort,
      key: options.key,
      // Each connection through a gateway takes two descriptors there.
      maxConnections: Math.min(wantedConnections, Math.floor((descriptorLimit() - spareDescriptors) / 2)),
    })
    try {
      await stage.#startAll(options.nginxCommand)
    } catch (error) {
      await stage.stop()
      throw error
    }
    return stage
  }

  /** Throws where something behind the targets has ended: what was measured then is worthless. */
  check(): void {
    for (const own of this.#processes) if (own.failure !== null) throw new Error(own.failure)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((own) => own.stop()))
    await rm(this.backstage.directory, { recursive: true, force: true })
  }

  async #startAll(nginxCommand: string): Promise<void> {
    const { directory, fixedPort, streamPort, nextcloudPort, key } = this.backstage
    const file = join(directory, 'fixed-answers.conf')
    await writeFile(file, await prepareFixedAnswers(directory, fixedPort))
    this.#processes.push(
      await OwnProcess.start({
        name: 'fixed answers',
        command: nginxCommand,
        args: ['-p', directory, '-e', 'stderr', '-c', file],
        isReady: () => accepts(fixedPort),
      }),
      await startStreamServer(streamPort),
      await startNextcloud(nextcloudPort, key, { [staticApp]: fixedPort, [streamApp]: streamPort }),
    )
  }
}
