import { errorCode, errorMessage } from '../../src/base/errors.ts'
import { decodeBatch } from '../../src/sync/format/batch-codec.ts'
import type { Operation } from '../../src/sync/format/operation.ts'
import type { Replica } from '../../src/sync/replica/replica.ts'
import type { Cluster } from './cluster.ts'
import type { SimDevice } from './device.ts'
import { roleByDefinition } from './checks.ts'
import { forge } from './forgery.ts'
import { prove } from './proofs.ts'
import { publish } from './publishing.ts'
import { rest } from './rest.ts'
import type { Action, Step } from './schedule.ts'
import { joinBySnapshot } from './snapshots.ts'
import { chooseAction, operationsFor } from './user.ts'
import { demand } from './violation.ts'

/** Runs a step. Returns it as it is to be kept in the trace: what a user did is named. */
export function runStep(cluster: Cluster, step: Step): Step {
  const { counts, network } = cluster
  switch (step.do) {
    case 'act':
      return act(cluster, step, cluster.device(step.device))
    case 'cut':
      network.cut(step.links)
      counts.partitions++
      return step
    case 'heal':
      network.heal()
      cluster.links.connect()
      return step
    case 'crash':
      crash(cluster, cluster.device(step.device), step.at)
      return step
    case 'start':
      cluster.start(cluster.device(step.device))
      return step
    case 'copy':
      if (cluster.seated.has(step.device)) {
        cluster.device(step.device).copy = cluster.device(step.device).store.copy()
      }
      return step
    case 'roll-back':
      rollBack(cluster, cluster.device(step.device), step.known)
      return step
    case 'clock':
      cluster.setClock(cluster.device(step.device), step.offset)
      return step
    case 'grant':
    case 'join':
      grant(cluster, step)
      return step
    case 'revoke':
      revoke(cluster, step)
      return step
    case 'publish':
      publish(cluster)
      return step
    case 'prove':
      prove(cluster, cluster.device(step.device))
      return step
    case 'replay':
      replay(cluster, cluster.device(step.device), cluster.device(step.target))
      return step
    case 'forge':
      forge(cluster, cluster.device(step.target), step.how)
      return step
    case 'wait':
      cluster.advance(cluster.chance.between(0, 30_000))
      return step
    case 'rest':
      rest(cluster)
      network.change(cluster.schedule.network)
      return step
  }
}

function act(cluster: Cluster, step: Step & { do: 'act' }, device: SimDevice): Step {
  const { replica } = device
  if (replica === undefined) return step
  const action = step.action ?? chooseAction(replica, cluster.chance)
  if (action === undefined) return step
  const operations = operationsFor(replica, action, {
    random: (length) => device.chance.bytes(length),
    seconds: Math.floor(device.now(cluster.time) / 1_000),
  })
  if (operations.length > 0) {
    cluster.counts.acts++
    noteNames(cluster, action)
    write(cluster, device, operations)
  }
  return { ...step, action }
}

function noteNames(cluster: Cluster, action: Action): void {
  if ('path' in action) for (const name of action.path) cluster.givenNames.add(name)
  if ('to' in action) for (const name of action.to) cluster.givenNames.add(name)
  if ('names' in action) for (const name of action.names) cluster.givenNames.add(name)
}

/** Writes, keeps what was promised, and now and then sends it outside of a session too. */
function write(cluster: Cluster, device: SimDevice, operations: readonly Operation[]): void {
  const changes = operations.map((operation) => ({ operation }))
  const batches = attempt(cluster, device, false, (replica) => {
    return replica.write(changes, device.now(cluster.time))
  })
  announce(cluster, device, batches)
}

/** Undefined if the device died or was not allowed to. */
function attempt<T>(
  cluster: Cluster,
  device: SimDevice,
  needsAdmin: boolean,
  what: (replica: Replica) => T,
): T | undefined {
  return cluster.change(device, (replica) => {
    try {
      return what(replica)
    } catch (error) {
      if (!['SYNC_NOT_ALLOWED', 'SYNC_NO_MEMBER', 'SYNC_NOT_JOINED'].includes(errorCode(error))) throw error
      cluster.counts.notAllowed++
      const role = roleByDefinition(cluster, device, replica)
      const isAllowed = role === 'admin' || (role === 'write' && !needsAdmin)
      demand(!isAllowed || errorCode(error) === 'SYNC_NO_MEMBER', 'role', () => {
        return `${device.name} is refused what its role "${role}" allows: ${errorMessage(error)}`
      })
      return undefined
    }
  })
}

