import type { z } from 'zod'
import type { Clock } from '../../base/clock.ts'
import type { HarpError } from '../../base/errors.ts'
import type { KubernetesConfig } from '../config/config.ts'
import { setTimeout as pause } from 'node:timers/promises'
import type { Annotations } from './annotations.ts'
import { readToken } from './credentials.ts'
import { claimManifest, deploymentManifest, type Manifest } from './deployment-manifest.ts'
import { kubernetesError } from './errors.ts'
import { KubernetesClient, type KubernetesReply, type KubernetesRequest } from './kubernetes-client.ts'
import { kubernetesNames } from './names.ts'
import {
  deployment,
  deploymentList,
  nodeList,
  podList,
  service,
  serviceList,
  type Deployment,
  type Node,
  type Pod,
  type Service,
} from './objects.ts'
import type { CreateRequest } from './payloads.ts'
import { isBeingDeleted, refusalText } from './refusal.ts'

export interface ClusterOptions {
  readonly config: KubernetesConfig
  readonly isEnabled: boolean
  readonly clock: Clock
  readonly client?: KubernetesClient
  /** How long an object that is being deleted may keep its name from a new one. */
  readonly deletionTimeoutMs?: number
}

type Resource = 'deployments' | 'services' | 'persistentvolumeclaims' | 'pods'
type Signal = AbortSignal | undefined

interface Creation {
  readonly resource: Resource
  readonly manifest: Manifest
  readonly what: string
  /** Values in it that no message may repeat. */
  readonly secrets?: readonly string[]
}

const deletionTimeoutMs = 60_000
const deletionPollMs = 1_000
const reachTimeoutMs = 3_000
/** As many nodes as a choice needs; each may be 50 kB. */
const maxNodes = '100'

/**
 * The calls that ExApps need, in the one namespace. Where the API server refuses, they reject with
 * KUBERNETES_REFUSED, whose message is the contract's text and the cause.
 */
export class Cluster {
  readonly namespace: string
  readonly #options: ClusterOptions
  readonly #client: KubernetesClient

  constructor(options: ClusterOptions) {
    this.namespace = options.config.namespace
    this.#options = options
    this.#client = options.client ?? new KubernetesClient(options.config)
  }

  get isEnabled(): boolean {
    return this.#options.isEnabled
  }

  /** Without a slash at the end; empty: not configured. */
  get apiServer(): string {
    return this.#options.config.apiServer?.href.replace(/\/$/, '') ?? ''
  }

  close(): void {
    this.#client.close()
  }

  /** Rejects with KUBERNETES_NOT_CONFIGURED, in the contract's words. */
  async requireConfigured(): Promise<void> {
    const { isEnabled, config } = this.#options
    if (!isEnabled) {
      throw kubernetesError('KUBERNETES_NOT_CONFIGURED', 'Kubernetes backend is disabled in HaRP.')
    }
    if (config.apiServer === null) {
      throw kubernetesError('KUBERNETES_NOT_CONFIGURED', 'Kubernetes API server is not configured.')
    }
    await readToken(config)
  }

  /** The API answers this account. */
  async isReachable(): Promise<boolean> {
    try {
      const reply = await this.#client.request({ method: 'GET', path: '/api', timeoutMs: reachTimeoutMs })
      return reply.status === 200
    } catch {
      // NOTE: this is the question; what is wrong is for `harp doctor` to say.
      return false
    }
  }

