import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import { errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { isAppId } from '../access/request-path.ts'
import { json, text } from '../control/control-api.ts'
import type { AppDirectory } from '../nextcloud/app-directory.ts'
import type { LocalResponse } from '../proxy/local-response.ts'
import { manualAnnotations, type Place } from './annotations.ts'
import type { Cluster } from './cluster.ts'
import { kubernetesError } from './errors.ts'
import { kubernetesNames } from './names.ts'
import type { Service } from './objects.ts'
import type { ExposeRequest } from './payloads.ts'
import { addressOfService } from './service-address.ts'
import { serviceManifest, type ServiceExposeType } from './service-manifest.ts'

export interface ExposeOptions {
  readonly cluster: Cluster
  readonly apps: AppDirectory
  readonly clock: Clock
  readonly log: Logger
}

/** Makes an app reachable and remembers where (contract 4.5.3). Rejects with KUBERNETES_* where the cluster refuses. */
export async function expose(
  options: ExposeOptions,
  request: ExposeRequest,
  signal: AbortSignal,
): Promise<LocalResponse> {
  const { apps, cluster } = options
  const { exposeType, upstreamHost, port, upstreamPort } = request
  const serviceName = kubernetesNames(request).deployment
  let place: Place
  if (exposeType === 'manual') {
    place = { host: upstreamHost ?? '', port: upstreamPort ?? port }
    await noteManual(options, serviceName, place, signal)
  } else {
    await cluster.requireConfigured()
    place = await exposeService(options, request, exposeType, signal)
  }
  const appId = request.name.toLowerCase()
  const found = isAppId(appId) ? await apps.ask(appId) : ({ kind: 'unknown' } as const)
  if (found.kind === 'unknown') return text(404, `No ExApp metadata for '${appId}'`)
  if (found.kind !== 'known') return text(503, `Failed to fetch metadata for '${appId}'`)
  apps.put({ ...found.record, ...place, foundIn: 'kubernetes' })
  return json(200, { appId, ...place, exposeType, serviceName, namespace: cluster.namespace })
}

/** For finding it again after a restart; the app is exposed without it all the same. */
async function noteManual(
  { cluster, log }: ExposeOptions,
  name: string,
  place: Place,
  signal: AbortSignal,
): Promise<void> {
  if (!cluster.isEnabled) return
  try {
    await cluster.requireConfigured()
    await cluster.annotateDeployment(name, manualAnnotations(place), signal)
  } catch (error) {
    signal.throwIfAborted()
    log.warn(
      { deployment: name, problem: errorMessage(error) },
      'its address could not be noted in the cluster',
    )
  }
}

async function exposeService(
  { cluster, clock }: ExposeOptions,
  request: ExposeRequest,
  exposeType: ServiceExposeType,
  signal: AbortSignal,
): Promise<Place> {
  const name = kubernetesNames(request).deployment
  await cluster.ensureService(name, serviceManifest(request, exposeType), signal)
  const until = clock.monotonic() + request.waitTimeoutMs
  for (;;) {
    const found = await addressOfService(cluster, await readService(cluster, name, signal), request, signal)
    if (found.kind === 'place') return found.place
    if (found.kind === 'none') throw kubernetesError('KUBERNETES_REFUSED', found.problem)
    if (clock.monotonic() >= until) {
      const problem = `Timed out waiting for LoadBalancer address for Service '${name}'`
      throw kubernetesError('KUBERNETES_REFUSED', problem)
    }
    await pause(request.waitIntervalMs, undefined, { signal })
  }
}

async function readService(cluster: Cluster, name: string, signal: AbortSignal): Promise<Service> {
  const service = await cluster.service(name, signal)
  if (service !== null) return service
  throw kubernetesError('KUBERNETES_REFUSED', `Failed to read Service '${name}': Status 404`)
}
