/**
 * What the gateway writes down in the cluster to find an app again after a restart. On the Deployment of an app
 * that is exposed by hand: where it is (as HaRP does). On a Service: what was asked for besides its spec, which
 * HaRP forgets and then looks for the app at a node's internal address.
 */
import type { ExposeRequest } from './payloads.ts'

const prefix = 'appapi.nextcloud.com'

export const annotations = {
  exposeType: `${prefix}/expose-type`,
  upstreamHost: `${prefix}/upstream-host`,
  upstreamPort: `${prefix}/upstream-port`,
  nodeAddressType: `${prefix}/node-address-type`,
  nodeName: `${prefix}/node-name`,
  nodeLabelSelector: `${prefix}/node-label-selector`,
} as const

export type Annotations = Readonly<Record<string, string>>

export interface Place {
  readonly host: string
  readonly port: number
}

/** How the address of a Service is to be chosen. */
export interface AddressChoice {
  /** The address itself; null: taken from the cluster. */
  readonly upstreamHost: string | null
  readonly nodeAddressType: NodeAddressType
  readonly nodeName: string | null
  readonly nodeLabelSelector: string | null
}

export type NodeAddressType = 'InternalIP' | 'ExternalIP'

export function manualAnnotations({ host, port }: Place): Annotations {
  return {
    [annotations.exposeType]: 'manual',
    [annotations.upstreamHost]: host,
    [annotations.upstreamPort]: String(port),
  }
}

/** null: the app is not exposed by hand. */
export function manualPlace(found: Annotations): Place | null {
  if (found[annotations.exposeType] !== 'manual') return null
  const host = found[annotations.upstreamHost] ?? ''
  const port = found[annotations.upstreamPort] ?? ''
  if (host === '' || !/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) return null
  return { host, port: Number(port) }
}

/** Only what differs from the default is written down. */
export function choiceAnnotations(request: ExposeRequest): Annotations {
  const { upstreamHost, nodeAddressType, nodeName, nodeLabelSelector } = request
  const isNodePort = request.exposeType === 'nodeport'
  return {
    ...(upstreamHost === null ? {} : { [annotations.upstreamHost]: upstreamHost }),
    ...(isNodePort && nodeAddressType !== 'InternalIP'
      ? { [annotations.nodeAddressType]: nodeAddressType }
      : {}),
    ...(isNodePort && nodeName !== null ? { [annotations.nodeName]: nodeName } : {}),
    ...(isNodePort && nodeLabelSelector !== null
      ? { [annotations.nodeLabelSelector]: nodeLabelSelector }
      : {}),
  }
}

export function choiceOf(found: Annotations): AddressChoice {
  return {
    upstreamHost: found[annotations.upstreamHost] ?? null,
    nodeAddressType: found[annotations.nodeAddressType] === 'ExternalIP' ? 'ExternalIP' : 'InternalIP',
    nodeName: found[annotations.nodeName] ?? null,
    nodeLabelSelector: found[annotations.nodeLabelSelector] ?? null,
  }
}
