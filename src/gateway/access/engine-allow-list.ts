/** Which Docker calls pass to an engine: the five shapes that AppAPI needs, anchored at both ends (W4, W5). */
import { isImageReference } from './image-reference.ts'

const firstEnginePort = 24_000
const lastEnginePort = 24_099

const container = 'nc_app_[a-zA-Z0-9_.-]+'
const version = '(?:/v[0-9]+(?:\\.[0-9]+)*)?'

const readable = [
  new RegExp(`^${version}/_ping$`),
  new RegExp(`^${version}/containers/${container}/json$`),
  new RegExp(`^${version}/containers/${container}/logs$`),
]
const image = new RegExp(`^${version}/images/(.+)/json$`)
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
  if (method === 'GET' || method === 'HEAD') {
    return readable.some((each) => each.test(plain)) || isImageReference(image.exec(plain)?.[1] ?? '')
  }
  return method === 'POST' && creatable.test(plain)
}

/** `path` is that of an allowed call. */
export function isPull(path: string): boolean {
  return path.endsWith('/images/create')
}

/**
 * Pulls an image by its name. The same call can import one from any address or file, which is nobody's business here.
 * NOTE: older engines take `;` for a separator.
 */
export function isPullQuery(query: string): boolean {
  const parameters = new URLSearchParams(query)
  const [name = '', ...others] = parameters.getAll('fromImage')
  return isImageReference(name) && others.length === 0 && !parameters.has('fromSrc') && !query.includes(';')
}
