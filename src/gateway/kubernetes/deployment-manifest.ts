/** The claim and the Deployment of an ExApp, as the contract has them (4.5.1). */
import type { HostAlias } from '../config/config.ts'
import type { AppNames } from '../docker/container-name.ts'
import { kubernetesName, kubernetesNames } from './names.ts'
import type { ComputeDevice } from '../docker/payload.ts'
import type { CreateRequest, ResourceLimits } from './payloads.ts'

export interface ManifestSettings {
  /** null: the cluster's default class. */
  readonly storageClass: string | null
  readonly storageSize: string
  readonly hostAliases: readonly HostAlias[]
}

export type Manifest = Readonly<Record<string, unknown>>

const gpuResources: Readonly<Record<ComputeDevice, string | null>> = {
  cpu: null,
  cuda: 'nvidia.com/gpu',
  rocm: 'amd.com/gpu',
}

export function claimManifest(app: AppNames, settings: ManifestSettings): Manifest {
  const { claim, partOf } = kubernetesNames(app)
  const labels = {
    'app.kubernetes.io/name': partOf,
    'app.kubernetes.io/part-of': partOf,
    'app.kubernetes.io/component': 'exapp-data',
  }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: claim, labels },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: settings.storageSize } },
      ...(settings.storageClass === null ? {} : { storageClassName: settings.storageClass }),
    },
  }
}

export function deploymentManifest(request: CreateRequest, settings: ManifestSettings): Manifest {
  const { deployment, claim, mountPath } = kubernetesNames(request)
  const labels = exAppLabels(request)
  const resources = resourcesOf(request.resourceLimits, request.computeDevice)
  const container = {
    name: 'app',
    image: request.image,
    imagePullPolicy: 'IfNotPresent',
    env: request.environmentVariables.flatMap(environmentEntry),
    volumeMounts: [{ name: 'data', mountPath }],
    ...(resources === null ? {} : { resources }),
  }
  const podSpec = {
    containers: [container],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: claim } }],
    ...(settings.hostAliases.length === 0 ? {} : { hostAliases: settings.hostAliases }),
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: deployment, labels },
    spec: {
      // It is started by a call of its own.
      replicas: 0,
      selector: { matchLabels: { app: deployment } },
      template: { metadata: { labels }, spec: podSpec },
    },
  }
}

/** The labels of Deployment, pod and Service. */
export function exAppLabels(app: AppNames): Record<string, string> {
  const { deployment, partOf } = kubernetesNames(app)
  return {
    app: deployment,
    'app.kubernetes.io/name': deployment,
    'app.kubernetes.io/part-of': partOf,
    'app.kubernetes.io/component': 'exapp',
    ...(app.instanceId === '' ? {} : { 'app.kubernetes.io/instance': app.instanceId }),
    ...(app.roleSuffix === '' ? {} : { 'app.kubernetes.io/role': kubernetesName(app.roleSuffix) }),
  }
}

function environmentEntry(text: string): { name: string; value: string }[] {
  if (text === '') return []
  const equals = text.indexOf('=')
  if (equals === -1) return [{ name: text, value: '' }]
  return [{ name: text.slice(0, equals), value: text.slice(equals + 1) }]
}

function resourcesOf(limits: ResourceLimits, device: ComputeDevice): Manifest | null {
  const memory = quantity(limits.memory, (bytes) => `${Math.ceil(bytes / 1_048_576)}Mi`)
  const cpu = quantity(limits.nanoCpus, (nano) => `${Math.ceil(nano / 1_000_000)}m`) ?? limits.cpu
  const both = { ...(memory === null ? {} : { memory }), ...(cpu === null ? {} : { cpu }) }
  const gpu = gpuResources[device]
  const all = gpu === null ? both : { ...both, [gpu]: '1' }
  if (Object.keys(all).length === 0) return null
  return { limits: all, ...(Object.keys(both).length === 0 ? {} : { requests: both }) }
}

/** A number above zero in the cluster's unit; a text as it is. */
function quantity(value: number | string | null, format: (value: number) => string): string | null {
  if (typeof value === 'string') return value
  return value === null || value <= 0 ? null : format(value)
}
