/** Our image as a container of a test's engine, on the host's network with ports of its own. */
import { eventually } from '../support/deadline.ts'
import { freePorts } from '../support/free-ports.ts'
import { type DockerDaemon, readLogFrames } from './docker-daemon.ts'

export interface GatewayContainerOptions {
  readonly image: string
  readonly environment: readonly string[]
  readonly binds?: readonly string[]
  /** Instead of all; null: those that Docker gives. */
  readonly capabilities: readonly string[] | null
  readonly user?: string
}

export const sharedKey = 'key-of-the-image-test'

export class GatewayContainer implements AsyncDisposable {
  readonly #engine: DockerDaemon
  readonly #id: string
  readonly #port: number

  private constructor(engine: DockerDaemon, id: string, port: number) {
    this.#engine = engine
    this.#id = id
    this.#port = port
  }

  /** With a root filesystem that cannot be written. */
  static async start(engine: DockerDaemon, options: GatewayContainerOptions): Promise<GatewayContainer> {
    const [http = 0, https = 0, frp = 0, admin = 0] = await freePorts(4)
    const { capabilities } = options
    const json = {
      Image: options.image,
      User: options.user ?? '',
      Env: [
        'NC_INSTANCE_URL=http://nextcloud.invalid',
        `HP_EXAPPS_ADDRESS=127.0.0.1:${http}`,
        `HP_EXAPPS_HTTPS_ADDRESS=127.0.0.1:${https}`,
        `HP_FRP_ADDRESS=127.0.0.1:${frp}`,
        `HARP_ADMIN_ADDRESS=127.0.0.1:${admin}`,
        ...options.environment,
      ],
      HostConfig: {
        NetworkMode: 'host',
        Binds: options.binds ?? [],
        ReadonlyRootfs: true,
        SecurityOpt: ['no-new-privileges'],
        ...(capabilities === null ? {} : { CapDrop: ['ALL'], CapAdd: capabilities }),
      },
    }
    const { Id: id } = (await engine.call('POST', '/containers/create', { json })).json() as { Id: string }
    await engine.call('POST', `/containers/${id}/start`)
    return new GatewayContainer(engine, id, http)
  }

  /** As the engine's own health check says. */
  async untilHealthy(): Promise<void> {
    await eventually(
      'the container to be healthy',
      async () => {
        const { State: state } = (await this.#engine.call('GET', `/containers/${this.#id}/json`)).json() as {
          readonly State: { readonly Running: boolean; readonly Health: { readonly Status: string } }
        }
        if (!state.Running) throw new Error(`the container ended: ${await this.logs()}`)
        return state.Health.Status === 'healthy' ? true : undefined
      },
      { timeoutMs: 45_000, everyMs: 250 },
    )
  }

  /** The same question without the engine's interval. */
  async untilAnswering(): Promise<void> {
    await eventually(
      'the gateway to answer',
      () =>
        this.execute(['harp', 'healthcheck']).then(
          () => true,
          () => undefined,
        ),
      { timeoutMs: 30_000, everyMs: 250 },
    )
  }

  async execute(command: readonly string[]): Promise<string> {
    return this.#engine.execute(this.#id, command)
  }

  /** What AppAPI's check of a deploy daemon asks; the status. */
  async pingEngine(): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/exapps/app_api/v1.41/_ping`, {
      headers: { 'harp-shared-key': sharedKey, 'docker-engine-port': '24000' },
      signal: AbortSignal.timeout(10_000),
    })
    return answer.status
  }

  /** As `docker stop`; the exit code. */
  async stop(killAfterSeconds: number): Promise<number> {
    await this.#engine.call('POST', `/containers/${this.#id}/stop?t=${killAfterSeconds}`)
    return this.waitForExit()
  }

  async waitForExit(): Promise<number> {
    const answer = await this.#engine.call('POST', `/containers/${this.#id}/wait`)
    return (answer.json() as { readonly StatusCode: number }).StatusCode
  }

  async logs(): Promise<string> {
    const answer = await this.#engine.call('GET', `/containers/${this.#id}/logs?stdout=1&stderr=1`)
    return readLogFrames(answer.body)
      .map((frame) => frame.text)
      .join('')
  }

  /** With its volumes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.call('DELETE', `/containers/${this.#id}?force=true&v=true`)
  }
}
