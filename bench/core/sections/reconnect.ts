/** Two devices with the same large log meet again: what travels if nothing is new, and if one has a hundred entries more. */
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { ExchangeSession } from '../../../src/sync/exchange/exchange-session.ts'
import { Replica } from '../../../src/sync/replica/replica.ts'
import { SqliteStore } from '../../../src/sync/store/sqlite-store.ts'
import { fixtureEnd, fixtureKeys, type FixtureMember } from '../fixture/fixture-log.ts'
import { FolderScript } from '../fixture/folder-script.ts'
import { seededRandom } from '../fixture/seeded.ts'
import { millis, ratio, whole, type SectionReport } from '../report.ts'
import { spend } from '../spent.ts'

const fresh = 100

interface Meeting {
  readonly messages: number
  readonly bytes: number
}

export function measureReconnect(files: readonly [string, string]): SectionReport {
  const stores = files.map((file) => new SqliteStore(file))
  const [one, other] = (['second', 'third'] as const).map((member: FixtureMember, index) =>
    Replica.open({
      suite: nodeSuite,
      store: stores[index]!,
      keys: fixtureKeys(member),
      random: seededRandom(member),
    }),
  )
  if (one === undefined || other === undefined) throw new Error('two replicas are needed')
  const size = one.log.size
  const equal = spend(() => meet(one, other))
  const script = new FolderScript('e', 4)
  let written = 0
  for (const change of script.next(fresh)) {
    for (const batch of one.write([change], fixtureEnd + 1_000)) written += batch.length
  }
  const behind = spend(() => meet(one, other))
  if (other.log.size !== size + fresh) throw new Error('the other has not got everything')
  for (const store of stores) store.close()
  const row = (name: string, { result, seconds, cpuSeconds }: typeof equal, least: number): string[] => [
    name,
    whole(result.messages),
    whole(result.bytes),
    least === 0 ? '-' : ratio(result.bytes / least),
    millis(seconds),
    millis(cpuSeconds),
  ]
  return {
    tables: [
      {
        title: `Reconnecting two logs of ${whole(size)} entries`,
        head: ['', 'messages', 'bytes', 'of the batches’ own bytes', 'ms', 'CPU ms, both ends'],
        rows: [row('equal', equal, 0), row(`${fresh} new, saved one by one`, behind, written)],
      },
    ],
    values: { reconnect: { equal, behind, written } },
  }
}

function meet(one: Replica, other: Replica): Meeting {
  const { folderId } = one
  const sessions = [
    new ExchangeSession(one, { suite: nodeSuite, folderId, peer: 'other' }),
    new ExchangeSession(other, { suite: nodeSuite, folderId, peer: 'one' }),
  ] as const
  let [messages, bytes] = [0, 0]
  for (let moved = true; moved;) {
    moved = false
    for (const [from, to] of [sessions, [sessions[1], sessions[0]]] as const) {
      const message = from.next(fixtureEnd + 2_000)
      if (message === undefined) continue
      moved = true
      messages++
      bytes += message.length
      const { strike } = to.receive(message, fixtureEnd + 2_000)
      if (strike !== undefined) throw new Error(`${strike.reason}: ${strike.detail}`)
    }
  }
  if (!sessions.every((session) => session.idle)) throw new Error('the exchange did not end')
  one.commit()
  other.commit()
  return { messages, bytes }
}
