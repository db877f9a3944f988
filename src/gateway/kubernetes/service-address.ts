import type { AddressChoice } from './annotations.ts'
import type { Cluster } from './cluster.ts'
import type { Service } from './objects.ts'
import { nodeAddress, placeOfService, type ServicePlace } from './service-place.ts'

/** As `placeOfService`, with the cluster's nodes asked where one of their addresses is the host. */
export async function addressOfService(
  cluster: Cluster,
  service: Service,
  choice: AddressChoice,
  signal: AbortSignal,
): Promise<Exclude<ServicePlace, { kind: 'needs-node' }>> {
  const found = placeOfService(service, choice, cluster.namespace)
  if (found.kind !== 'needs-node') return found
  const host = nodeAddress(await cluster.nodes(choice, signal), choice)
  if (host !== null) return { kind: 'place', place: { host, port: found.port } }
  const which = choice.nodeName ?? choice.nodeLabelSelector
  const problem = which === null ? 'No node has an address.' : `No node '${which}' with an address.`
  return { kind: 'none', problem }
}
