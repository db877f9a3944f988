/** Versions of Docker's Engine API: what an engine says of itself, and how a requested version is brought into its range. */

export interface EngineVersion {
  /** The newest that the engine speaks, such as '1.51'. */
  readonly apiVersion: string
  /** The oldest; where the engine does not say, the newest. */
  readonly minApiVersion: string
  /** For people: 'Docker 29.1.0', 'Podman 5.2'. */
  readonly engine: string
}

/** What our own calls are written for; an engine outside of it gets the version of its range that is next. */
const ownVersion = '1.44'
const versionGrammar = /^\d{1,4}(?:\.\d{1,4})*$/
const versionedPath = /^\/v(\d[\d.]*)(\/.*)$/
const unacceptedVersion = /client version \S{1,20} is too (?:new|old)/i

/** The version to ask an engine for where `requested` is wanted. */
export function mapVersion(requested: string, engine: EngineVersion): string {
  if (compare(requested, engine.apiVersion) > 0) return engine.apiVersion
  return compare(requested, engine.minApiVersion) < 0 ? engine.minApiVersion : requested
}

/** A path as it came, with its version brought into the engine's range; a path without one stays. */
export function mapPath(path: string, engine: EngineVersion): string {
  const match = versionedPath.exec(path)
  if (match === null) return path
  const [, requested = '', rest = ''] = match
  return `/v${mapVersion(requested, engine)}${rest}`
}

/** The path of a call of our own, which has no version yet. */
export function ownPath(path: string, engine: EngineVersion): string {
  return `/v${mapVersion(ownVersion, engine)}${path}`
}

/** The answer to `GET /version`; null: it is none. */
export function parseVersion(answer: unknown): EngineVersion | null {
  if (typeof answer !== 'object' || answer === null) return null
  const fields = answer as Readonly<Record<string, unknown>>
  const apiVersion = versionText(fields['ApiVersion'])
  if (apiVersion === null) return null
  const isPodman = JSON.stringify(fields['Components'] ?? '').includes('Podman')
  return {
    apiVersion,
    minApiVersion: versionText(fields['MinAPIVersion']) ?? apiVersion,
    engine: `${isPodman ? 'Podman' : 'Docker'} ${printable(fields['Version'])}`.trim(),
  }
}

/** What the header fields of any answer tell, for engines behind a filter that hides `/version`; null: nothing. */
export function versionFromHeaders(apiVersionField: string, serverField: string): EngineVersion | null {
  const apiVersion = versionText(apiVersionField)
  if (apiVersion === null) return null
  const [, name = 'Docker', release = ''] = /^(\w+)\/([\w.+~-]+)/.exec(serverField) ?? []
  const engine = `${name === 'Libpod' ? 'Podman' : name} ${printable(release)}`.trim()
  return { apiVersion, minApiVersion: apiVersion, engine }
}

/** The engine refuses the version of a request, which it has not acted upon. */
export function refusesVersion(status: number, message: string): boolean {
  return status === 400 && unacceptedVersion.test(message)
}

function compare(one: string, other: string): number {
  const [left, right] = [one.split('.'), other.split('.')]
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = Number(left[index] ?? 0) - Number(right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function versionText(value: unknown): string | null {
  return typeof value === 'string' && versionGrammar.test(value) ? value : null
}

function printable(value: unknown): string {
  return typeof value === 'string' ? value.replace(/[^\w.+~-]/g, '').slice(0, 40) : ''
}
