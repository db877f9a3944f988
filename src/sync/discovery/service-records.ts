import { canonicalAddress } from '../../net/address.ts'
import { discoveryLimits as limits, mdnsService, tagLength } from './discovery-limits.ts'

/**
 * The records by which a device is a DNS-SD service: PTR, SRV, TXT and addresses. Its instance name is random; tags are
 * in TXT strings `t0=` … of base64url. What others say is taken apart without trust in its shape.
 */
export type ServiceAnswer =
  | { readonly type: 'PTR'; readonly name: string; readonly ttl: number; readonly data: string }
  | {
      readonly type: 'SRV'
      readonly name: string
      readonly ttl: number
      readonly flush: true
      readonly data: { readonly port: number; readonly target: string }
    }
  | {
      readonly type: 'TXT'
      readonly name: string
      readonly ttl: number
      readonly flush: true
      readonly data: string[]
    }
  | {
      readonly type: 'A'
      readonly name: string
      readonly ttl: number
      readonly flush: true
      readonly data: string
    }

/** As a library decoded it: of no certain shape. */
export interface ServicePacket {
  readonly questions: readonly { readonly name?: unknown; readonly type?: unknown }[]
  readonly records: readonly {
    readonly name?: unknown
    readonly type?: unknown
    readonly ttl?: unknown
    readonly data?: unknown
  }[]
}

export interface Service {
  /** One label. */
  readonly instance: string
  readonly port: number
  readonly tags: readonly Uint8Array[]
  /** IPv4. Empty in what was heard: the address of the sender counts. */
  readonly addresses: readonly string[]
}

const txtVersion = 'v=1'
/** 23 tags are 246 characters: with the name the most that a string holds. */
const tagsOfString = 23

export function serviceAnswers(service: Service, ttl: number): readonly ServiceAnswer[] {
  const name = `${service.instance}.${mdnsService}`
  const target = `${service.instance}.local`
  const data = [txtVersion]
  for (let at = 0; at < service.tags.length; at += tagsOfString) {
    const part = Buffer.concat(service.tags.slice(at, at + tagsOfString)).toString('base64url')
    data.push(`t${data.length - 1}=${part}`)
  }
  return [
    { type: 'PTR', name: mdnsService, ttl, data: name },
    { type: 'SRV', name, ttl, flush: true, data: { port: service.port, target } },
    { type: 'TXT', name, ttl, flush: true, data },
    ...service.addresses.map((address) => ({
      type: 'A' as const,
      name: target,
      ttl,
      flush: true as const,
      data: address,
    })),
  ]
}

export function goodbyeAnswers(service: Service): readonly ServiceAnswer[] {
  return serviceAnswers({ ...service, tags: [], addresses: [] }, 0)
}

/** Somebody asks for services of our kind, or for this instance. */
export function asksFor({ questions }: ServicePacket, instance: string): boolean {
  const own = `${instance}.${mdnsService}`
  return questions.slice(0, limits.recordsOfPacket).some(({ name, type }) => {
    if (typeof name !== 'string') return false
    const asked = name.toLowerCase()
    if (asked === mdnsService) return type === 'PTR' || type === 'ANY'
    return asked === own && (type === 'SRV' || type === 'TXT' || type === 'ANY')
  })
}

/** The services of our kind in a response. Those that say goodbye, and those without a port or tags, are left out. */
export function parseServices({ records }: ServicePacket): readonly Service[] {
  const ports = new Map<string, { readonly port: number; readonly target: string }>()
  const tags = new Map<string, readonly Uint8Array[]>()
  const addresses = new Map<string, string[]>()
  for (const { name, type, ttl, data } of records.slice(0, limits.recordsOfPacket)) {
    if (typeof name !== 'string' || ttl === 0) continue
    const key = name.toLowerCase()
    if (type === 'SRV') {
      const place = servicePlace(data)
      if (place !== undefined && isInstance(key)) ports.set(key, place)
    } else if (type === 'TXT' && isInstance(key)) tags.set(key, parseTags(data))
    else if (type === 'A' && typeof data === 'string') {
      const address = canonicalAddress(data)
      const known = addresses.get(key) ?? []
      if (address !== undefined && known.length < limits.addressesOfService) known.push(address)
      addresses.set(key, known)
    }
  }
  const services: Service[] = []
  for (const [name, { port, target }] of ports) {
    const told = tags.get(name) ?? []
    if (told.length === 0 || services.length === limits.servicesOfPacket) continue
    const instance = name.slice(0, -mdnsService.length - 1)
    services.push({ instance, port, tags: told, addresses: addresses.get(target.toLowerCase()) ?? [] })
  }
  return services
}

function isInstance(name: string): boolean {
  return name.endsWith(`.${mdnsService}`)
}

function servicePlace(data: unknown): { port: number; target: string } | undefined {
  if (typeof data !== 'object' || data === null || !('port' in data) || !('target' in data)) return undefined
  const { port, target } = data
  if (typeof port !== 'number' || typeof target !== 'string') return undefined
  return Number.isInteger(port) && port > 0 && port <= 65_535 ? { port, target } : undefined
}

function parseTags(data: unknown): readonly Uint8Array[] {
  const strings = (Array.isArray(data) ? data : [data]).map((each: unknown) =>
    each instanceof Uint8Array ? Buffer.from(each).toString('latin1') : each,
  )
  if (strings[0] !== txtVersion) return []
  const tags: Uint8Array[] = []
  for (const text of strings) {
    const match = typeof text === 'string' ? /^t\d=([\w-]{11,246})$/.exec(text) : null
    if (match === null) continue
    const bytes = new Uint8Array(Buffer.from(match[1] ?? '', 'base64url'))
    for (let at = 0; at + tagLength <= bytes.length && tags.length < limits.tagsOfService; at += tagLength) {
      tags.push(bytes.slice(at, at + tagLength))
    }
  }
  return tags
}
