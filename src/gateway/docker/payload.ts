/**
 * The bodies AppAPI sends to /docker/exapp, once and for all as typed values: coercions as lenient as the original's,
 * grammar as strict as an engine's (W44).
 */
import { z } from 'zod'
import { normalPath, plainPath } from '../config/host-path.ts'
import { parseJson } from '../nextcloud/exapp-meta.ts'
import { appNamePattern, namePartPattern, type AppNames } from './container-name.ts'
import { isImageReference } from '../access/image-reference.ts'
import type { BindMount } from './mount-rules.ts'

export type ComputeDevice = 'cpu' | 'rocm' | 'cuda'

export interface CreatePayload {
  readonly names: AppNames
  readonly image: string
  readonly networkMode: string
  readonly environment: readonly string[]
  readonly restartPolicy: string
  readonly computeDevice: ComputeDevice
  readonly mounts: readonly BindMount[]
  /** Bytes; undefined: no limit was given. */
  readonly memory: number | undefined
  readonly nanoCpus: number | undefined
}

export interface RemovePayload {
  readonly names: AppNames
  readonly removeData: boolean
}

export interface CertificatesPayload {
  readonly names: AppNames
  readonly systemBundle: string
  readonly installFrpCertificates: boolean
}

export type Parsed<Value> =
  | { readonly kind: 'ok'; readonly value: Value }
  /** `text` is the body of the 400. */
  | { readonly kind: 'bad'; readonly text: string }

const maxList = 1_000
const maxMounts = 100

export const integer = z.union([
  z.number().int(),
  z
    .string()
    .regex(/^\s*[+-]?\d{1,15}\s*$/, 'is not a whole number')
    .transform(Number),
])
const truths = { true: true, t: true, yes: true, y: true, on: true, '1': true } as const
const falsehoods = { false: false, f: false, no: false, n: false, off: false, '0': false } as const
const booleans: ReadonlyMap<string, boolean> = new Map(Object.entries({ ...truths, ...falsehoods }))
const boolean = z
  .union([z.boolean(), z.number(), z.string()], 'is not true or false')
  .transform((given, context) => {
    const known = booleans.get(String(given).toLowerCase())
    if (known === undefined) context.addIssue({ code: 'custom', message: 'is not true or false' })
    return known ?? false
  })

export const names = {
  name: z.string().regex(appNamePattern, 'is not a name (a-z, A-Z, 0-9, _, . and -, at most 63)'),
  instance_id: z.string().regex(namePartPattern, 'is not a part of a name').default(''),
  role_suffix: z.string().regex(namePartPattern, 'is not a part of a name').default(''),
}
const image = z.string().refine(isImageReference, 'is not the name of an image')
const networkMode = z.string().superRefine((mode, context) => {
  if (/^(?:container|ns):/i.test(mode)) {
    const message = 'joins the network of another container or of the host, which is refused'
    context.addIssue({ code: 'custom', message })
  } else if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(mode)) {
    context.addIssue({ code: 'custom', message: 'is not the name of a network' })
  }
})
const pathOf = (normalised: (given: string) => string | null): z.ZodType<string> =>
  z.string().transform((given, context) => {
    const path = normalised(given)
    if (path === null) context.addIssue({ code: 'custom', message: 'is not an absolute path' })
    return path ?? '/'
  })
const mount = z.object({
  source: pathOf(normalPath),
  target: pathOf(plainPath).refine((target) => target !== '/', 'cannot be /'),
  mode: z.enum(['rw', 'ro'], 'is neither rw nor ro').default('rw'),
})
const environmentEntry = z.string().refine((entry) => !entry.includes('\0'), 'has a NUL')
const limit = integer.pipe(z.number().min(0, 'is negative')).nullish()

const nameSchema = z.object(names)
const removeSchema = z.object({ ...names, remove_data: boolean.default(false) })
const imageSchema = z.object({ image_ref: image })
const certificatesSchema = z.object({
  ...names,
  system_certs_bundle: z.string().nullish(),
  install_frp_certs: boolean.default(true),
})
const createSchema = z.object({
  ...names,
  image_id: image,
  network_mode: networkMode.default('bridge'),
  environment_variables: z.array(environmentEntry).max(maxList).default([]),
  restart_policy: z
    .enum(['no', 'always', 'unless-stopped', 'on-failure'], 'is not a restart policy')
    .default('unless-stopped'),
  compute_device: z.enum(['cpu', 'rocm', 'cuda'], 'is none of cpu, rocm and cuda').default('cpu'),
  mount_points: z.array(mount).max(maxMounts).default([]),
  resource_limits: z.object({ memory: limit, nanoCPUs: limit }).default({}),
})

export function parseNames(body: Buffer): Parsed<AppNames> {
  return parse(body, nameSchema, namesOf)
}

export function parseRemove(body: Buffer): Parsed<RemovePayload> {
  return parse(body, removeSchema, (given) => ({ names: namesOf(given), removeData: given.remove_data }))
}

export function parseImageRef(body: Buffer): Parsed<string> {
  return parse(body, imageSchema, (given) => given.image_ref)
}

export function parseCertificates(body: Buffer): Parsed<CertificatesPayload> {
  return parse(body, certificatesSchema, (given) => ({
    names: namesOf(given),
    systemBundle: given.system_certs_bundle ?? '',
    installFrpCertificates: given.install_frp_certs,
  }))
}

export function parseCreate(body: Buffer): Parsed<CreatePayload> {
  const withAlias = z.preprocess(takeImageAlias, createSchema)
  return parse(body, withAlias, (given) => ({
    names: namesOf(given),
    image: given.image_id,
    networkMode: given.network_mode,
    environment: given.environment_variables,
    restartPolicy: given.restart_policy,
    computeDevice: given.compute_device,
    mounts: given.mount_points.map(({ source, target, mode }) => ({
      source,
      target,
      isReadOnly: mode === 'ro',
    })),
    memory: given.resource_limits.memory ?? undefined,
    nanoCpus: given.resource_limits.nanoCPUs ?? undefined,
  }))
}

/** `image` stands in where there is no `image_id`. */
function takeImageAlias(given: unknown): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given
  if ('image_id' in given || !('image' in given)) return given
  return { ...given, image_id: given.image }
}

export function namesOf(given: z.output<typeof nameSchema>): AppNames {
  return { name: given.name, instanceId: given.instance_id, roleSuffix: given.role_suffix }
}

export function parse<Schema extends z.ZodType, Value>(
  body: Buffer,
  schema: Schema,
  read: (given: z.output<Schema>) => Value,
): Parsed<Value> {
  const json = parseJson(body.toString('utf8'))
  if (json === undefined) return { kind: 'bad', text: 'Invalid JSON body' }
  const parsed = schema.safeParse(json)
  if (parsed.success) return { kind: 'ok', value: read(parsed.data) }
  return { kind: 'bad', text: `Payload validation error: ${describe(parsed.error)}` }
}

/** Nextcloud shows about 120 characters: the first problem first, and never a value, which may be a secret. */
function describe(error: z.ZodError): string {
  return error.issues
    .map((issue) => {
      const where = issue.path.map(String).join('.') || 'body'
      const isMissing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined')
      return `${where} ${isMissing ? 'is missing' : issue.message.replace(/^Invalid input: /, 'is wrong: ')}`
    })
    .join('; ')
    .slice(0, 1_000)
}
