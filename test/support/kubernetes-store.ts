/** The objects of the simulated namespace, and what a cluster's controllers make of them. */
import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import { listPod, podStatus, type PodStatus, type SimulatedPod } from './kubernetes-pods.ts'
import {
  type ClaimObject,
  deployment,
  type DeploymentObject,
  deploymentPatch,
  persistentVolumeClaim,
  service,
  type ServiceObject,
} from './kubernetes-shapes.ts'
import { alreadyExists, badRequest, invalid, notFound, type Refusal } from './kubernetes-status.ts'

export interface Stored<T> {
  readonly manifest: T
  readonly uid: string
  readonly createdAt: string
  deletedAt?: string
  status?: unknown
}

export class ApiRefusal extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.message)
    this.refusal = refusal
  }
}

export interface ClusterHabits {
  /** What a Service gets as its address. */
  readonly clusterIp: string
  /** For Services that ask for none; further ones count up. */
  readonly firstNodePort: number
  /** How often a Service is read before its load balancer has an address. */
  readonly readsUntilIngress: number
  /** How often a stopped pod is still listed. */
  readonly terminatingListings: number
}

export const groups: Readonly<Record<string, string>> = { deployments: 'apps' }

export class KubernetesStore {
  readonly namespace: string
  readonly deployments = new Map<string, Stored<DeploymentObject>>()
  readonly services = new Map<string, Stored<ServiceObject>>()
  readonly claims = new Map<string, Stored<ClaimObject>>()
  readonly pods: SimulatedPod[] = []
  readonly scripts = new Map<string, readonly PodStatus[]>()
  /** Deployments that cannot make their pod, and why. */
  readonly quotas = new Map<string, string>()
  readonly #habits: ClusterHabits
  readonly #ingressReads = new Map<string, number>()
  #count = 0

  constructor(namespace: string, habits: ClusterHabits) {
    this.namespace = namespace
    this.#habits = habits
  }

  create(resource: string, body: unknown): unknown {
    switch (resource) {
      case 'persistentvolumeclaims':
        return this.#show(this.#insert(this.claims, resource, persistentVolumeClaim, body))
      case 'deployments':
        return this.#show(this.#insert(this.deployments, resource, deployment, body))
      case 'services':
        return this.#createService(body)
      default:
        throw new ApiRefusal(badRequest(`${resource} cannot be created here`))
    }
  }

  read(resource: string, name: string): unknown {
    const stored = this.#of(resource).get(name)
    if (stored === undefined) throw new ApiRefusal(notFound(resource, groups[resource] ?? '', name))
    if (resource === 'services') this.#awaitIngress(name)
    return this.#show(stored)
  }

  list(resource: string, selector: ReadonlyMap<string, string>): unknown[] {
    const matches = (found: Readonly<Record<string, string>> = {}): boolean =>
      [...selector].every(([name, value]) => found[name] === value)
    if (resource === 'pods') return this.#listPods(matches)
    const all = [...this.#of(resource).values()]
    return all.filter(({ manifest }) => matches(manifest.metadata.labels)).map((each) => this.#show(each))
  }

  patchDeployment(name: string, body: unknown): unknown {
    const stored = this.deployments.get(name)
    if (stored === undefined) throw new ApiRefusal(notFound('deployments', 'apps', name))
    const patch = deploymentPatch.safeParse(body)
    if (!patch.success) throw new ApiRefusal(badRequest(problemOf(patch.error)))
    const { metadata, spec } = stored.manifest
    if ('metadata' in patch.data) {
      const annotations = { ...metadata.annotations, ...patch.data.metadata.annotations }
      const manifest = { ...stored.manifest, metadata: { ...metadata, annotations } }
      this.deployments.set(name, { ...stored, manifest })
    } else {
      const { replicas } = patch.data.spec
      this.deployments.set(name, { ...stored, manifest: { ...stored.manifest, spec: { ...spec, replicas } } })
      this.#scale(name, replicas)
    }
    return this.read('deployments', name)
  }

  remove(resource: string, name: string): unknown {
    const all = this.#of(resource)
    const stored = all.get(name)
    if (stored === undefined) throw new ApiRefusal(notFound(resource, groups[resource] ?? '', name))
    if (resource === 'deployments') this.#scale(name, 0)
    // The claim of a pod that is still there waits for it (pvc-protection).
    if (resource === 'persistentvolumeclaims' && this.pods.length > 0) stored.deletedAt = timestamp()
    else all.delete(name)
    return this.#show(stored)
  }

  /** What a deletion under way has left in its place. */
  markDeleting(resource: string, name: string): void {
    const stored = this.#of(resource).get(name)
    if (stored !== undefined) stored.deletedAt = timestamp()
  }

  #of(resource: string): Map<string, Stored<DeploymentObject | ServiceObject | ClaimObject>> {
    const maps: Readonly<Record<string, unknown>> = {
      deployments: this.deployments,
      services: this.services,
      persistentvolumeclaims: this.claims,
    }
    const found = maps[resource]
    if (found === undefined) throw new ApiRefusal(notFound(resource, '', ''))
    return found as Map<string, Stored<DeploymentObject | ServiceObject | ClaimObject>>
  }

  #insert<T extends { kind: string; metadata: { name: string } }>(
    all: Map<string, Stored<T>>,
    resource: string,
    schema: z.ZodType<T>,
    body: unknown,
  ): Stored<T> {
    const parsed = schema.safeParse(body)
    if (!parsed.success) throw new ApiRefusal(refusalOf(parsed.error, body))
    const { name } = parsed.data.metadata
    const before = all.get(name)
    if (before !== undefined) {
      const isBeingDeleted = before.deletedAt !== undefined
      throw new ApiRefusal(alreadyExists(resource, groups[resource] ?? '', name, isBeingDeleted))
    }
    const stored = { manifest: parsed.data, uid: randomUUID(), createdAt: timestamp() }
    all.set(name, stored)
    return stored
  }

