/** The Service of an exposed ExApp, as the contract has it (4.5.1). */
import { choiceAnnotations } from './annotations.ts'
import { exAppLabels, type Manifest } from './deployment-manifest.ts'
import { kubernetesNames } from './names.ts'
import type { ExposeRequest } from './payloads.ts'

/** Services with this label are the gateway's, and removed with their app. */
export const managedBy = { label: 'app.kubernetes.io/managed-by', value: 'harp' } as const

const serviceTypes = { nodeport: 'NodePort', clusterip: 'ClusterIP', loadbalancer: 'LoadBalancer' } as const

/** How an app is reached through a Service; `manual` needs none. */
export type ServiceExposeType = keyof typeof serviceTypes

export function serviceManifest(request: ExposeRequest, exposeType: ServiceExposeType): Manifest {
  const { deployment } = kubernetesNames(request)
  const { port, servicePort, nodePort, externalTrafficPolicy, loadBalancerIp } = request
  const type = serviceTypes[exposeType]
  const isNodePort = type === 'NodePort'
  const isOutside = isNodePort || type === 'LoadBalancer'
  const notes = { ...choiceAnnotations(request), ...request.serviceAnnotations }
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: deployment,
      labels: labelsOf(request),
      ...(Object.keys(notes).length === 0 ? {} : { annotations: notes }),
    },
    spec: {
      type,
      selector: { app: deployment },
      ports: [
        {
          name: 'http',
          port: servicePort ?? port,
          targetPort: port,
          ...(isNodePort && nodePort !== null ? { nodePort } : {}),
        },
      ],
      ...(isOutside && externalTrafficPolicy !== null ? { externalTrafficPolicy } : {}),
      ...(type === 'LoadBalancer' && loadBalancerIp !== null ? { loadBalancerIP: loadBalancerIp } : {}),
    },
  }
}

/** The request's own labels win, but for the role, by which the roles of an app are told apart. */
function labelsOf(request: ExposeRequest): Record<string, string> {
  const own = exAppLabels(request)
  const role = own['app.kubernetes.io/role']
  return {
    ...own,
    [managedBy.label]: managedBy.value,
    ...request.serviceLabels,
    ...(role === undefined ? {} : { 'app.kubernetes.io/role': role }),
  }
}