  async deploymentExists(name: string, signal: Signal): Promise<boolean> {
    const request = { method: 'GET', path: this.#path('deployments', name), signal } as const
    return (await this.#expect(request, [200, 404], `Error checking deployment '${name}'`)).status === 200
  }

  /** null: there is none. */
  async deployment(name: string, signal: Signal): Promise<Deployment | null> {
    const request = { method: 'GET', path: this.#path('deployments', name), signal } as const
    const reply = await this.#expect(request, [200, 404], `Error reading deployment '${name}'`)
    return reply.status === 404 ? null : parse(deployment, reply)
  }

  async deploymentsPartOf(partOf: string, signal: Signal): Promise<readonly Deployment[]> {
    const request = {
      method: 'GET',
      path: this.#path('deployments'),
      query: partOfQuery(partOf),
      signal,
    } as const
    return parse(
      deploymentList,
      await this.#expect(request, [200], `Error listing deployments of '${partOf}'`),
    ).items
  }

  /** The claim of the app, made or kept. */
  async ensureClaim(request: CreateRequest, signal: Signal): Promise<void> {
    const { claim } = kubernetesNames(request)
    const manifest = claimManifest(request, this.#manifestSettings)
    const what = `Failed to create PVC '${claim}'`
    await this.#create({ resource: 'persistentvolumeclaims', manifest, what }, signal)
  }

  async createDeployment(request: CreateRequest, signal: Signal): Promise<'created' | 'exists'> {
    const { deployment: name } = kubernetesNames(request)
    const manifest = deploymentManifest(request, this.#manifestSettings)
    const secrets = request.environmentVariables.map((each) => each.slice(each.indexOf('=') + 1))
    const what = `Error creating deployment '${name}'`
    return this.#create({ resource: 'deployments', manifest, what, secrets }, signal)
  }

  async scale(name: string, replicas: 0 | 1, signal: Signal): Promise<'scaled' | 'missing'> {
    const what = `Error ${replicas === 1 ? 'starting' : 'stopping'} deployment '${name}'`
    const reply = await this.#patchDeployment(name, { spec: { replicas } }, what, signal)
    return reply.status === 404 ? 'missing' : 'scaled'
  }

  async annotateDeployment(name: string, annotations: Annotations, signal: Signal): Promise<void> {
    const what = `Error annotating deployment '${name}'`
    await this.#patchDeployment(name, { metadata: { annotations } }, what, signal)
  }

  async pods(deploymentName: string, signal: Signal): Promise<readonly Pod[]> {
    const query = { labelSelector: `app=${deploymentName}` }
    const request = { method: 'GET', path: this.#path('pods'), query, signal } as const
    const what = `Error listing pods for deployment '${deploymentName}'`
    return parse(podList, await this.#expect(request, [200], what)).items
  }

  /** Made, or kept as it is. */
  async ensureService(name: string, manifest: Manifest, signal: Signal): Promise<void> {
    await this.#create({ resource: 'services', manifest, what: `Failed to create Service '${name}'` }, signal)
  }

  /** null: there is none. */
  async service(name: string, signal: Signal): Promise<Service | null> {
    const request = { method: 'GET', path: this.#path('services', name), signal } as const
    const reply = await this.#expect(request, [200, 404], `Failed to read Service '${name}'`)
    return reply.status === 404 ? null : parse(service, reply)
  }

  async servicesPartOf(partOf: string, signal: Signal): Promise<readonly Service[]> {
    const request = {
      method: 'GET',
      path: this.#path('services'),
      query: partOfQuery(partOf),
      signal,
    } as const
    return parse(serviceList, await this.#expect(request, [200], `Error listing Services of '${partOf}'`))
      .items
  }

  async nodes(
    { nodeName, nodeLabelSelector }: { nodeName: string | null; nodeLabelSelector: string | null },
    signal: Signal,
  ): Promise<readonly Node[]> {
    const query = {
      limit: maxNodes,
      ...(nodeName === null ? {} : { fieldSelector: `metadata.name=${nodeName}` }),
      ...(nodeLabelSelector === null ? {} : { labelSelector: nodeLabelSelector }),
    }
    const request = { method: 'GET', path: '/api/v1/nodes', query, signal } as const
    return parse(nodeList, await this.#expect(request, [200], 'Error listing nodes')).items
  }

  /** Gone, or already gone. */
  async remove(resource: Resource, name: string, what: string, signal: Signal): Promise<void> {
    const request = { method: 'DELETE', path: this.#path(resource, name), signal } as const
    await this.#expect(request, [200, 202, 404], what)
  }

  get #manifestSettings() {
    const { storageClass, defaultStorageSize, hostAliases } = this.#options.config
    return { storageClass, storageSize: defaultStorageSize, hostAliases }
  }

  #patchDeployment(name: string, json: Manifest, what: string, signal: Signal): Promise<KubernetesReply> {
    const contentType = 'application/strategic-merge-patch+json'
    const path = this.#path('deployments', name)
    return this.#expect({ method: 'PATCH', path, json, contentType, signal }, [200, 404], what)
  }

  /** Waits while an object of that name is being deleted: what is under way cannot be used again. */
  async #create(
    { resource, manifest, what, secrets }: Creation,
    signal: Signal,
  ): Promise<'created' | 'exists'> {
    const { clock, deletionTimeoutMs: patienceMs = deletionTimeoutMs } = this.#options
    const until = clock.monotonic() + patienceMs
    const request = { method: 'POST', path: this.#path(resource), json: manifest, signal } as const
    for (;;) {
      const { status, json } = await this.#client.request(request)
      if (status === 200 || status === 201) return 'created'
      const isLeaving = status === 409 && isBeingDeleted(json)
      if (status === 409 && !isLeaving) return 'exists'
      if (!isLeaving || clock.monotonic() >= until) {
        throw refusal(refusalText(what, status, json, secrets), status)
      }
      await pause(deletionPollMs, undefined, signal === undefined ? {} : { signal })
    }
  }

  async #expect(
    request: KubernetesRequest,
    accepted: readonly number[],
    what: string,
  ): Promise<KubernetesReply> {
    const reply = await this.#client.request(request)
    if (accepted.includes(reply.status)) return reply
    throw refusal(refusalText(what, reply.status, reply.json), reply.status)
  }

  #path(resource: Resource, name?: string): string {
    const group = resource === 'deployments' ? '/apis/apps/v1' : '/api/v1'
    const all = `${group}/namespaces/${encodeURIComponent(this.namespace)}/${resource}`
    return name === undefined ? all : `${all}/${encodeURIComponent(name)}`
  }
}

function refusal(text: string, status: number): HarpError {
  return kubernetesError('KUBERNETES_REFUSED', text, { retryable: status === 429 || status >= 500 })
}

function partOfQuery(partOf: string): Readonly<Record<string, string>> {
  return { labelSelector: `app.kubernetes.io/part-of=${partOf}` }
}

function parse<Schema extends z.ZodType>(schema: Schema, { json }: KubernetesReply): z.output<Schema> {
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const where = parsed.error.issues.map((issue) => issue.path.join('.') || 'body').join(', ')
  throw kubernetesError('KUBERNETES_BAD_ANSWER', `an object of another shape (${where})`)
}
