/** The Kubernetes part in this process, beside a simulated cluster, with limits that tests can wait for. */
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { Secret } from '../../src/base/secret.ts'
import type { KubernetesConfig } from '../../src/gateway/config/config.ts'
import { ControlApi } from '../../src/gateway/control/control-api.ts'
import { Cluster } from '../../src/gateway/kubernetes/cluster.ts'
import {
  KubernetesClient,
  type KubernetesClientLimits,
} from '../../src/gateway/kubernetes/kubernetes-client.ts'
import { KubernetesDirectory } from '../../src/gateway/kubernetes/kubernetes-directory.ts'
import { kubernetesRoutes } from '../../src/gateway/kubernetes/kubernetes-routes.ts'
import type { WaitLimits } from '../../src/gateway/kubernetes/wait-for-start.ts'
import { AppDirectory } from '../../src/gateway/nextcloud/app-directory.ts'
import { KubernetesSimulator, type SimulatorOptions } from '../support/kubernetes-simulator.ts'

export interface StageOptions {
  readonly simulator?: SimulatorOptions
  readonly config?: Partial<KubernetesConfig>
  readonly client?: Partial<KubernetesClientLimits>
  readonly wait?: Partial<WaitLimits>
  readonly deletionTimeoutMs?: number
}

export interface Answer {
  readonly status: number
  readonly body: string
}

/** Every app is known to this Nextcloud, by a host that leads nowhere. */
const meta = { exapp_token: 'TOK', exapp_version: '1.2.3', host: 'nowhere', port: 23_000, routes: [] }

export class KubernetesStage {
  readonly simulator: KubernetesSimulator
  readonly cluster: Cluster
  readonly directory: KubernetesDirectory
  readonly apps: AppDirectory
  readonly #api: ControlApi
  /** How often an answer was told to be kept open. */
  heldOpen = 0

  private constructor(simulator: KubernetesSimulator, options: StageOptions) {
    this.simulator = simulator
    const config = configOf(simulator, options.config)
    this.cluster = new Cluster({
      config,
      isEnabled: true,
      clock: systemClock,
      client: new KubernetesClient(config, options.client),
      deletionTimeoutMs: options.deletionTimeoutMs ?? 5_000,
    })
    this.directory = new KubernetesDirectory(this.cluster, silentLogger)
    this.apps = new AppDirectory({
      nextcloud: { get: async () => ({ status: 200, body: JSON.stringify(meta) }) },
      sharedKey: new Secret('sekret'),
      recordTtlMs: 60_000,
      clock: systemClock,
      log: silentLogger,
      locate: (record) => this.directory.relocate(record),
    })
    const waitLimits = { pollMs: 5, ...options.wait }
    const routes = kubernetesRoutes({
      cluster: this.cluster,
      apps: this.apps,
      clock: systemClock,
      log: silentLogger,
      waitLimits,
    })
    this.#api = new ControlApi(routes, silentLogger)
  }

  static async open(options: StageOptions = {}): Promise<KubernetesStage> {
    return new KubernetesStage(await KubernetesSimulator.start(options.simulator), options)
  }

  /** POST /k8s/exapp/{action}. */
  async call(
    action: string,
    body: object,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Answer> {
    const response = await this.#api.handle({
      method: 'POST',
      path: `/k8s/exapp/${action}`,
      body: async () => Buffer.from(JSON.stringify(body)),
      call: { enginePort: '', signal, keepOpen: () => (this.heldOpen += 1) },
    })
    return { status: response.status, body: response.body.toString() }
  }

  async json(action: string, body: object): Promise<unknown> {
    return JSON.parse((await this.call(action, body)).body)
  }

  /** Where the gateway would send requests of this app, asked anew. */
  async locate(appId: string): Promise<string> {
    const { host, port } = await this.directory.relocate({
      appId,
      token: '',
      version: '',
      host: 'nowhere',
      port: 23_000,
      routes: [],
    })
    return `${host}:${port}`
  }

  /** The hosts that requests were routed to. */
  async knownPlace(appId: string): Promise<string> {
    const found = await this.apps.find(appId)
    return found.kind === 'known' ? `${found.app.record.host}:${found.app.record.port}` : found.kind
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cluster.close()
    await this.simulator[Symbol.asyncDispose]()
  }
}

export function configOf(
  simulator: KubernetesSimulator,
  changes: Partial<KubernetesConfig> = {},
): KubernetesConfig {
  return {
    namespace: simulator.store.namespace,
    apiServer: new URL(simulator.url),
    caFile: join(simulator.directory, 'ca.crt'),
    bearerToken: null,
    bearerTokenFile: join(simulator.directory, 'token'),
    verifyTls: true,
    storageClass: null,
    defaultStorageSize: '10Gi',
    hostAliases: [],
    ...changes,
  }
}

export const named = (name: string) => ({ name, instance_id: '' })
export const created = (name: string) => ({ ...named(name), image: 'ghcr.io/example/app:1' })
