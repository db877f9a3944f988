/** What AppAPI sends to create and expose on Kubernetes, as typed values; the other routes share Docker's bodies. */
import { z } from 'zod'
import type { AppNames } from '../docker/container-name.ts'
import { integer, names, namesOf, parse, type ComputeDevice, type Parsed } from '../docker/payload.ts'
import type { AddressChoice } from './annotations.ts'

/** null: no limit. A text is a quantity of the cluster's own notation. */
export interface ResourceLimits {
  /** Bytes, or a quantity. */
  readonly memory: number | string | null
  readonly nanoCpus: number | null
  readonly cpu: string | null
}

export interface CreateRequest extends AppNames {
  readonly image: string
  readonly environmentVariables: readonly string[]
  readonly computeDevice: ComputeDevice
  readonly resourceLimits: ResourceLimits
  /** What is asked for and means nothing in a cluster. */
  readonly ignored: readonly string[]
}

export type ExposeType = 'nodeport' | 'clusterip' | 'loadbalancer' | 'manual'

export interface ExposeRequest extends AppNames, AddressChoice {
  readonly port: number
  readonly exposeType: ExposeType
  readonly upstreamPort: number | null
  readonly servicePort: number | null
  readonly nodePort: number | null
  readonly externalTrafficPolicy: 'Cluster' | 'Local' | null
  readonly loadBalancerIp: string | null
  readonly serviceAnnotations: Readonly<Record<string, string>>
  readonly serviceLabels: Readonly<Record<string, string>>
  readonly waitTimeoutMs: number
  readonly waitIntervalMs: number
}

const decimal = z.union([
  z.number(),
  z
    .string()
    .regex(/^\s*\d{1,15}(?:\.\d{1,15})?\s*$/, 'is not a number')
    .transform(Number),
])
const within = (min: number, max: number) => decimal.pipe(z.number().min(min).max(max))
const whole = (min: number, max: number) => integer.pipe(z.number().min(min).max(max))
const port = whole(1, 65_535)
/** Empty is as good as absent. */
const optionalText = z
  .string()
  .max(1_024)
  .nullish()
  .transform((text) => (text === undefined || text === '' ? null : text))
const texts = z.record(z.string(), z.string()).default({})

const creation = z
  .object({
    ...names,
    image_id: z.string().min(1).optional(),
    image: z.string().min(1).optional(),
    network_mode: z.string().optional(),
    environment_variables: z.array(z.string()).max(1_000).default([]),
    compute_device: z.enum(['cpu', 'rocm', 'cuda'], 'is none of cpu, rocm and cuda').default('cpu'),
    mount_points: z.array(z.unknown()).default([]),
    resource_limits: z.record(z.string(), z.unknown()).default({}),
  })
  .refine(({ image_id: id, image }) => (id ?? image) !== undefined, {
    message: 'is missing',
    path: ['image_id'],
  })

const exposure = z
  .object({
    ...names,
    port,
    expose_type: z.enum(['nodeport', 'clusterip', 'loadbalancer', 'manual']).default('clusterip'),
    upstream_host: optionalText,
    upstream_port: port.nullish(),
    service_port: port.nullish(),
    node_port: whole(30_000, 32_767).nullish(),
    external_traffic_policy: z.enum(['Cluster', 'Local']).nullish(),
    load_balancer_ip: optionalText,
    service_annotations: texts,
    service_labels: texts,
    wait_timeout_seconds: within(0, 600).default(60),
    wait_interval_seconds: within(0.1, 10).default(1),
    node_address_type: z.enum(['InternalIP', 'ExternalIP']).default('InternalIP'),
    node_name: optionalText,
    node_label_selector: optionalText,
  })
  .refine((given) => given.expose_type !== 'manual' || given.upstream_host !== null, {
    message: "is missing, which expose_type 'manual' needs",
    path: ['upstream_host'],
  })

export function parseCreation(body: Buffer): Parsed<CreateRequest> {
  return parse(body, creation, (given) => ({
    ...namesOf(given),
    image: given.image_id ?? given.image ?? '',
    environmentVariables: given.environment_variables,
    computeDevice: given.compute_device,
    resourceLimits: limitsOf(given.resource_limits),
    ignored: [
      ...(given.network_mode === undefined ? [] : ['network_mode']),
      ...(given.mount_points.length === 0 ? [] : ['mount_points']),
    ],
  }))
}

export function parseExposure(body: Buffer): Parsed<ExposeRequest> {
  return parse(body, exposure, (given) => ({
    ...namesOf(given),
    port: given.port,
    exposeType: given.expose_type,
    upstreamHost: given.upstream_host,
    upstreamPort: given.upstream_port ?? null,
    servicePort: given.service_port ?? null,
    nodePort: given.node_port ?? null,
    externalTrafficPolicy: given.external_traffic_policy ?? null,
    loadBalancerIp: given.load_balancer_ip,
    serviceAnnotations: given.service_annotations,
    serviceLabels: given.service_labels,
    waitTimeoutMs: given.wait_timeout_seconds * 1_000,
    waitIntervalMs: given.wait_interval_seconds * 1_000,
    nodeAddressType: given.node_address_type,
    nodeName: given.node_name,
    nodeLabelSelector: given.node_label_selector,
  }))
}

function limitsOf({ memory, nanoCPUs, cpu }: Readonly<Record<string, unknown>>): ResourceLimits {
  return {
    memory: typeof memory === 'number' ? memory : textOf(memory),
    nanoCpus: typeof nanoCPUs === 'number' ? nanoCPUs : null,
    cpu: textOf(cpu),
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}
