import { z } from 'zod'
import { parseJson } from '../nextcloud/exapp-meta.ts'

/** What `status.php` of a Nextcloud says; it needs no login and answers in maintenance mode too. */
export interface NextcloudStatus {
  readonly installed: boolean
  readonly maintenance: boolean
  readonly needsUpgrade: boolean
  /** Such as 31.0.4. */
  readonly version: string
}

export const statusPath = '/status.php'

const statusDocument = z.object({
  installed: z.boolean(),
  maintenance: z.boolean(),
  needsDbUpgrade: z.boolean().default(false),
  versionstring: z.string().max(64).default('unknown'),
})

/** null: not the answer of a Nextcloud. */
export function parseNextcloudStatus(body: string): NextcloudStatus | null {
  const parsed = statusDocument.safeParse(parseJson(body))
  if (!parsed.success) return null
  const { installed, maintenance, needsDbUpgrade, versionstring } = parsed.data
  return { installed, maintenance, needsUpgrade: needsDbUpgrade, version: versionstring }
}
