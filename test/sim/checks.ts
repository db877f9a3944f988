import type { Genesis, Grant, Revoke, Role } from '../../src/sync/format/membership.ts'
import { deviceIdOf } from '../../src/sync/crypto/identity.ts'
import type { DeviceId, EntryHash, NodeId } from '../../src/sync/ids.ts'
import { encodeEquivocation, equivocatorOf, verifyEquivocation } from '../../src/sync/log/equivocation.ts'
import type { LogEntry } from '../../src/sync/log/log-entry.ts'
import type { Digest } from '../../src/sync/replica/folder-state.ts'
import type { Replica } from '../../src/sync/replica/replica.ts'
import type { Cluster } from './cluster.ts'
import type { SimDevice } from './device.ts'
import { NaiveOrder } from './naive-order.ts'
import { NaiveRoles, type RoleEvent } from './naive-roles.ts'
import { checkReference } from './reference-check.ts'
import { checkSnapshots } from './snapshots.ts'
import { demand } from './violation.ts'
import { checkView } from './view-check.ts'

/** All invariants, of devices that have nothing more to say to each other. */
export function checkAtRest(cluster: Cluster): void {
  const seats = cluster.running.map((device) => {
    const replica = device.replica as Replica
    return { device, replica, digest: replica.digest() }
  })
  const readers = seats.filter(canReadAll)
  const first = readers[0] ?? seats[0]
  if (first === undefined) return
  for (const seat of seats) checkSameLog(cluster, seat, first.replica)
  const order = naiveOrder(first.replica)
  checkOrder(order, first.replica)
  const roles = new NaiveRoles(order, roleEvents(cluster, first.replica))
  checkAuthors(order, roles)
  for (const { keys, name } of cluster.devices) {
    const role = first.replica.log.membership.roleOf(keys.deviceId, first.replica.log.heads())
    const defined = roles.roleAtEnd(keys.deviceId)
    demand(role === defined, 'role', () => `${name} has role ${role}, by the definition ${defined}`)
  }
  for (const { device, replica } of seats) checkForks(device, replica, roles)
  cluster.counts.forks = roles.forks.size
  const hasWriter = readers.some(({ replica }) => replica.role === 'write' || replica.role === 'admin')
  for (const seat of hasWriter ? seats : []) {
    const { device } = seat
    const role = roles.roleAtEnd(device.keys.deviceId)
    const mustRead = role !== undefined && role !== 'cache'
    demand(!mustRead || canReadAll(seat), 'keys', () => `${device.name} is a member and cannot read all`)
  }
  const [reader] = readers
  if (reader === undefined) return
  for (const seat of readers) checkSameState(seat, reader)
  const fenced = order.fenced((device, isPast) => roles.grantedIn(device, isPast))
  cluster.counts.fenced += fenced.size
  checkPromises(cluster, reader.replica, fenced)
  checkView(cluster, reader.replica, { order, fenced })
  checkReference(reader.replica, reader.digest.tree, { order, fenced })
  if (cluster.chance.percent(25)) checkRestart(cluster, cluster.chance.pick(readers))
  checkReplay(cluster, readers)
  checkSnapshots(cluster)
}

/** The role that a device has by the definition, in all that its replica knows. */
export function roleByDefinition(cluster: Cluster, device: SimDevice, replica: Replica): Role | undefined {
  const order = naiveOrder(replica)
  return new NaiveRoles(order, roleEvents(cluster, replica)).roleAtEnd(device.keys.deviceId)
}

interface Seat {
  readonly device: SimDevice
  readonly replica: Replica
  readonly digest: Digest
}

const digestParts = ['size', 'frontier', 'order', 'tree', 'mapRoot'] as const

/** I1, I14: the same entries in the same order everywhere, and the same statements. */
function checkSameLog(cluster: Cluster, { device, replica }: Seat, first: Replica): void {
  const mine = replica.order.map(({ hash }) => hash)
  const theirs = first.order.map(({ hash }) => hash)
  const have = new Set(mine)
  demand(mine.length === theirs.length && theirs.every((hash) => have.has(hash)), 'I14', () => {
    const missing = first.order.find(({ hash }) => !have.has(hash))
    const what = missing === undefined ? 'has more than the first' : `lacks ${describe(missing)}`
    return `${device.name}, at rest with ${mine.length} of ${theirs.length} entries, ${what}`
  })
  demand(replica.log.size === mine.length, 'I1', () => `${device.name}: order and log differ in size`)
  const frontiers = [replica, first].map(({ log }) => JSON.stringify(log.frontier()))
  demand(frontiers[0] === frontiers[1], 'I1', () => `${device.name}: another frontier of the same entries`)
  const { pending, held } = replica.log
  const isWaiting = held.entries > 0 || (pending.entries > 0 && cluster.counts.rollBacks === 0)
  demand(!isWaiting, 'I14', () => `${device.name} still waits: ${JSON.stringify({ pending, held })}`)
  demand(replica.statements.count === first.statements.count, 'I14', () => {
    return `${device.name} has ${replica.statements.count} statements, another ${first.statements.count}`
  })
  const at = mine.findIndex((hash, index) => hash !== theirs[index])
  demand(at < 0, 'I1', () => `${device.name}: another entry at ${at} of the order`)
  const isSplit = replica.statements.splitEvidence !== undefined
  demand(!isSplit, 'I12', () => `${device.name} blames an honest authority: two histories`)
  demand(replica.finalLength === first.finalLength, 'I6', () => `${device.name}: another final length`)
}

function checkSameState({ device, digest }: Seat, first: Seat): void {
  for (const part of digestParts) {
    demand(
      digest[part] === first.digest[part],
      'I1',
      () => `${device.name}: another ${part} of the same entries`,
    )
  }
}

