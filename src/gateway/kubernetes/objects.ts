/**
 * The parts of the API's objects that the gateway reads (Kubernetes API v1 and apps/v1). Fields that a server leaves
 * out where they are empty have their defaults here; unknown ones are ignored.
 */
import { z } from 'zod'

/** NOTE: Go servers send null for an empty list or map. */
const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((found) => found ?? {})
const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((found): z.infer<T>[] => found ?? [])
const text = z.string().default('')

const metadata = z.object({
  name: text,
  labels: texts,
  annotations: texts,
  creationTimestamp: z.string().nullish(),
  /** Set: the object is being deleted. */
  deletionTimestamp: z.string().nullish(),
})

const condition = z.object({ type: text, status: text, reason: text, message: text })

const reasoned = z.object({ reason: text, message: text })

export const podList = z.object({
  items: list(
    z.object({
      metadata,
      status: z
        .object({
          phase: text,
          reason: text,
          message: text,
          conditions: list(condition),
          containerStatuses: list(
            z.object({
              name: text,
              state: z
                .object({
                  waiting: reasoned.optional(),
                  running: z.object({}).optional(),
                  terminated: reasoned.optional(),
                })
                .default({}),
            }),
          ),
        })
        .prefault({}),
    }),
  ),
})

export const deployment = z.object({
  metadata,
  status: z.object({ conditions: list(condition) }).prefault({}),
})

export const deploymentList = z.object({ items: list(deployment) })

export const service = z.object({
  metadata,
  spec: z
    .object({
      type: z.string().default('ClusterIP'),
      clusterIP: text,
      ports: list(z.object({ port: z.number().int(), nodePort: z.number().int().optional() })),
    })
    .prefault({}),
  status: z
    .object({
      loadBalancer: z.object({ ingress: list(z.object({ ip: text, hostname: text })) }).prefault({}),
    })
    .prefault({}),
})

export const serviceList = z.object({ items: list(service) })

export const nodeList = z.object({
  items: list(
    z.object({
      metadata,
      status: z
        .object({
          addresses: list(z.object({ type: text, address: text })),
          conditions: list(condition),
        })
        .prefault({}),
    }),
  ),
})

export type Pod = z.infer<typeof podList>['items'][number]
export type Deployment = z.infer<typeof deployment>
export type Service = z.infer<typeof service>
export type Node = z.infer<typeof nodeList>['items'][number]
