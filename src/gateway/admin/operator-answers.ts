/** The answers of the control socket, as its client expects them. */
import { z } from 'zod'

export const gatewayStatus = z.object({
  version: z.string(),
  instance: z.string(),
  pid: z.number(),
  startedAt: z.string(),
  uptimeSeconds: z.number(),
  isDraining: z.boolean(),
  listeners: z.object({ http: z.string(), https: z.string().nullable(), admin: z.string().nullable() }),
  connections: z.object({ open: z.number(), refused: z.number() }),
  apps: z.object({ known: z.number(), unknown: z.number() }),
  bannedAddresses: z.number(),
  certificate: z.object({ path: z.string(), validTo: z.string() }).nullable(),
})

export const banList = z.object({
  bans: z.array(z.object({ address: z.string(), failures: z.number(), until: z.string() })),
})

export const liftedBan = z.object({ lifted: z.string() })

const tokenEntry = z.object({
  id: z.string(),
  kind: z.enum(['app', 'engine']),
  name: z.string(),
  port: z.number().nullable(),
  createdAt: z.string(),
  lastUsedAt: z.string().nullable(),
  lastPeer: z.string().nullable(),
})

export const tokenList = z.object({ tokens: z.array(tokenEntry) })

export const madeToken = tokenEntry.extend({ token: z.string() })

export const revokedToken = z.object({ revoked: tokenEntry })

const problem = { at: z.string(), problem: z.string() }

const tunnelStatus = z.object({
  name: z.string(),
  port: z.number(),
  kind: z.enum(['app', 'engine']),
  state: z.enum(['open', 'lost']),
  peer: z.string(),
  user: z.string(),
  clientVersion: z.string(),
  transport: z.enum(['tls', 'plain', 'websocket', 'websocket-tls']),
  mux: z.boolean(),
  wire: z.literal([1, 2]),
  certificate: z.object({ subject: z.string(), serialNumber: z.string(), validTo: z.string() }).nullable(),
  identity: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('shared-key') }),
    z.object({ kind: z.literal('token'), id: z.string() }),
  ]),
  runId: z.string(),
  openedAt: z.string(),
  ageSeconds: z.number(),
  connections: z.object({ active: z.number(), idle: z.number(), total: z.number() }),
  bytes: z.object({ toApp: z.number(), fromApp: z.number() }),
  roundTripMs: z.number().nullable(),
  lastError: z.object(problem).nullable(),
  lastSeen: z.string(),
})

const moment = z.object(problem).nullable()

export const engineList = z.object({
  engines: z.array(
    z.object({
      port: z.number(),
      via: z.enum(['socket', 'tunnel', 'tcp']),
      reachable: z.boolean().nullable(),
      version: z.object({ apiVersion: z.string(), minApiVersion: z.string(), engine: z.string() }).nullable(),
      lastError: moment,
      busy: z.number(),
      waiting: z.number(),
    }),
  ),
})

export const appList = z.object({
  apps: z.array(
    z.object({
      id: z.string(),
      version: z.string(),
      address: z.string(),
      route: z.enum(['tunnel', 'direct', 'kubernetes']),
      tunnel: tunnelStatus
        .pick({
          name: true,
          state: true,
          peer: true,
          openedAt: true,
          ageSeconds: true,
          lastSeen: true,
          lastError: true,
        })
        .nullable(),
      state: z.enum(['unused', 'answers', 'fails']),
      requests: z.number(),
      lastStatus: z.object({ at: z.string(), status: z.number() }).nullable(),
      lastError: moment,
    }),
  ),
})

export const tunnelOverview = z.object({
  listening: z.string().nullable(),
  tls: z.boolean(),
  requireTokens: z.enum(['none', 'engines', 'all']),
  tunnels: z.array(tunnelStatus),
  refused: z.array(z.object({ ...problem, peer: z.string(), name: z.string().nullable() })),
})
