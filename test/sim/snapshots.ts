import { errorCode } from '../../src/base/errors.ts'
import { shownRows } from '../../src/sync/exchange/make-snapshot.ts'
import { openInvitedSnapshot } from '../../src/sync/replica/snapshots.ts'
import type { Cluster } from './cluster.ts'
import type { SimDevice } from './device.ts'
import { demand, Violation } from './violation.ts'

/** A device that was just granted its role sees at once, without any history, what the one who invited it sees. */
export function joinBySnapshot(
  cluster: Cluster,
  inviter: SimDevice,
  invited: SimDevice,
  grant: Uint8Array,
): void {
  const { replica } = inviter
  if (replica === undefined) return
  const sealed = cluster.change(inviter, () => {
    try {
      return replica.snapshot(inviter.now(cluster.time))
    } catch (error) {
      if (errorCode(error) === 'SYNC_AUTHORITY_RESTORED') return undefined
      // An admin whose key has not come yet.
      if (errorCode(error) !== 'SYNC_NO_KEY' || replica.digest().mapRoot !== undefined) throw error
      return undefined
    }
  })
  if (sealed === undefined) return
  const invitation = { folderId: cluster.folderId, issuer: replica.deviceId, grant }
  const snapshot = openInvitedSnapshot(cluster.suite, invited.keys, sealed, invitation)
  if (typeof snapshot === 'string') {
    throw new Violation('snapshot', `${invited.name} cannot open an honest snapshot: ${snapshot}`)
  }
  const rows = JSON.stringify([...shownRows(replica.view)])
  demand(JSON.stringify(snapshot.rows) === rows, 'snapshot', () => `${invited.name} sees something else`)
  cluster.counts.snapshots++
  cluster.snapshots.push({ device: invited.index, snapshot })
}

/** With all history at hand, an honest snapshot is found to have been true. */
export function checkSnapshots(cluster: Cluster): void {
  for (const { device: index, snapshot } of cluster.snapshots.splice(0)) {
    const device = cluster.device(index)
    const { replica } = device
    if (replica === undefined || replica.digest().mapRoot === undefined) continue
    const { verdict, what } = replica.checkSnapshot(snapshot, device.now(cluster.time))
    const isLost = verdict === 'incomplete' && cluster.counts.rollBacks > 0
    demand(
      verdict === 'agrees' || isLost,
      'snapshot',
      () => `${device.name} blames an honest issuer: ${verdict} ${what}`,
    )
  }
}
