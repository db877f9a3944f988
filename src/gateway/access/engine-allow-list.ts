/** Which Docker calls pass to an engine: the five shapes that AppAPI needs, anchored at both ends (W4, W5). */

const firstEnginePort = 24_000
const lastEnginePort = 24_099

// Docker's reference grammar: optional registry, lower-case path components, optional tag and digest.
const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*'
const registry = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\\d{1,5})?/)?'
const reference = `${registry}${component}(?:/${component})*(?::[\\w][\\w.-]{0,127})?(?:@[a-zA-Z0-9_+.-]+:[0-9a-fA-F]{32,})?`
const container = 'nc_app_[a-zA-Z0-9_.-]+'
const version = '(?:/v[0-9]+(?:\\.[0-9]+)*)?'

const readable = [
  new RegExp(`^${version}/_ping$`),
  new RegExp(`^${version}/images/${reference}/json$`),
  new RegExp(`^${version}/containers/${container}/json$`),
  new RegExp(`^${version}/containers/${container}/logs$`),
]
const creatable = new RegExp(`^${version}/images/create$`)

export type EnginePort =
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'forbidden' }

export function isEnginePort(port: number): boolean {
  return port >= firstEnginePort && port <= lastEnginePort
}

/** `docker-engine-port` as a known engine port. */
export function parseEnginePort(text: string): EnginePort {
  if (!/^\d{1,5}$/.test(text)) return { kind: 'invalid' }
  const port = Number(text)
  if (port < 1 || port > 65_535) return { kind: 'invalid' }
  return isEnginePort(port) ? { kind: 'port', port } : { kind: 'forbidden' }
}

/** `path` is as received: an escape is refused unless it decodes to `:` or `@`, so that what is checked is what is sent. */
export function isAllowedEngineCall(method: string, path: string): boolean {
  const plain = path.replace(/%3[aA]/g, ':').replace(/%40/g, '@')
  if (plain.includes('%')) return false
  if (method === 'GET' || method === 'HEAD') return readable.some((each) => each.test(plain))
  return method === 'POST' && creatable.test(plain)
}

/** `path` is that of an allowed call. */
export function isPull(path: string): boolean {
  return path.endsWith('/images/create')
}

/** Pulls an image by its name. The same call can import one from any address, which is nobody's business here. */
export function isPullQuery(query: string): boolean {
  const parameters = new URLSearchParams(query)
  const names = parameters.getAll('fromImage')
  return names.length === 1 && names[0] !== '' && !parameters.has('fromSrc')
}