  #createService(body: unknown): unknown {
    const stored = this.#insert(this.services, 'services', service, body)
    const { metadata, spec } = stored.manifest
    const taken = [...this.services.values()].flatMap((each) =>
      each === stored ? [] : each.manifest.spec.ports.map(({ nodePort }) => nodePort),
    )
    const ports = spec.ports.map((port) => {
      if (spec.type === 'ClusterIP') return port
      const nodePort = port.nodePort ?? this.#habits.firstNodePort + this.#count++
      if (!taken.includes(nodePort)) return { ...port, nodePort }
      this.services.delete(metadata.name)
      const problem = `spec.ports[0].nodePort: Invalid value: ${nodePort}: provided port is already allocated`
      throw new ApiRefusal(invalid('Service', metadata.name, problem))
    })
    const kept = {
      ...stored,
      manifest: { ...stored.manifest, spec: { ...spec, ports, clusterIP: this.#habits.clusterIp } },
      status: { loadBalancer: {} },
    }
    this.services.set(metadata.name, kept)
    return this.#show(kept)
  }

  #awaitIngress(name: string): void {
    const stored = this.services.get(name)
    if (stored?.manifest.spec.type !== 'LoadBalancer') return
    const reads = (this.#ingressReads.get(name) ?? 0) + 1
    this.#ingressReads.set(name, reads)
    if (reads <= this.#habits.readsUntilIngress) return
    const ip = stored.manifest.spec.loadBalancerIP ?? this.#habits.clusterIp
    stored.status = { loadBalancer: { ingress: [{ ip }] } }
  }

  #scale(name: string, replicas: number): void {
    for (const pod of this.pods) {
      if (pod.metadata.labels['app'] === name) pod.metadata.deletionTimestamp ??= timestamp()
    }
    if (replicas === 0 || this.quotas.has(name)) return
    const labels = this.deployments.get(name)?.manifest.spec.template.metadata.labels ?? {}
    const podName = `${name}-${(this.#count += 1)}`
    this.pods.push({
      metadata: {
        name: podName,
        namespace: this.namespace,
        labels,
        creationTimestamp: timestamp(this.#count),
      },
      script: this.scripts.get(name) ?? [podStatus.creating, podStatus.ready],
      step: 0,
      listingsLeft: this.#habits.terminatingListings,
    })
  }

  #listPods(matches: (labels: Readonly<Record<string, string>>) => boolean): unknown[] {
    const listed = this.pods.filter(({ metadata }) => matches(metadata.labels))
    const shown = listed.map(listPod)
    for (const pod of listed) {
      if (pod.metadata.deletionTimestamp === undefined || pod.listingsLeft-- > 0) continue
      this.pods.splice(this.pods.indexOf(pod), 1)
    }
    return shown
  }

  #show(stored: Stored<DeploymentObject | ServiceObject | ClaimObject>): unknown {
    const { manifest, uid, createdAt, deletedAt } = stored
    const quota = this.quotas.get(manifest.metadata.name)
    const failure = {
      type: 'ReplicaFailure',
      status: 'True',
      reason: 'FailedCreate',
      message: quota,
    }
    const status = manifest.kind === 'Deployment' && quota !== undefined ? { conditions: [failure] } : {}
    return {
      ...manifest,
      metadata: {
        ...manifest.metadata,
        namespace: this.namespace,
        uid,
        resourceVersion: '1',
        creationTimestamp: createdAt,
        ...(deletedAt === undefined ? {} : { deletionTimestamp: deletedAt }),
      },
      status: stored.status ?? status,
    }
  }
}

/** Unknown fields and wrong types are a 400, refused values a 422, as with `fieldValidation=Strict`. */
function refusalOf(error: z.ZodError, body: unknown): Refusal {
  const isShape = error.issues.some(({ code }) => code === 'invalid_type' || code === 'unrecognized_keys')
  if (isShape) return badRequest(`strict decoding error: ${problemOf(error)}`)
  const { kind = '', metadata = {} } = body as { kind?: string; metadata?: { name?: string } }
  return invalid(kind, metadata.name ?? '', problemOf(error))
}

function problemOf(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join(', ')
}

/** Whole seconds, as the API writes times; `later` keeps an order between those of one moment. */
function timestamp(later: number = 0): string {
  return new Date(Date.now() + later * 1_000).toISOString().replace(/\.\d+Z$/, 'Z')
}
