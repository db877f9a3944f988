import type { Clock } from '../../base/clock.ts'
import { errorMessage, HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import {
  defaultBodyLimit,
  json,
  noContent,
  text,
  type ControlCall,
  type ControlRoute,
} from '../control/control-api.ts'
import type { AppDirectory } from '../nextcloud/app-directory.ts'
import type { LocalResponse } from '../proxy/local-response.ts'
import type { AppNames } from '../docker/container-name.ts'
import {
  parseCertificates,
  parseNames,
  parseRemove,
  type Parsed,
  type RemovePayload,
} from '../docker/payload.ts'
import type { Cluster } from './cluster.ts'
import { kubernetesProblem } from './errors.ts'
import { expose } from './expose.ts'
import { kubernetesNames } from './names.ts'
import { parseCreation, parseExposure, type CreateRequest } from './payloads.ts'
import { managedBy } from './service-manifest.ts'
import { waitForStart, type WaitLimits } from './wait-for-start.ts'

export interface KubernetesRoutesOptions {
  readonly cluster: Cluster
  readonly apps: AppDirectory
  readonly clock: Clock
  readonly log: Logger
  readonly waitLimits?: Partial<WaitLimits>
}

/** CA bundles are large (W28), and nothing is done with them here. */
const certificateBodyLimit = 16 * 1_048_576

/** `/k8s/exapp/…` (contract 4.5). */
export function kubernetesRoutes(options: KubernetesRoutesOptions): ControlRoute[] {
  return new KubernetesRoutes(options).list()
}

class KubernetesRoutes {
  readonly #options: KubernetesRoutesOptions
  readonly #cluster: Cluster

  constructor(options: KubernetesRoutesOptions) {
    this.#options = options
    this.#cluster = options.cluster
  }

  list(): ControlRoute[] {
    return [
      this.#clusterRoute('exists', parseNames, (app, call) => this.#exists(app, call)),
      this.#clusterRoute('create', parseCreation, (request, call) => this.#create(request, call)),
      this.#clusterRoute('start', parseNames, (app, call) => this.#scale(app, 1, call)),
      this.#clusterRoute('stop', parseNames, (app, call) => this.#scale(app, 0, call)),
      this.#clusterRoute('wait_for_start', parseNames, (app, call) => this.#wait(app, call)),
      this.#clusterRoute('remove', parseRemove, (request, call) => this.#remove(request, call)),
      // There is no engine to put files into; AppAPI asks for every app all the same.
      this.#route('install_certificates', parseCertificates, () => noContent, certificateBodyLimit),
      this.#route('expose', parseExposure, (request, call) => expose(this.#options, request, call.signal)),
    ]
  }

  async #exists(app: AppNames, { signal }: ControlCall): Promise<LocalResponse> {
    return json(200, {
      exists: await this.#cluster.deploymentExists(kubernetesNames(app).deployment, signal),
    })
  }

  async #create(request: CreateRequest, { signal }: ControlCall): Promise<LocalResponse> {
    const name = kubernetesNames(request).deployment
    if (request.ignored.length > 0) {
      this.#options.log.warn(
        { deployment: name, ignored: request.ignored },
        'these mean nothing on Kubernetes',
      )
    }
    await this.#cluster.ensureClaim(request, signal)
    const outcome = await this.#cluster.createDeployment(request, signal)
    if (outcome === 'exists') return text(409, `Deployment '${name}' already exists.`)
    return json(201, { name })
  }

  async #scale(app: AppNames, replicas: 0 | 1, { signal }: ControlCall): Promise<LocalResponse> {
    const name = kubernetesNames(app).deployment
    const outcome = await this.#cluster.scale(name, replicas, signal)
    return outcome === 'missing' ? text(404, `Deployment '${name}' not found.`) : noContent
  }

  async #wait(app: AppNames, { signal, keepOpen }: ControlCall): Promise<LocalResponse> {
    const { clock, waitLimits: limits } = this.#options
    const name = kubernetesNames(app).deployment
    return json(
      200,
      await waitForStart({
        cluster: this.#cluster,
        clock,
        name,
        signal,
        keepOpen,
        ...(limits === undefined ? {} : { limits }),
      }),
    )
  }

  async #remove({ names, removeData }: RemovePayload, { signal }: ControlCall): Promise<LocalResponse> {
    const { deployment, claim } = kubernetesNames(names)
    await this.#cluster.remove('deployments', deployment, `Error removing deployment '${deployment}'`, signal)
    if (removeData) {
      await this.#cluster.remove('persistentvolumeclaims', claim, `Error removing PVC '${claim}'`, signal)
    }
    if (await this.#isOurService(deployment, signal)) {
      await this.#cluster.remove('services', deployment, `Error removing Service '${deployment}'`, signal)
    }
    return noContent
  }

  async #isOurService(name: string, signal: AbortSignal): Promise<boolean> {
    try {
      const service = await this.#cluster.service(name, signal)
      return service?.metadata.labels[managedBy.label] === managedBy.value
    } catch (error) {
      if (!(error instanceof HarpError)) throw error
      this.#options.log.warn({ service: name, problem: error.message }, 'the Service is left as it is')
      return false
    }
  }

  #clusterRoute<T>(
    action: string,
    read: (body: Buffer) => Parsed<T>,
    handle: (payload: T, call: ControlCall) => Promise<LocalResponse>,
  ): ControlRoute {
    return this.#route(action, read, handle, defaultBodyLimit, () => this.#cluster.requireConfigured())
  }

  #route<T>(
    action: string,
    read: (body: Buffer) => Parsed<T>,
    handle: (payload: T, call: ControlCall) => Promise<LocalResponse> | LocalResponse,
    maxBodyBytes: number = defaultBodyLimit,
    precondition: () => Promise<void> = async () => {},
  ): ControlRoute {
    return {
      methods: ['POST'],
      pattern: new RegExp(`^/k8s/exapp/${action}$`),
      maxBodyBytes,
      handle: async (body, _match, call) => {
        try {
          await precondition()
          const parsed = read(body)
          return parsed.kind === 'bad' ? text(400, parsed.text) : await handle(parsed.value, call)
        } catch (error) {
          return this.#failure(action, error, call)
        }
      },
    }
  }

  #failure(action: string, error: unknown, call: ControlCall): LocalResponse {
    // Nobody reads it.
    if (call.signal.aborted) return text(503, 'the client went away')
    const { log } = this.#options
    if (!(error instanceof HarpError)) {
      log.error({ action, problem: errorMessage(error) }, 'a Kubernetes call failed')
      return text(500, 'An unexpected error occurred.')
    }
    const problem = kubernetesProblem(error)
    log.warn({ action, code: error.code, problem }, 'a Kubernetes call failed')
    return text(503, problem)
  }
}
