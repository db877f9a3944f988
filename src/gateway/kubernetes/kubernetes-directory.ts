import { HarpError } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { isThisMachine } from '../../net/address.ts'
import type { ExAppRecord } from '../access/exapp-record.ts'
import { choiceOf, manualPlace, type Place } from './annotations.ts'
import type { Cluster } from './cluster.ts'
import { kubernetesError, type KubernetesErrorCode } from './errors.ts'
import { kubernetesNames } from './names.ts'
import type { Deployment, Service } from './objects.ts'
import { addressOfService } from './service-address.ts'

/** For all questions about one app. */
const totalTimeoutMs = 15_000

/**
 * Finds in the cluster where an app is (contract 4.6): Nextcloud knows it by a name that resolves nowhere, and the
 * gateway's own memory ends with it.
 */
export class KubernetesDirectory {
  readonly #cluster: Cluster
  readonly #log: Logger
  readonly #timeoutMs: number

  constructor(cluster: Cluster, log: Logger, timeoutMs: number = totalTimeoutMs) {
    this.#cluster = cluster
    this.#log = log
    this.#timeoutMs = timeoutMs
  }

  /**
   * The record with the place that the cluster has for it; as it was where the app is none of the cluster's, or
   * its Service cannot tell. Rejects with KUBERNETES_* where the cluster cannot be asked.
   */
  async relocate(record: ExAppRecord): Promise<ExAppRecord> {
    // An app behind a tunnel, which must not wait for a cluster.
    if (isThisMachine(record.host)) return record
    try {
      await this.#cluster.requireConfigured()
    } catch (error) {
      if (isLasting(error, 'KUBERNETES_NOT_CONFIGURED')) return record
      throw error
    }
    const place = await this.#findInTime(record.appId)
    return place === null ? record : { ...record, ...place, foundIn: 'kubernetes' }
  }

  async #findInTime(appId: string): Promise<Place | null> {
    const late = AbortSignal.timeout(this.#timeoutMs)
    try {
      return await this.#find(appId, late)
    } catch (error) {
      if (!late.aborted) throw error
      const problem = `no answer within ${this.#timeoutMs / 1_000} s`
      throw kubernetesError('KUBERNETES_TIMEOUT', problem, { cause: error })
    }
  }

  async #find(appId: string, signal: AbortSignal): Promise<Place | null> {
    const names = kubernetesNames({ name: appId, instanceId: '', roleSuffix: '' })
    const service = await this.#findService(names.deployment, names.partOf, signal)
    if (service !== null) return this.#placeOf(appId, service, signal)
    const own = await this.#cluster.deployment(names.deployment, signal)
    return manualPlaceOf(own) ?? this.#findManual(names.partOf, signal)
  }

  /** By its name, or as that of one of the app's roles. One refused question is enough to know nothing. */
  async #findService(name: string, partOf: string, signal: AbortSignal): Promise<Service | null> {
    let refusal: HarpError | null = null
    for (const ask of [
      () => this.#cluster.service(name, signal),
      async () => (await this.#cluster.servicesPartOf(partOf, signal))[0] ?? null,
    ]) {
      try {
        const found = await ask()
        if (found !== null) return found
      } catch (error) {
        if (!isRefusal(error)) throw error
        refusal ??= error
      }
    }
    if (refusal !== null) throw refusal
    return null
  }

  /** NOTE: HaRP's rights have no list of deployments; without it only the apps of several roles stay unknown. */
  async #findManual(partOf: string, signal: AbortSignal): Promise<Place | null> {
    try {
      const found = await this.#cluster.deploymentsPartOf(partOf, signal)
      return found.map(manualPlaceOf).find((place) => place !== null) ?? null
    } catch (error) {
      if (!isLasting(error, 'KUBERNETES_REFUSED')) throw error
      this.#log.debug({ problem: error.message }, 'apps of several roles are not looked for')
      return null
    }
  }

  async #placeOf(appId: string, service: Service, signal: AbortSignal): Promise<Place | null> {
    try {
      const choice = choiceOf(service.metadata.annotations)
      const found = await addressOfService(this.#cluster, service, choice, signal)
      if (found.kind === 'place') return found.place
      const problem = found.kind === 'none' ? found.problem : 'its load balancer has no address yet'
      this.#warn(appId, problem)
    } catch (error) {
      if (!isLasting(error, 'KUBERNETES_REFUSED')) throw error
      this.#warn(appId, error.message)
    }
    return null
  }

  #warn(appId: string, problem: string): void {
    this.#log.warn({ appId, problem }, "the app's Service tells no address: Nextcloud's is used")
  }
}

function manualPlaceOf(found: Deployment | null): Place | null {
  return found === null ? null : manualPlace(found.metadata.annotations)
}

function isRefusal(error: unknown): error is HarpError {
  return error instanceof HarpError && error.code === 'KUBERNETES_REFUSED'
}

/** Not of a moment: a known address must not be lost to an API server that is overloaded just now. */
function isLasting(error: unknown, code: KubernetesErrorCode): error is HarpError {
  return error instanceof HarpError && error.code === code && !error.retryable
}
