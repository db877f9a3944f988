import { z } from 'zod'
import { roles } from '../format/membership.ts'
import { paths } from '../link/own-networks.ts'
import { folderStates, type DaemonApi } from './daemon-api.ts'

/** What a daemon answers, as the command line reads it: the daemon may be of another version. */

export type AnswerOf<Method extends keyof DaemonApi> = Awaited<ReturnType<DaemonApi[Method]>>

const role = z.enum(roles)
const folder = {
  id: z.string(),
  name: z.string(),
  path: z.string(),
  role: role.nullable(),
  state: z.enum(folderStates),
}
const folderInfo = z.object(folder)
const problem = z.object({ code: z.string(), path: z.string(), message: z.string(), fix: z.string() })
const device = z.object({ id: z.string(), name: z.string() })

const peer = z.object({
  id: z.string(),
  name: z.string(),
  connected: z.boolean(),
  address: z.string().nullable(),
  path: z.enum(paths).nullable(),
})

const discovery = z.object({
  enabled: z.boolean(),
  interfaces: z.array(
    z.object({
      name: z.string(),
      address: z.string(),
      beacons: z.string().nullable(),
      mdns: z.string().nullable(),
    }),
  ),
  errors: z.array(problem),
})

const cache = z.object({
  quotaBytes: z.number(),
  usedBytes: z.number(),
  chunks: z.number(),
  hitBytes: z.number(),
  missBytes: z.number(),
  evictedBytes: z.number(),
})

const status = z.object({
  device,
  listening: z.array(z.string()),
  // A daemon of an earlier version tells neither of the two.
  discovery: discovery.default({ enabled: false, interfaces: [], errors: [] }),
  folders: z.array(
    z.object({
      ...folder,
      files: z.number(),
      bytes: z.number(),
      needFiles: z.number(),
      needBytes: z.number(),
      rate: z.number(),
      etaSeconds: z.number().nullable(),
      activity: z.string(),
      errors: z.array(problem),
      peers: z.array(peer),
      cache: cache.nullable().default(null),
    }),
  ),
})

const member = z.object({
  id: z.string(),
  name: z.string(),
  role,
  state: z.enum(['member', 'revoked', 'forked']),
  self: z.boolean(),
  connected: z.boolean(),
  grantedBy: z.string().nullable(),
  since: z.string(),
  revokedBy: z.string().nullable(),
  revokedAt: z.string().nullable(),
  fencedEntries: z.number(),
  keep: z.enum(['all', 'staggered', 'current', 'cache']).nullable(),
  lastSeen: z.string().nullable(),
})

const revoked = z.object({
  folder: z.string(),
  device: z.string(),
  name: z.string(),
  told: z.number(),
  untold: z.number(),
  withdrawn: z.number(),
})

const anyPeer = z.object({
  id: z.string(),
  name: z.string(),
  connected: z.boolean(),
  address: z.string().nullable(),
  path: z.enum(paths).nullable(),
  dialled: z.boolean().nullable(),
  roundTripMs: z.number().nullable(),
  since: z.string().nullable(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  addresses: z.array(
    z.object({
      address: z.string(),
      via: z.enum(['beacon', 'mdns', 'reached', 'said', 'member', 'invitation']),
      problem: z.string().nullable(),
    }),
  ),
  folders: z.array(z.object({ id: z.string(), name: z.string(), role })),
  hint: z.string().nullable(),
})

const check = z.object({
  name: z.string(),
  result: z.enum(['ok', 'warning', 'failed']),
  message: z.string(),
  fix: z.string().nullable(),
})

const version = z.object({
  version: z.string(),
  device: z.string(),
  deviceName: z.string(),
  time: z.string(),
  size: z.number(),
  concurrent: z.boolean(),
  current: z.boolean(),
  final: z.boolean(),
  deleted: z.boolean(),
})

const deleted = z.object({
  path: z.string(),
  kind: z.enum(['file', 'directory', 'symlink']),
  device: z.string(),
  deviceName: z.string(),
  time: z.string(),
  version: z.string().nullable(),
  size: z.number(),
})

const audit = z.object({
  folder: z.string(),
  name: z.string(),
  entries: z.number(),
  files: z.number(),
  chunks: z.number(),
  findings: z.array(problem),
  repaired: z.number(),
})

const keys = z.object({
  folder: z.string(),
  name: z.string(),
  keys: z.array(z.object({ epoch: z.string(), key: z.string() })),
})

export type ControlAnswers = { readonly [Method in keyof DaemonApi]: z.ZodType<AnswerOf<Method>> }

export const controlAnswers: ControlAnswers = {
  status,
  addFolder: folderInfo,
  folders: z.array(folderInfo),
  pause: folderInfo,
  resume: folderInfo,
  remove: folderInfo,
  setQuota: folderInfo,
  invite: z.object({ code: z.string(), folder: z.string(), role, expires: z.string() }),
  join: folderInfo,
  members: z.array(member),
  revoke: revoked,
  peers: z.array(anyPeer),
  doctor: z.array(check),
  log: z.array(version),
  restore: z.object({ path: z.string(), version: z.string(), size: z.number() }),
  deleted: z.array(deleted),
  proof: z.object({ folder: z.string(), issuer: z.string(), proof: z.base64() }),
  audit: z.array(audit),
  trust: z.object({
    folder: z.string(),
    name: z.string(),
    devices: z.array(device),
    authority: z.string().nullable(),
  }),
  folderKeys: z.array(keys),
}

export const controlFailure = z.object({
  error: z.object({ code: z.string(), message: z.string(), fix: z.string().optional() }),
})