function announce(cluster: Cluster, device: SimDevice, batches: readonly Uint8Array[] | undefined): void {
  for (const bytes of batches ?? []) {
    const { entries } = decodeBatch(cluster.suite, bytes)
    cluster.written.push({ last: entries.at(-1)?.hash ?? '', bytes })
    for (const { hash } of entries) {
      cluster.counts.entries++
      const operation = device.replica?.log.entry(hash)?.operation
      if (operation?.type === 'put' || operation?.type === 'symlink') {
        cluster.promised.set(hash, { node: operation.node, device: device.index })
      }
    }
    if (cluster.chance.percent(cluster.schedule.network.strays)) {
      const to = cluster.chance.pick(cluster.devices)
      if (to !== device && to.replica !== undefined) cluster.post(device, to, 'batch', bytes)
    }
  }
}

function crash(cluster: Cluster, device: SimDevice, at: (Step & { do: 'crash' })['at']): void {
  if (device.replica === undefined) return
  if (at === 'now') cluster.stop(device)
  else {
    device.store.failCommit(at)
    device.doomed = true
  }
}

function isAuthority({ schedule }: Cluster, device: SimDevice): boolean {
  return schedule.mode === 'server_authoritative' && device.index === schedule.authority
}

/** A disk goes back to an older state. What only it had is lost, and promised no longer. */
function rollBack(cluster: Cluster, device: SimDevice, known: boolean): void {
  // An authority that does not know goes on with another history, and then nothing is final any more.
  if (device.copy === undefined || (isAuthority(cluster, device) && !known)) return
  const others = cluster.running.filter((other) => other !== device && !other.store.dirty)
  for (const hash of cluster.promised.keys()) {
    const isElsewhere = others.some(({ replica }) => replica?.log.entry(hash) !== undefined)
    if (!isElsewhere) cluster.promised.delete(hash)
  }
  cluster.counts.rollBacks++
  if (device.replica !== undefined) cluster.stop(device)
  device.rollBack(known)
  // What the authority published is final if somebody else has heard it, who says so with its next change.
  if (isAuthority(cluster, device)) cluster.finalOrder.length = 0
  cluster.start(device)
}

function grant(cluster: Cluster, step: Step & { do: 'grant' | 'join' }): void {
  const [device, target] = [cluster.device(step.device), cluster.device(step.target)]
  if (step.do === 'join' && cluster.seated.has(step.target)) return
  if (step.do === 'grant' && !cluster.seated.has(step.target)) return
  // Without keys it could not sign what the map says, and nothing would become final.
  if (step.role === 'cache' && isAuthority(cluster, target)) return
  const batches = attempt(cluster, device, true, (replica) =>
    replica.grant(target.keys.record, step.role, device.now(cluster.time)),
  )
  announce(cluster, device, batches)
  if (step.do === 'grant' || batches === undefined) return
  cluster.seated.add(step.target)
  cluster.counts.joins++
  const granted = batches.at(-1)
  if (step.snapshot && step.role !== 'cache' && granted !== undefined) {
    joinBySnapshot(cluster, device, target, granted)
  }
  cluster.start(target)
}

function revoke(cluster: Cluster, { device: by, target }: Step & { do: 'revoke' }): void {
  const device = cluster.device(by)
  if (!cluster.seated.has(target) || isAuthority(cluster, cluster.device(target))) return
  const { deviceId } = cluster.device(target).keys
  const batches = attempt(cluster, device, true, (replica) => {
    return replica.revoke(deviceId, device.now(cluster.time))
  })
  if (batches !== undefined) cluster.counts.revocations++
  announce(cluster, device, batches)
}

/** Batches of long ago, some of them cut, arrive again. */
function replay(cluster: Cluster, from: SimDevice, to: SimDevice): void {
  if (to.replica === undefined || cluster.written.length === 0) return
  for (let count = cluster.chance.between(1, 4); count > 0; count--) {
    const { bytes } = cluster.chance.pick(cluster.written)
    cluster.post(from, to, 'batch', bytes)
    cluster.post(from, to, 'batch', bytes)
  }
}
