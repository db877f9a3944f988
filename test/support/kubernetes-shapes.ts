/**
 * The published shapes of what the gateway sends to an API server (Kubernetes API reference, v1 and apps/v1), as an
 * API server with strict field validation checks them: a misspelt field or a wrong type is a 400, a value that the
 * validation refuses a 422. Only the fields that ExApps need are known here.
 */
import { z } from 'zod'

const label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?'
const dnsLabel = z
  .string()
  .max(63)
  .regex(new RegExp(`^${label}$`))
const dnsSubdomain = z
  .string()
  .max(253)
  .regex(new RegExp(`^${label}(?:\\.${label})*$`))
/** Names of Services begin with a letter (RFC 1035). */
const serviceName = dnsLabel.regex(/^[a-z]/)
const port = z.number().int().min(1).max(65_535)
const key = z.string().regex(/^(?:[a-z0-9.-]{1,253}\/)?[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?$/)
const labels = z.record(
  key,
  z
    .string()
    .max(63)
    .regex(/^(?:[a-zA-Z0-9](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9])?)?$/),
)
const annotations = z.record(key, z.string())
const quantity = z.string().regex(/^\+?(?:\d+(?:\.\d*)?|\.\d+)(?:[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/)
const quantities = z.record(z.string(), quantity)
const metadata = (name: z.ZodString) =>
  z.strictObject({ name, labels: labels.optional(), annotations: annotations.optional() })

export const persistentVolumeClaim = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('PersistentVolumeClaim'),
  metadata: metadata(dnsSubdomain),
  spec: z.strictObject({
    accessModes: z
      .array(z.enum(['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod']))
      .min(1),
    resources: z.strictObject({ requests: z.strictObject({ storage: quantity }) }),
    storageClassName: dnsSubdomain.optional(),
  }),
})

const container = z.strictObject({
  name: dnsLabel,
  image: z.string().min(1),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']),
  env: z.array(z.strictObject({ name: z.string().regex(/^[ -<>-~]+$/), value: z.string() })),
  volumeMounts: z.array(
    z.strictObject({
      name: dnsLabel,
      mountPath: z
        .string()
        .min(1)
        .regex(/^[^:]+$/),
    }),
  ),
  resources: z.strictObject({ limits: quantities.optional(), requests: quantities.optional() }).optional(),
})

const podSpec = z
  .strictObject({
    containers: z.array(container).min(1),
    volumes: z.array(
      z.strictObject({
        name: dnsLabel,
        persistentVolumeClaim: z.strictObject({ claimName: dnsSubdomain }),
      }),
    ),
    hostAliases: z
      .array(z.strictObject({ ip: z.union([z.ipv4(), z.ipv6()]), hostnames: z.array(dnsSubdomain) }))
      .optional(),
  })
  .superRefine(({ containers, volumes }, context) => {
    const known = volumes.map(({ name }) => name)
    for (const { volumeMounts } of containers) {
      for (const { name } of volumeMounts) {
        if (!known.includes(name)) context.addIssue({ code: 'custom', message: `Not found: "${name}"` })
      }
    }
  })

export const deployment = z
  .strictObject({
    apiVersion: z.literal('apps/v1'),
    kind: z.literal('Deployment'),
    metadata: metadata(dnsSubdomain),
    spec: z.strictObject({
      replicas: z.number().int().min(0),
      selector: z.strictObject({ matchLabels: labels }),
      template: z.strictObject({ metadata: z.strictObject({ labels }), spec: podSpec }),
    }),
  })
  .superRefine(({ spec }, context) => {
    for (const [name, value] of Object.entries(spec.selector.matchLabels)) {
      if (spec.template.metadata.labels[name] === value) continue
      context.addIssue({ code: 'custom', message: '`selector` does not match template `labels`' })
    }
  })

export const service = z
  .strictObject({
    apiVersion: z.literal('v1'),
    kind: z.literal('Service'),
    metadata: metadata(serviceName),
    spec: z.strictObject({
      type: z.enum(['ClusterIP', 'NodePort', 'LoadBalancer']),
      selector: labels,
      ports: z
        .array(
          z.strictObject({
            name: dnsLabel.max(15),
            port,
            targetPort: port,
            nodePort: z.number().int().min(30_000).max(32_767).optional(),
          }),
        )
        .min(1),
      externalTrafficPolicy: z.enum(['Cluster', 'Local']).optional(),
      loadBalancerIP: z.string().optional(),
    }),
  })
  .superRefine(({ spec }, context) => {
    if (spec.type !== 'ClusterIP') return
    const refuse = (message: string): void => context.addIssue({ code: 'custom', message })
    if (spec.externalTrafficPolicy !== undefined) refuse('may only be set for externally-accessible services')
    if (spec.ports.some(({ nodePort }) => nodePort !== undefined)) {
      refuse("may not be used when `type` is 'ClusterIP'")
    }
  })

/** What of a Deployment is patched. */
export const deploymentPatch = z.union([
  z.strictObject({ spec: z.strictObject({ replicas: z.number().int().min(0) }) }),
  z.strictObject({ metadata: z.strictObject({ annotations }) }),
])

export const accessReview = z.strictObject({
  apiVersion: z.literal('authorization.k8s.io/v1'),
  kind: z.literal('SelfSubjectAccessReview'),
  spec: z.strictObject({
    resourceAttributes: z.strictObject({
      group: z.string(),
      resource: z.string(),
      verb: z.string(),
      namespace: z.string().optional(),
    }),
  }),
})

export type DeploymentObject = z.infer<typeof deployment>
export type ServiceObject = z.infer<typeof service>
export type ClaimObject = z.infer<typeof persistentVolumeClaim>
