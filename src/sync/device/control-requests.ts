import { z } from 'zod'
import { nameFix, parseName } from '../config/settings.ts'
import { roles } from '../format/membership.ts'
import type { DaemonApi } from './daemon-api.ts'

/** What may be asked of a daemon: one entry for each method of DaemonApi, with the form of its request. */

const path = z
  .string()
  .max(4_096)
  .refine((text) => text.startsWith('/') && !text.includes('\0') && text.isWellFormed(), 'no absolute path')
const lookup = z.string().min(1).max(4_096)
const name = z.string().transform((text, context) => {
  const parsed = parseName(text)
  if (parsed !== undefined) return parsed
  context.addIssue({ code: 'custom', message: nameFix })
  return z.NEVER
})
const role = z.enum(roles)
const minuteMs = 60_000
const expiresMs = z
  .number()
  .int()
  .min(minuteMs)
  .max(30 * 24 * 60 * minuteMs)
/** A cache smaller than this holds nothing of use. */
const quota = z.number().int().min(1_048_576).max(Number.MAX_SAFE_INTEGER)
const version = z
  .string()
  .regex(/^[0-9a-fA-F]{6,64}$/, '6 to 64 hex digits')
  .transform((text) => text.toLowerCase())

const nothing = z.strictObject({})
const ofFolder = z.strictObject({ folder: lookup })

export type ControlMethod = keyof DaemonApi

type RequestOf<Method extends ControlMethod> =
  Parameters<DaemonApi[Method]> extends [infer Request] ? Request : object

export const controlRequests: { readonly [Method in ControlMethod]: z.ZodType<RequestOf<Method>> } = {
  status: nothing,
  addFolder: z.strictObject({ path, name: name.optional(), authority: lookup.optional() }),
  folders: nothing,
  pause: ofFolder,
  resume: z.strictObject({ folder: lookup, acceptDeletions: z.boolean().optional() }),
  remove: ofFolder,
  setQuota: z.strictObject({ folder: lookup, quota }),
  invite: z.strictObject({ folder: lookup, role: role.optional(), expiresMs: expiresMs.optional() }),
  join: z.strictObject({
    code: z.string().min(1).max(16_384),
    path: path.optional(),
    quota: quota.optional(),
  }),
  members: ofFolder,
  revoke: z.strictObject({ folder: lookup, device: lookup }),
  peers: nothing,
  doctor: nothing,
  log: z.strictObject({ path }),
  restore: z.strictObject({ path, version, to: path.optional() }),
  deleted: ofFolder,
  proof: z.strictObject({ path, reveal: z.boolean().optional() }),
  audit: z.strictObject({ folder: lookup.optional(), repair: z.boolean().optional() }),
  trust: ofFolder,
  folderKeys: nothing,
}

export function isControlMethod(text: string): text is ControlMethod {
  return Object.hasOwn(controlRequests, text)
}

export type ControlCall =
  | { readonly kind: 'bad'; readonly problem: string }
  | { readonly kind: 'ok'; readonly answer: () => unknown }

/** Judges the request first: `answer` then asks the daemon. */
export function prepareCall(api: DaemonApi, method: ControlMethod, request: unknown): ControlCall {
  const parsed = controlRequests[method].safeParse(request)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return {
      kind: 'bad',
      problem: `${method}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.slice(0, 300),
    }
  }
  // NOTE: the table gives each method the schema of its own request, which a union of all methods cannot say.
  const call = api[method].bind(api) as (request: object) => unknown
  return { kind: 'ok', answer: () => call(parsed.data) }
}
