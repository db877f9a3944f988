/** What an API server's refusal says, cause first: Nextcloud shows about 120 characters of it. */
import { z } from 'zod'

/** The API's `Status` object, which every refusal is. */
const status = z.object({ message: z.string().default(''), reason: z.string().default('') })

const maxMessage = 300
const missingRight =
  /cannot (\w+) resource "([^"]+)"(?: in API group "[^"]*")?(?: in the namespace "([^"]+)"| at the cluster scope)?/

/** `{what}: Status {code}`, and why. `secrets` are values that the request carried. */
export function refusalText(
  what: string,
  code: number,
  body: unknown,
  secrets: readonly string[] = [],
): string {
  const cause = causeOf(code, statusMessage(body, secrets))
  return `${what}: Status ${code}${cause === '' ? '' : `, ${cause}`}`
}

/** The message of a `Status`: one line, bounded, without these values; empty where there is none. */
export function statusMessage(body: unknown, secrets: readonly string[] = []): string {
  const parsed = status.safeParse(body)
  let message = parsed.success ? parsed.data.message : ''
  for (const secret of spellings(secrets)) message = message.replaceAll(secret, '[secret]')
  return message
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, maxMessage)
}

/** As they are and as they are quoted; the longest first, or what is within another would spare the rest of it. */
function spellings(secrets: readonly string[]): string[] {
  const all = new Set(secrets.flatMap((each) => [each, JSON.stringify(each).slice(1, -1)]))
  return [...all].filter(({ length }) => length >= 4).toSorted((a, b) => b.length - a.length)
}

/** The name exists, but its deletion is under way. */
export function isBeingDeleted(body: unknown): boolean {
  return statusMessage(body).startsWith('object is being deleted')
}

function causeOf(code: number, message: string): string {
  if (code === 401) return 'the API server does not accept the token'
  const right = code === 403 ? missingRight.exec(message) : null
  if (right === null) return message
  const [, verb = '', resource = '', namespace] = right
  const where = namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`
  return `forbidden: needs ${verb} on ${resource} ${where}`
}
