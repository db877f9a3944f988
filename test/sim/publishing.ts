import { errorCode } from '../../src/base/errors.ts'
import type { Cluster } from './cluster.ts'

/** The authority covers what it has; now and then the statement also goes astray. */
export function publish(cluster: Cluster): void {
  if (cluster.schedule.mode !== 'server_authoritative') return
  const device = cluster.device(cluster.schedule.authority)
  const statement = unlessRestored(() =>
    cluster.change(device, (replica) => replica.publish(device.now(cluster.time))),
  )
  if (statement === undefined) return
  cluster.counts.statements++
  if (cluster.chance.percent(cluster.schedule.network.strays)) {
    const to = cluster.chance.pick(cluster.devices)
    if (to !== device && to.replica !== undefined) cluster.post(device, to, 'statement', statement)
  }
}

/** Undefined if the device is an authority that was restored and has not been told that it has met all others. */
export function unlessRestored<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    if (errorCode(error) !== 'SYNC_AUTHORITY_RESTORED') throw error
    return undefined
  }
}
