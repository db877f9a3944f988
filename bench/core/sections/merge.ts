/** Ten thousand operations of a device that was away, into a log of a hundred thousand: from bytes to the tree. */
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import type { LogEntry } from '../../../src/sync/log/log-entry.ts'
import { Replica } from '../../../src/sync/replica/replica.ts'
import { SqliteStore } from '../../../src/sync/store/sqlite-store.ts'
import { fixtureEnd, fixtureKeys, fixtureStart } from '../fixture/fixture-log.ts'
import { FolderScript } from '../fixture/folder-script.ts'
import { workOffline } from '../fixture/offline-device.ts'
import { seededRandom } from '../fixture/seeded.ts'
import { micros, millis, perSecond, whole, type SectionReport } from '../report.ts'
import { spend } from '../spent.ts'

const operations = 10_000
const hourMs = 3_600_000

interface Case {
  readonly name: string
  readonly group: number
  readonly seen: readonly LogEntry[]
  readonly from: number
  readonly to: number
}

export function measureMerge(file: string): SectionReport {
  const store = new SqliteStore(file)
  const options = { suite: nodeSuite, store, keys: fixtureKeys('second'), random: seededRandom('merge') }
  const replica = Replica.open(options)
  const before = replica.log.size
  const seenAll = replica.log.heads()
  const grants = replica.log.memberships().slice(-1)
  const script = new FolderScript('d', 3)
  // What the others did meanwhile, so that late entries land in the middle.
  for (let done = 0; done < 1_000; done += 100) {
    replica.write(script.next(100), fixtureEnd + (done * hourMs) / 1_000)
  }
  replica.view.list(replica.view.root())
  const away = { seen: seenAll, from: fixtureEnd, to: fixtureEnd + hourMs }
  const never = { seen: grants, from: fixtureStart + 1_000, to: fixtureEnd }
  const cases: Case[] = [
    { name: 'an hour away, groups of 100', group: 100, ...away },
    { name: 'an hour away, one by one', group: 1, ...away },
    { name: 'away from the beginning, groups of 100', group: 100, ...never },
    { name: 'away from the beginning, one by one', group: 1, ...never },
  ]
  const measured = cases.map((each) => {
    const batches = workOffline(replica.log, { member: 'third', operations, ...each })
    return { name: each.name, ...merge(replica, batches) }
  })
  store.close()
  return {
    tables: [
      {
        title: `Merging ${whole(operations)} offline operations into a log of ${whole(before)}`,
        head: [
          '',
          'ms',
          'operations/s',
          'CPU µs each',
          'receive ms',
          'commit ms',
          'rewind and fold ms',
          'undone',
        ],
        rows: measured.map(({ name, receive, commit, fold, undone }) => {
          const parts = [receive, commit, fold]
          const seconds = parts.reduce((sum, each) => sum + each.seconds, 0)
          const cpu = parts.reduce((sum, each) => sum + each.cpuSeconds, 0)
          return [
            name,
            millis(seconds),
            perSecond(operations, seconds),
            micros(cpu / operations),
            ...parts.map((each) => millis(each.seconds)),
            whole(undone),
          ]
        }),
        notes: [
          'Receiving is decoding, hashing, checking signatures and rules, storing, opening and placing in the order. "Undone": operations behind the first late one, which are applied again.',
        ],
      },
    ],
    values: { merge: measured },
  }
}

interface Merged {
  readonly receive: Part
  readonly commit: Part
  readonly fold: Part
  readonly undone: number
}

interface Part {
  readonly seconds: number
  readonly cpuSeconds: number
}

function merge(replica: Replica, batches: readonly Uint8Array[]): Merged {
  const end = fixtureEnd + 2 * hourMs
  const orderBefore = replica.order.slice()
  const receive = spend(() => {
    for (const batch of batches) {
      const { refused, pending } = replica.receive(batch, 'third', end)
      if (refused !== undefined || pending > 0) throw new Error(`not taken: ${refused?.reason}`)
    }
  })
  const commit = spend(() => replica.commit())
  const fold = spend(() => replica.view.list(replica.view.root()).length)
  const { order } = replica
  const same = orderBefore.findIndex((entry, position) => order[position] !== entry)
  return { receive, commit, fold, undone: same < 0 ? 0 : orderBefore.length - same }
}
