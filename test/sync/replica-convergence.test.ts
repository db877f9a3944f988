import fc from 'fast-check'
import { expect, test } from 'vitest'
import { batchesOf, digests, ReplicaDevice, statementsOf } from './support/replica-device.ts'
import { HarpError } from '../../src/base/errors.ts'
import { intentRefusals } from '../../src/sync/tree/spots.ts'
import { Replica } from '../../src/sync/replica/replica.ts'

// HARP_REPLICA_RUNS=1000 for a long run.
const numRuns = Number(process.env['HARP_REPLICA_RUNS'] ?? 12)

/** What two members and the authority do, and who hears whom in between. */
const anyDeed = fc.oneof(
  fc.record({
    type: fc.constantFrom('put', 'mkdir', 'trash', 'back'),
    who: fc.nat(2),
    name: fc.constantFrom('a', 'b', 'c', 'd/a', 'd/b', 'd'),
  }),
  fc.record({ type: fc.constantFrom('publish', 'revoke', 'grant'), who: fc.nat(2), name: fc.constant('') }),
  fc.record({ type: fc.constant('hear'), who: fc.nat(2), name: fc.constantFrom('0', '1', '2') }),
)

/** What cannot be done is not done. */
const expected = new Set<string>([...intentRefusals, 'SYNC_NOT_ALLOWED', 'SYNC_NO_MEMBER'])

/** A history by three devices, as it may have been: what one of them has at the end, in the order it came. */
function live(deeds: readonly { type: string; who: number; name: string }[]): ReplicaDevice[] {
  const server = new ReplicaDevice()
  const anna = new ReplicaDevice().found('server_authoritative', server)
  const ben = new ReplicaDevice()
  anna.admit(ben, 'admin')
  server.hear(anna)
  const all = [server, anna, ben]
  let mark = 0
  for (const { type, who, name } of deeds) {
    const device = all[who]!
    mark++
    try {
      if (type === 'put') device.put(name, mark)
      else if (type === 'mkdir') device.mkdir(name)
      else if (type === 'trash') device.trash(name)
      else if (type === 'publish') server.replica.publish(server.tick())
      else if (type === 'revoke') anna.replica.revoke(ben.id, anna.tick())
      else if (type === 'grant') anna.replica.grant(ben.keys.record, 'write', anna.tick())
      else if (type === 'back') device.now = Math.max(1_759_999_900_000, device.now - 40_000 * (who + 1))
      else device.hear(all[Number(name)]!)
    } catch (error) {
      const code = error instanceof HarpError ? error.code : (error as Error).message
      if (!expected.has(code)) throw error
    }
  }
  return all
}

/** What a fresh replica makes of the same entries and statements, in an order of its own; looked at in between or not. */
function replay(from: ReplicaDevice, shuffle: (count: number) => number, looks: boolean): ReplicaDevice {
  const other = new ReplicaDevice()
  Object.assign(other, { keys: from.keys, now: from.now + 1_000_000 })
  other.open(from.replica.folderId)
  const [genesis, ...batches] = batchesOf(from).sort(
    (left, right) => Number(isGenesis(right, from)) - Number(isGenesis(left, from)),
  )
  other.receive(genesis!)
  const statements = statementsOf(from)
  while (batches.length > 0) {
    const [bytes] = batches.splice(shuffle(batches.length), 1)
    other.receive(bytes!)
    if (looks) other.replica.digest()
    for (const statement of statements.slice(other.replica.statements.count)) {
      other.replica.receiveStatement(statement, 'other', other.now)
    }
  }
  for (const statement of statements) other.replica.receiveStatement(statement, 'other', other.now)
  return other
}

function isGenesis(bytes: Uint8Array, { replica }: ReplicaDevice): boolean {
  const [first] = replica.log.batchesFrom(replica.log.entry(replica.folderId)?.branch ?? 0, 0)
  return (
    first !== undefined &&
    first.bytes.length === bytes.length &&
    first.bytes.every((byte, at) => byte === bytes[at])
  )
}

test('I1: the same entries and statements give the same digest, in any order, looked at in between or not', () => {
  fc.assert(
    fc.property(
      fc.array(anyDeed, { minLength: 4, maxLength: 30 }),
      fc.array(fc.nat(1_000), { minLength: 5, maxLength: 20 }),
      (deeds, numbers) => {
        const all = live(deeds)
        for (const device of all) {
          let turn = 0
          const shuffle = (count: number): number => numbers[turn++ % numbers.length]! % count
          const others = [true, false].map((looks) => replay(device, shuffle, looks))
          expect(digests(device, ...others)).toHaveLength(1)
          for (const { replica } of others) {
            expect(replica.finalLength).toBe(device.replica.finalLength)
            expect(replica.fencedOut.map(({ hash }) => hash)).toEqual(
              device.replica.fencedOut.map(({ hash }) => hash),
            )
          }
          device.replica.commit()
          const again = Replica.open({ ...device.options, store: device.store.copy() })
          expect(again.digest()).toEqual(device.replica.digest())
        }
      },
    ),
    { numRuns },
  )
})
