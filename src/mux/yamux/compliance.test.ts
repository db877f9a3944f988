import { SeededRandom } from '../../../test/fuzz/random.ts'
import { memoryStage } from '../../../test/support/yamux-stage.ts'
import { describeWires } from '../../../test/support/wire-compliance.ts'
import { describeYamux } from '../../../test/support/yamux-compliance.ts'
import { describeYamuxFlow } from '../../../test/support/yamux-flow.ts'
import type { Wire } from '../../net/wire.ts'
import { YamuxSession } from './session.ts'
import type { YamuxStream } from './stream.ts'

/** Frames fall apart anywhere; bulk still moves. */
function anySize(seed: number): (availableBytes: number) => number {
  const random = new SeededRandom(seed)
  return (available) => 1 + random.below(available > 4_096 ? available : 15)
}

const stages = {
  'yamux in memory': () => memoryStage(),
  'yamux in small pieces, over a narrow link': () =>
    memoryStage({ chunkSize: anySize(3), roomBytes: 40_000, lagMs: 1 }),
}

for (const [name, makeStage] of Object.entries(stages)) {
  describeYamux(name, makeStage)
  describeYamuxFlow(name, makeStage)
}

describeWires('a pair of YamuxStreams in memory', {
  maxUnreadBytes: 12_582_912,
  makePair: async () => {
    const stage = memoryStage({ lagMs: 1, roomBytes: 100_000 })
    const accepted: YamuxStream[] = []
    const ended: unknown[] = []
    const start = (wire: Wire, role: 'client' | 'server'): YamuxSession => {
      const session = new YamuxSession(wire, {
        role,
        clock: stage.clock,
        onStream: (stream) => accepted.push(stream),
        onClose: () => ended.push(role),
      })
      stage.watch(session)
      return session
    }
    const client = start(stage.near, 'client')
    start(stage.far, 'server')
    const near = client.open()
    await stage.until('the stream', () => accepted.length === 1)
    const [far] = accepted
    if (far === undefined) throw new Error('no stream')
    return {
      near,
      far,
      until: (what, probe) => stage.until(what, probe),
      settle: () => stage.settle(),
      close: async () => {
        client.destroy()
        await stage.until('both sessions closed', () => ended.length === 2)
      },
    }
  },
})
