/** Everything that is not under test: the app, the stand-in Nextcloud, and a directory that goes away. */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../test/support/free-ports.ts'
import type { OwnProcess } from '../own-process.ts'
import { startNextcloud, startStreamServer } from '../servers/start.ts'
import { app } from './workloads.ts'

/** What stands behind every target. */
export interface TunnelBackstage {
  readonly directory: string
  /** `frp` in here has the certificates of both ends, once a gateway has been started. */
  readonly certsDirectory: string
  readonly appSocket: string
  /** The app's port as Nextcloud knows it: a tunnel, not a place where anything listens. */
  readonly appPort: number
  readonly nextcloudPort: number
  readonly key: string
}

const appPort = 23_001
const key = 'bench-bench-bench'

export class TunnelStage {
  readonly backstage: TunnelBackstage
  readonly #processes: OwnProcess[] = []

  private constructor(backstage: TunnelBackstage) {
    this.backstage = backstage
  }

  static async start(): Promise<TunnelStage> {
    const directory = await mkdtemp(join(tmpdir(), 'harp-bench-'))
    // nginx's workers run as another user where the master is root.
    await chmod(directory, 0o755)
    const [nextcloudPort = 0] = await freePorts(1)
    const stage = new TunnelStage({
      directory,
      certsDirectory: join(directory, 'certs'),
      appSocket: join(directory, 'app.sock'),
      appPort,
      nextcloudPort,
      key,
    })
    try {
      stage.#processes.push(
        await startStreamServer(stage.backstage.appSocket),
        await startNextcloud(nextcloudPort, key, { [app]: appPort }),
      )
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
}
