/** The memory of idle WebSockets, each target in fresh processes of its own, one after the other. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadGenerator } from '../load/load-generator.ts'
import { proportionalKiB } from '../process-cost.ts'
import type { Peer, Target } from '../target.ts'
import { websocketPath } from './workloads.ts'

export interface MemorySample {
  readonly sockets: number
  readonly kibBefore: number
  readonly kibAfter: number
  /** After each socket has carried one message both ways. */
  readonly kibAfterEcho: number
}

export interface IdleMemoryOptions {
  readonly idleSockets: number
  readonly load: LoadGenerator
  /** Throws where the bench itself is broken. */
  readonly check: () => void
  readonly say: (line: string) => void
}

const settleMs = 3_000

export async function runIdleMemory(
  peers: readonly Peer[],
  options: IdleMemoryOptions,
): Promise<ReadonlyMap<string, MemorySample>> {
  const memory = new Map<string, MemorySample>()
  for (const peer of peers) {
    options.check()
    options.say(`memory of ${options.idleSockets} idle WebSockets: ${peer.name}`)
    const target = await peer.start()
    try {
      options.check()
      memory.set(peer.name, await measureMemory(target, options.idleSockets, options.load))
    } catch (error) {
      options.say(`${peer.name}: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      await target.stop()
    }
  }
  return memory
}

async function measureMemory(
  target: Target,
  connections: number,
  load: LoadGenerator,
): Promise<MemorySample> {
  const where = { host: target.host, port: target.port, path: websocketPath }
  try {
    // One connection first: what the first of all costs is not a cost per socket.
    await load.run({ kind: 'open', ...where, connections: 1 })
    await sleep(settleMs)
    const kibBefore = proportionalKiB(target.pids)
    const { operations } = await load.run({ kind: 'open', ...where, connections: connections - 1 })
    await sleep(settleMs)
    const kibAfter = proportionalKiB(target.pids)
    const echoes = await load.run({ kind: 'echo', ms: 0 })
    await sleep(settleMs)
    const kibAfterEcho = proportionalKiB(target.pids)
    if (operations !== connections || echoes.operations !== connections) {
      throw new Error(`of ${connections} WebSockets ${operations} opened and ${echoes.operations} echoed`)
    }
    return { sockets: connections - 1, kibBefore, kibAfter, kibAfterEcho }
  } finally {
    await load.run({ kind: 'close' })
  }
}
