/** What AppAPI sends to the Kubernetes routes, as typed values. Scalars come leniently: "1" for 1, "true" for true. */
import { z } from 'zod'
import { appNamePattern, namePartPattern, type AppNames } from '../docker/container-name.ts'
import type { AddressChoice } from './annotations.ts'

export type ComputeDevice = 'cpu' | 'rocm' | 'cuda'

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

export interface RemoveRequest extends AppNames {
  readonly removeData: boolean
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

export type Parsed<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'invalid'; readonly problem: string }

/** NOTE: names become parts of URLs, so nothing else may be in them (W44). */
const name = z.string().regex(appNamePattern, 'is not a name')
const suffix = z.string().regex(namePartPattern, 'is not a name')
const number = z.union([
  z.number(),
  z
    .string()
    .regex(/^\s*[+-]?\d{1,15}(?:\.\d{1,15})?\s*$/)
    .transform(Number),
])
const boolean = z.preprocess(
  (value) => {
    if (typeof value !== 'string' && typeof value !== 'number') return value
    const text = String(value).toLowerCase()
    if (['1', 'true', 'yes', 'on', 't', 'y'].includes(text)) return true
    return ['0', 'false', 'no', 'off', 'f', 'n'].includes(text) ? false : value
  },
  z.boolean({ error: 'is not a boolean' }),
)
const within = (min: number, max: number) => number.pipe(z.number().min(min).max(max))
const integer = (min: number, max: number) => number.pipe(z.number().int().min(min).max(max))
const port = integer(1, 65_535)
/** Empty is as good as absent. */
const optionalText = z
  .string()
  .max(1_024)
  .nullish()
  .transform((text) => (text === undefined || text === '' ? null : text))
const texts = z.record(z.string(), z.string()).default({})

const names = { name, instance_id: suffix.default(''), role_suffix: suffix.default('') }

const named = z.object(names).transform(nameOf)

const removal = z
  .object({ ...names, remove_data: boolean.default(false) })
  .transform((given): RemoveRequest => ({ ...nameOf(given), removeData: given.remove_data }))

const creation = z
  .object({
    ...names,
    image_id: z.string().optional(),
    image: z.string().optional(),
    network_mode: z.string().optional(),
    environment_variables: z.array(z.string()).max(1_000).default([]),
    compute_device: z.enum(['cpu', 'rocm', 'cuda']).default('cpu'),
    mount_points: z.array(z.unknown()).default([]),
    resource_limits: z.record(z.string(), z.unknown()).default({}),
  })
  .transform((given, context): CreateRequest => {
    const image = given.image_id ?? given.image
    if (image === undefined) context.addIssue({ code: 'custom', message: 'is required', path: ['image_id'] })
    return {
      ...nameOf(given),
      image: image ?? '',
      environmentVariables: given.environment_variables,
      computeDevice: given.compute_device,
      resourceLimits: limitsOf(given.resource_limits),
      ignored: [
        ...(given.network_mode === undefined ? [] : ['network_mode']),
        ...(given.mount_points.length === 0 ? [] : ['mount_points']),
      ],
    }
  })

const exposure = z
  .object({
    ...names,
    port,
    expose_type: z.enum(['nodeport', 'clusterip', 'loadbalancer', 'manual']).default('clusterip'),
    upstream_host: optionalText,
    upstream_port: port.nullish(),
    service_port: port.nullish(),
    node_port: integer(30_000, 32_767).nullish(),
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
  .transform((given, context): ExposeRequest => {
    if (given.expose_type === 'manual' && given.upstream_host === null) {
      context.addIssue({
        code: 'custom',
        message: "is required for expose_type 'manual'",
        path: ['upstream_host'],
      })
    }
    return {
      ...nameOf(given),
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
    }
  })

const certificates = z
  .object({
    ...names,
    system_certs_bundle: z.string().nullish(),
    install_frp_certs: boolean.default(true),
  })
  .transform(nameOf)

export const payloads = { named, removal, creation, exposure, certificates }

export function parsePayload<T>(schema: z.ZodType<T>, input: unknown): Parsed<T> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return { kind: 'ok', value: parsed.data }
  const lines = parsed.error.issues.map(
    (issue) => `${issue.path.map(String).join('.') || 'body'}: ${issue.message}`,
  )
  return { kind: 'invalid', problem: lines.join('\n') }
}

function nameOf(given: { name: string; instance_id: string; role_suffix: string }): AppNames {
  return { name: given.name, instanceId: given.instance_id, roleSuffix: given.role_suffix }
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