function naiveOrder(replica: Replica): NaiveOrder {
  return new NaiveOrder(replica.order, replica.statements.from(0))
}

/** I1 and I5: the order is the one defined, and each entry stands after its causes. */
function checkOrder(order: NaiveOrder, replica: Replica): void {
  const positions = new Map<EntryHash, number>()
  replica.order.forEach((entry, position) => positions.set(entry.hash, position))
  order.placed.forEach(({ entry }, position) => {
    demand(replica.order[position]?.hash === entry.hash, 'I1', () => `not the defined order at ${position}`)
    const causes = entry.seq === 0 ? entry.parents : [entry.prev, ...entry.parents]
    for (const cause of causes) {
      const before = positions.get(cause) ?? Number.POSITIVE_INFINITY
      demand(before < position, 'I5', () => `${describe(entry)} stands before its cause`)
    }
  })
}

function roleEvents(cluster: Cluster, { log, order }: Replica): RoleEvent[] {
  const idOf = (key: Uint8Array) => deviceIdOf(cluster.suite, key)
  return order.flatMap((entry): RoleEvent[] => {
    if (entry.kind === 'genesis') {
      const { creator, authority } = log.body(entry) as Genesis
      const admin = { entry, device: idOf(creator.signingKey), role: 'admin' } as const
      if (authority === undefined || idOf(authority.signingKey) === admin.device) return [admin]
      return [admin, { entry, device: idOf(authority.signingKey), role: 'write' }]
    }
    if (entry.kind === 'grant') {
      const { device, role } = log.body(entry) as Grant
      return [{ entry, device: idOf(device.signingKey), role }]
    }
    if (entry.kind !== 'revoke') return []
    return [{ entry, device: (log.body(entry) as Revoke).deviceId, role: undefined }]
  })
}

/** I9, I16: nothing in the log is by somebody who, by what it had seen, had no right to. */
function checkAuthors(order: NaiveOrder, roles: NaiveRoles): void {
  for (const { entry } of order.placed) {
    if (entry.kind === 'genesis') continue
    const role = roles.roleBefore(entry)
    const isWrite = entry.kind === 'operation' || entry.kind === 'rekey'
    const holds = role === 'admin' || (isWrite && role === 'write')
    demand(holds, role === undefined ? 'I16' : 'I9', () => `${describe(entry)} by a ${role ?? 'stranger'}`)
  }
}

/** I12. */
function checkForks(device: SimDevice, replica: Replica, roles: NaiveRoles): void {
  const known = new Set<DeviceId>()
  for (const proof of replica.log.equivocations()) {
    const proved = verifyEquivocation(device.suite, encodeEquivocation(proof), replica.folderId)
    demand(
      typeof proved !== 'string',
      'I12',
      () => `${device.name}: a proof that is refused: ${typeof proved === 'string' ? proved : ''}`,
    )
    known.add(equivocatorOf(device.suite, proof))
  }
  for (const forked of roles.forks.keys()) {
    demand(
      known.has(forked),
      'I12',
      () => `${device.name} does not know of the fork of ${forked.slice(0, 8)}`,
    )
  }
  for (const blamed of known) {
    demand(
      roles.forks.has(blamed),
      'I12',
      () => `${device.name} blames ${blamed.slice(0, 8)}, which did not fork`,
    )
  }
}

function canReadAll({ digest }: Seat): boolean {
  return digest.mapRoot !== undefined
}

/** I3: what was written is in the list of exactly one node. */
function checkPromises(cluster: Cluster, replica: Replica, fenced: ReadonlySet<EntryHash>): void {
  const holders = new Map<EntryHash, NodeId[]>()
  for (const { id } of replica.tree.nodes()) {
    for (const { entry } of replica.tree.contentState(id)?.versions ?? []) {
      const nodes = holders.get(entry.hash)
      if (nodes === undefined) holders.set(entry.hash, [id])
      else nodes.push(id)
    }
  }
  for (const [hash, { device, node }] of cluster.promised) {
    if (fenced.has(hash)) continue
    const found = holders.get(hash) ?? []
    demand(found.length === 1 && found[0] === node, 'I3', () => {
      const entry = replica.log.entry(hash)
      const what =
        entry === undefined ? 'is not in the log' : `is in ${found.length} nodes: ${describe(entry)}`
      return `version ${hash.slice(0, 8)} of device ${device} ${what}`
    })
  }
}

/** A device that starts again from its disk has what it had. */
function checkRestart(cluster: Cluster, { device, replica, digest }: Seat): void {
  replica.commit()
  cluster.stop(device)
  cluster.counts.crashes--
  cluster.start(device)
  const after = device.replica?.digest()
  for (const part of digestParts) {
    demand(digest[part] === after?.[part], 'I8', () => `${device.name}: another ${part} after a restart`)
  }
}

/** I15: all that was ever written arrives once more, and nothing happens. */
function checkReplay(cluster: Cluster, seats: readonly Seat[]): void {
  const { device } = cluster.chance.pick(seats)
  const { replica } = device
  if (replica === undefined) return
  const before = [replica.log.size, replica.statements.count].join()
  for (let count = Math.min(cluster.written.length, 10); count > 0; count--) {
    const { last, bytes } = cluster.chance.pick(cluster.written)
    // What a disk lost with a roll-back would be new.
    if (replica.log.entry(last) === undefined) continue
    replica.receive(bytes, 'device-replay', device.now(cluster.time))
  }
  const after = [replica.log.size, replica.statements.count].join()
  demand(before === after, 'I15', () => `${device.name} took a replayed batch for a new one`)
}

function describe(entry: LogEntry): string {
  const what = entry.operation === undefined ? entry.kind : JSON.stringify(entry.operation)
  return `${entry.deviceId.slice(0, 6)}/${entry.seq} ${what}`
}
