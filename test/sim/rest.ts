import { checkAtRest } from './checks.ts'
import type { Cluster } from './cluster.ts'
import { publish } from './publishing.ts'
import type { NetworkPlan } from './schedule.ts'
import { demand } from './violation.ts'

const calmNetwork: NetworkPlan = {
  latency: [20, 20],
  loss: 0,
  duplicates: 0,
  reordered: 0,
  strays: 0,
  streams: true,
}

/** The network is whole, everybody runs, clocks are right: all must agree in a bounded number of rounds. Then all checks. */
export function rest(cluster: Cluster): void {
  for (const device of cluster.devices) if (device.doomed) cluster.stop(device)
  cluster.calm(calmNetwork)
  for (const device of cluster.devices) cluster.start(device)
  quiesce(cluster)
  if (handOutKeys(cluster)) quiesce(cluster)
  for (const device of cluster.devices) cluster.change(device, (replica) => replica.confirmStatements())
  publish(cluster)
  quiesce(cluster)
  checkAtRest(cluster)
}

/**
 * A member that was granted its role while others made a new epoch lacks its key until somebody who has all keys shares
 * them. The next write does, and nobody may write any more.
 */
function handOutKeys(cluster: Cluster): boolean {
  const writer = cluster.running.find(({ replica }) => {
    return replica?.closed === 0 && (replica.role === 'write' || replica.role === 'admin')
  })
  const written = writer && cluster.change(writer, (replica) => replica.shareKeys(writer.now(cluster.time)))
  if (written === undefined || written.length === 0) return false
  cluster.counts.keysHandedOut++
  return true
}

/** I14. A hop takes a few rounds, and a window's worth of batches one. */
function quiesce(cluster: Cluster): void {
  const entries = Math.max(...cluster.running.map(({ replica }) => replica?.log.size ?? 0))
  const bound = 20 * cluster.schedule.devices + entries * 2
  let rounds = 0
  do {
    cluster.advance(0)
    while (cluster.round()) {
      demand(++rounds <= bound, 'I14', () => `not at rest after ${bound} rounds`)
    }
    cluster.advance(1_000)
  } while (cluster.network.inFlight > 0)
  const busy = cluster.links.busy()
  demand(busy === undefined, 'I14', () => `the session of devices ${busy?.join(' and ')} never ends`)
}
