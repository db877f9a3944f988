import { errorCode } from '../../src/base/errors.ts'
import { verifyHistory } from '../../src/sync/proof/verify-history.ts'
import type { Cluster } from './cluster.ts'
import type { SimDevice } from './device.ts'
import { demand } from './violation.ts'

/** I11: a device proves the history of some file it shows; whoever trusts it can check that, and no changed bit passes. */
export function prove(cluster: Cluster, device: SimDevice): void {
  const { replica } = device
  if (replica === undefined) return
  const files = [...replica.view.walk()].filter(({ shown }) => shown.kind !== 'directory')
  const isClosed = replica.order.some(
    ({ kind, operation }) => kind === 'operation' && operation === undefined,
  )
  if (files.length === 0 || isClosed) return
  const { shown } = cluster.chance.pick(files)
  const now = device.now(cluster.time)
  // What the authority has published only grows; what a device says of its own log may not.
  const older = replica.statements.from(0)[0]?.signed
  const isOwn = older === undefined && cluster.chance.percent(50)
  const proof = cluster.change(device, () => {
    try {
      const since = older === undefined ? {} : { since: older.statement }
      return replica.proveHistory({ nodes: shown.nodes, reveal: 'all', isOwn, ...since }, now)
    } catch (error) {
      // The last published statement may be older than the file.
      if (errorCode(error) === 'SYNC_AUTHORITY_RESTORED') return undefined
      if (errorCode(error) !== 'SYNC_PROOF_NO_HISTORY' || isOwn || replica.mode === 'peer') throw error
      return undefined
    }
  })
  if (proof === undefined) return
  cluster.counts.proofs++
  const trust = {
    folderId: cluster.folderId,
    devices: [device.keys.deviceId],
    ...authorityOf(cluster),
    ...(older && { older }),
  }
  const verified = verifyHistory(cluster.suite, proof, trust)
  demand(verified.refused === undefined, 'I11', () => `an honest proof is refused: ${verified.refused}`)
  demand(
    verified.grewFrom === older?.statement.size,
    'I6',
    () => 'the log did not grow from what was published',
  )
  const proved = verified.nodes.flatMap(({ versions }) => versions.map(({ hash }) => hash)).sort()
  const all = shown.kind === 'directory' ? [] : shown.versions.map(({ entry }) => entry.hash).sort()
  const isWhole = verified.final || proved.join() === all.join()
  demand(isWhole, 'I11', () => 'a proof of other versions than are shown')
  const tampered = proof.slice()
  tampered[cluster.chance.below(tampered.length)]! ^= 1 << cluster.chance.below(8)
  demand(verifyHistory(cluster.suite, tampered, trust).refused !== undefined, 'I11', () => {
    return 'a proof with a changed bit passes'
  })
}

function authorityOf({ schedule, devices }: Cluster) {
  return schedule.mode === 'server_authoritative' && { authority: devices[schedule.authority]!.keys.deviceId }
}
