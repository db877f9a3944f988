/** A real engine, a gateway as a process with its socket, and a stand-in Nextcloud: what an AppAPI of our own talks to. */
import { freePorts } from '../support/free-ports.ts'
import { FakeNextcloud } from '../support/fake-nextcloud.ts'
import { type Environment, GatewayProcess } from '../support/gateway-process.ts'
import { AppApi, type AppSpec, openRoutes } from './app-api.ts'
import { DockerDaemon } from './docker-daemon.ts'

export class EngineStage implements AsyncDisposable {
  readonly engine: DockerDaemon
  readonly nextcloud: FakeNextcloud
  readonly gateway: GatewayProcess
  /** Where tunnels arrive, on every address of this machine. */
  readonly frpPort: number
  /** With the engine of the gateway's own machine. */
  readonly appApi: AppApi
  readonly #closers: (() => Promise<unknown>)[]

  private constructor(
    parts: Pick<EngineStage, 'engine' | 'nextcloud' | 'gateway' | 'frpPort'>,
    closers: (() => Promise<unknown>)[],
  ) {
    this.engine = parts.engine
    this.nextcloud = parts.nextcloud
    this.gateway = parts.gateway
    this.frpPort = parts.frpPort
    this.appApi = new AppApi({ gatewayUrl: parts.gateway.url, key: 'sekret', enginePort: 24_000 })
    this.#closers = closers
  }

  static async open(environment: (engine: DockerDaemon) => Environment = () => ({})): Promise<EngineStage> {
    const closers: (() => Promise<unknown>)[] = []
    try {
      const engine = await DockerDaemon.start()
      closers.push(() => engine.stop())
      const nextcloud = await FakeNextcloud.start()
      closers.push(() => nextcloud.stop())
      const [frpPort = 0] = await freePorts(1)
      const gateway = await GatewayProcess.start(nextcloud.url, {
        environment: {
          // For containers on networks of their own too.
          HP_FRP_ADDRESS: `0.0.0.0:${frpPort}`,
          HP_FRP_DISABLE_TLS: 'false',
          HP_BLACKLIST_COUNT: '1000000',
          HP_LOG_LEVEL: 'info',
          HARP_DOCKER_SOCKET: engine.socket,
          HP_EXAPP_BIND_MOUNTS_ALLOWED: engine.sharedDirectory,
          ...environment(engine),
        },
      })
      closers.push(() => gateway.stop())
      return new EngineStage({ engine, nextcloud, gateway, frpPort }, closers)
    } catch (error) {
      await closeAll(closers)
      throw error
    }
  }

  /** Makes an app known to Nextcloud, as registering it does; the rest is `changed`. */
  app(id: string, changed: Partial<AppSpec> & Pick<AppSpec, 'image' | 'port'>): AppSpec {
    const app: AppSpec = {
      id,
      version: '1.0.0',
      secret: `${id}+secret/`.padEnd(128, 'x'),
      networkMode: 'host',
      frp: { host: '127.0.0.1', port: this.frpPort },
      ...changed,
    }
    this.nextcloud.setApp(id, {
      record: {
        exapp_token: app.secret,
        exapp_version: app.version,
        host: '127.0.0.1',
        port: app.port,
        routes: openRoutes,
      },
    })
    return app
  }

  /** Ends with the stage, last first. */
  own(close: () => Promise<unknown>): void {
    this.#closers.push(close)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeAll(this.#closers)
  }
}

/** All of them, whatever fails; the first failure is thrown. */
async function closeAll(closers: (() => Promise<unknown>)[]): Promise<void> {
  const problems: unknown[] = []
  for (const close of closers.splice(0).toReversed()) {
    await close().catch((error: unknown) => problems.push(error))
  }
  if (problems.length > 0) throw problems[0]
}
