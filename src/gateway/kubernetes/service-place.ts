/** Where an app is reached behind its Service, from the objects alone. */
import type { AddressChoice, Place } from './annotations.ts'
import type { Node, Service } from './objects.ts'

export type ServicePlace =
  | { readonly kind: 'place'; readonly place: Place }
  /** Its host is a node's address. */
  | { readonly kind: 'needs-node'; readonly port: number }
  /** The load balancer has no address yet. */
  | { readonly kind: 'pending' }
  | { readonly kind: 'none'; readonly problem: string }

export function placeOfService(service: Service, choice: AddressChoice, namespace: string): ServicePlace {
  const { type, clusterIP, ports } = service.spec
  const [first] = ports
  const host = choice.upstreamHost
  if (type === 'NodePort') {
    const port = first?.nodePort
    if (port === undefined) return { kind: 'none', problem: 'Service has no nodePort assigned.' }
    return host === null ? { kind: 'needs-node', port } : { kind: 'place', place: { host, port } }
  }
  if (first === undefined) return { kind: 'none', problem: 'Service has no port.' }
  const at = (found: string): ServicePlace => ({ kind: 'place', place: { host: found, port: first.port } })
  if (host !== null) return at(host)
  if (type !== 'LoadBalancer') {
    const isHeadless = clusterIP === '' || clusterIP === 'None'
    return at(isHeadless ? `${service.metadata.name}.${namespace}.svc` : clusterIP)
  }
  const [ingress] = service.status.loadBalancer.ingress
  const address = ingress === undefined ? '' : ingress.ip === '' ? ingress.hostname : ingress.ip
  return address === '' ? { kind: 'pending' } : at(address)
}

/** The address of a node: Ready ones first; of each the kind asked for, the other IP, its host name. null: none has any. */
export function nodeAddress(nodes: readonly Node[], choice: AddressChoice): string | null {
  const wanted = nodes.filter(({ metadata }) => choice.nodeName === null || metadata.name === choice.nodeName)
  const other = choice.nodeAddressType === 'InternalIP' ? 'ExternalIP' : 'InternalIP'
  const inOrder = [...wanted.filter(isReady), ...wanted.filter((node) => !isReady(node))]
  for (const { status } of inOrder) {
    for (const type of [choice.nodeAddressType, other, 'Hostname']) {
      const found = status.addresses.find((each) => each.type === type && each.address !== '')
      if (found !== undefined) return found.address
    }
  }
  return null
}

function isReady({ status }: Node): boolean {
  return status.conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True')
}
