import { z } from 'zod'
import { errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { AccessLevel, ExAppRecord, Route, UserLookup } from '../access/exapp-record.ts'
import { compileRoutePattern } from '../access/route-pattern/route-pattern.ts'

/** Numbers may come as text, as the original's validator allows (row 99). */
const integer = z.union([
  z.number().int(),
  z
    .string()
    .regex(/^\s*[+-]?\d{1,15}\s*$/)
    .transform(Number),
])

const accessLevel = integer.pipe(z.union([z.literal(0), z.literal(1), z.literal(2)]))

const controlFree = z
  .string()
  .max(1024)
  .regex(/^[^\x00-\x08\x0a-\x1f\x7f]*$/, 'has control characters')

const exAppMeta = z.object({
  exapp_token: z.string().max(4096),
  exapp_version: controlFree,
  host: z.string().max(255),
  port: integer.pipe(z.number().min(0).max(65_535)),
  routes: z
    .array(
      z.object({
        url: z.string(),
        access_level: accessLevel,
        bruteforce_protection: z.array(integer).max(100).default([]),
      }),
    )
    .max(1000)
    .default([]),
})

const userInfo = z.object({ user_id: z.string().max(1024), access_level: accessLevel })

export type ParsedRecord =
  | { readonly kind: 'record'; readonly record: ExAppRecord }
  | { readonly kind: 'invalid'; readonly problem: string }

/** Parses the shape of `exapp-meta` and of a push to /exapp_storage. A route with an invalid pattern is skipped and logged. */
export function parseExAppMeta(appId: string, input: unknown, log: Logger): ParsedRecord {
  const parsed = exAppMeta.safeParse(input)
  if (!parsed.success) return { kind: 'invalid', problem: describeIssues(parsed.error) }
  const meta = parsed.data
  const routes: Route[] = []
  for (const route of meta.routes) {
    try {
      routes.push({
        pattern: compileRoutePattern(route.url),
        accessLevel: route.access_level,
        bruteForceStatuses: route.bruteforce_protection,
      })
    } catch (error) {
      log.warn({ appId, pattern: route.url, problem: errorMessage(error) }, 'route skipped: invalid pattern')
    }
  }
  return {
    kind: 'record',
    record: {
      appId,
      token: meta.exapp_token,
      version: Buffer.from(meta.exapp_version, 'utf8').toString('latin1'),
      host: meta.host,
      port: meta.port,
      routes,
    },
  }
}

/** A user of level 0 is what Nextcloud calls an anonymous visitor. */
export function parseUserInfo(input: unknown): Exclude<UserLookup, { kind: 'unavailable' }> | null {
  const parsed = userInfo.safeParse(input)
  if (!parsed.success) return null
  const level: AccessLevel = parsed.data.access_level
  return { kind: 'user', userId: parsed.data.user_id, accessLevel: level }
}

/** JSON text to a value, or undefined. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // NOTE: callers treat undefined as "not JSON" and say so themselves.
    return undefined
  }
}

function describeIssues(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; ')
}
