import { signBatch, decodeBatch, encodeBatch } from '../../src/sync/format/batch-codec.ts'
import { createDeviceKeys } from '../../src/sync/crypto/identity.ts'
import { chainStart } from '../../src/sync/format/entry-codec.ts'
import { makeEntry } from '../../src/sync/format/entry-maker.ts'
import { encodeRevoke } from '../../src/sync/format/membership-codec.ts'
import { encodeAuthorityStatement } from '../../src/sync/format/statement-codec.ts'
import { toHex } from '../../src/sync/ids.ts'
import type { Acceptance } from '../../src/sync/log/acceptance.ts'
import type { Replica } from '../../src/sync/replica/replica.ts'
import type { Cluster } from './cluster.ts'
import type { SimDevice } from './device.ts'
import { demand } from './violation.ts'

/** I9: what nobody with a right has signed is refused, and changes nothing. */
export function forge(
  cluster: Cluster,
  device: SimDevice,
  how: 'bit' | 'stranger' | 'statement' | 'message',
): void {
  const { replica } = device
  if (replica === undefined) return
  const before = stateOf(replica)
  const now = device.now(cluster.time)
  cluster.counts.forgeries++
  if (how === 'stranger') {
    const bytes = strangersBatch(cluster, device, replica)
    const outcome = cluster.change(device, () => replica.receive(bytes, 'device-evil', now))
    demand(outcome === undefined || outcome.refused !== undefined || outcome.held.length > 0, 'I9', () => {
      return `${device.name} took the batch of a stranger`
    })
  } else if (how === 'bit' && cluster.written.length > 0) {
    const bytes = withChangedBit(cluster, cluster.chance.pick(cluster.written).bytes)
    const outcome = cluster.change(device, () => replica.receive(bytes, 'device-evil', now))
    demand(outcome === undefined || keptNothing(outcome), 'I9', () => {
      return `${device.name} took a batch with a changed bit`
    })
  } else if (how === 'statement') {
    const [statement] = replica.statements.from(0)
    if (statement === undefined) return
    const bytes = withChangedBit(cluster, encodeAuthorityStatement(statement))
    const outcome = cluster.change(device, () => replica.receiveStatement(bytes, 'device-evil', now))
    demand(
      outcome === undefined || outcome.outcome === 'known' || outcome.outcome.startsWith('refused'),
      'I9',
      () => {
        return `${device.name} took a statement with a changed bit`
      },
    )
  } else if (how === 'message') {
    hearNonsense(cluster, device)
    return
  }
  demand(device.replica !== replica || stateOf(replica) === before, 'I9', () => {
    return `${device.name} changed by what nobody signed (${how})`
  })
}

/** A changed signature of entries that are here already need not be looked at. */
function keptNothing({ accepted, pending, held }: Acceptance): boolean {
  return accepted.length === 0 && pending === 0 && held.length === 0
}

function stateOf(replica: Replica): string {
  return [replica.log.size, replica.statements.count, replica.order.at(-1)?.hash].join()
}

function withChangedBit(cluster: Cluster, original: Uint8Array): Uint8Array {
  const bytes = original.slice()
  bytes[cluster.chance.below(bytes.length)]! ^= 1 << cluster.chance.below(8)
  return bytes
}

/** Well made and well signed, by a device that nobody granted anything: it would revoke the target. */
function strangersBatch(cluster: Cluster, device: SimDevice, replica: Replica): Uint8Array {
  const { suite, chance, folderId } = cluster
  const keys = createDeviceKeys(suite, (length) => chance.bytes(length))
  const incarnation = toHex(chance.bytes(16))
  const parents = replica.log.heads().slice(0, 16)
  const latest = Math.max(...parents.map(({ hlc }) => hlc.ms), 0)
  const entry = makeEntry(suite, {
    folderId,
    deviceId: keys.deviceId,
    incarnation,
    seq: 0,
    hlc: { ms: latest + 1, counter: 0 },
    parents: parents.map(({ hash }) => hash).sort(),
    prev: chainStart(suite, folderId, keys.deviceId, incarnation),
    kind: 'revoke',
    body: encodeRevoke({ deviceId: device.keys.deviceId }),
  })
  const bytes = encodeBatch(signBatch(suite, keys, [entry]))
  decodeBatch(suite, bytes)
  return bytes
}

/** Noise in place of a session's message: the session may end, nothing else may happen. */
function hearNonsense(cluster: Cluster, device: SimDevice): void {
  const { replica } = device
  const heard = cluster.links.sessionOf(device.index)
  if (replica === undefined || heard === undefined) return
  const before = stateOf(replica)
  const noise = cluster.chance.bytes(cluster.chance.between(0, 80))
  heard.session.receive(noise, device.now(cluster.time))
  demand(before === stateOf(replica), 'I9', () => `${device.name} changed by noise`)
  heard.end()
}
