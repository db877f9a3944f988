import { expect, test } from 'vitest'
import { seededBytes } from '../../../test/sync/support/seeded-bytes.ts'
import { createDeviceKeys, type DeviceKeys } from '../crypto/identity.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { portableSuite } from '../crypto/portable-suite.ts'
import { toHex } from '../ids.ts'
import { discoveryLimits } from './discovery-limits.ts'
import { hourOf, pairKey, pairTag } from './pair-tags.ts'
import { TagTable } from './tag-table.ts'

const random = seededBytes('tag table')
const [ann, bob, eve] = Array.from({ length: 3 }, () => createDeviceKeys(nodeSuite, random)) as [
  DeviceKeys,
  DeviceKeys,
  DeviceKeys,
]

function table(own: DeviceKeys, members: readonly DeviceKeys[], hour = 100): TagTable {
  const made = new TagTable({
    suite: nodeSuite,
    deviceId: own.deviceId,
    agreementSecret: own.agreementSecret,
    random,
  })
  made.setMembers(
    members.map(({ deviceId, record }) => ({ device: deviceId, agreementKey: record.agreementKey })),
  )
  made.setHour(hour)
  return made
}

const all = (from: TagTable): readonly Uint8Array[] => from.window(1_000, 0)

test('members know each other, in the hour before and after as well, and not later', () => {
  const ofAnn = all(table(ann, [bob, eve], 100))

  const known = [98, 99, 100, 101, 102].map((hour) => table(bob, [ann, eve], hour).senderOf(ofAnn))

  expect(known).toEqual([undefined, ann.deviceId, ann.deviceId, ann.deviceId, undefined])
})

test('who is no member, or is none any more, is not told and knows nobody', () => {
  const ofAnn = all(table(ann, [bob]))

  expect(table(eve, [ann, bob]).senderOf(ofAnn)).toBe(undefined)
  expect(table(bob, [eve]).senderOf(ofAnn)).toBe(undefined)
})

test('no two hours, directions or devices have a tag in common', () => {
  const lists = [
    ...[100, 101, 102, 200].map((hour) => all(table(ann, [bob, eve], hour))),
    all(table(bob, [ann, eve])),
    all(table(eve, [ann, bob])),
  ]
  const tags = lists.flat().map(toHex)

  expect(new Set(tags).size).toBe(tags.length)
})

test('own tags are nobody’s', () => {
  const made = table(ann, [bob])

  expect(made.senderOf(all(made))).toBe(undefined)
})

test.each([
  [1, 4],
  [4, 4],
  [5, 8],
  [33, 64],
])('of %i members a list of %i tags shows, in an order of its own', (count, shown) => {
  const members = Array.from({ length: count }, () => createDeviceKeys(nodeSuite, random))
  const tags = all(table(ann, members))

  expect(tags.length).toBe(shown)
  expect(tags.map(toHex)).toEqual(tags.map(toHex).toSorted())
})

test('fillers stay the same for an hour, as tags do', () => {
  const made = table(ann, [bob])
  const before = all(made).map(toHex)
  made.setMembers([{ device: bob.deviceId, agreementKey: bob.record.agreementKey }])
  made.setHour(100)

  expect(all(made).map(toHex)).toEqual(before)
})

test('nobody to be told: no tags at all', () => {
  expect(all(table(ann, []))).toEqual([])
  expect(all(table(ann, [ann]))).toEqual([])
})

test('parts: each device is in the one that is named', () => {
  const members = Array.from({ length: 20 }, () => createDeviceKeys(nodeSuite, random))
  const made = table(ann, members)

  expect(made.windows(8)).toBe(4)
  for (const member of members) {
    const part = made.window(8, made.windowFor(8, member.deviceId))
    expect(table(member, [ann]).senderOf(part)).toBe(ann.deviceId)
  }
})

test('at most 1,024 members are told; what changes nothing is no change', () => {
  const made = table(ann, [])
  const { agreementKey } = bob.record
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ device: toHex(random(32)) + index, agreementKey }))
  // One pair of keys is enough for all: what is counted are devices.
  expect(made.setMembers(many(discoveryLimits.members + 1))).toBe(true)
  expect(made.size).toBe(discoveryLimits.members)
  const [one] = many(1)
  expect(made.setMembers([one!])).toBe(true)
  expect(made.setMembers([one!])).toBe(false)
  expect(made.setMembers([])).toBe(true)
})

test('a key of low order is left out', () => {
  const made = table(ann, [])

  expect(made.setMembers([{ device: bob.deviceId, agreementKey: new Uint8Array(32) }])).toBe(false)
  expect(made.size).toBe(0)
})

test('the format: both ends, and both suites, compute these bytes', () => {
  const secrets = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const
  const sender = '03'.repeat(32)
  const tags = [nodeSuite, portableSuite].flatMap((suite) =>
    [secrets, secrets.toReversed()].map(([own, other]) =>
      toHex(pairTag(suite, pairKey(suite, own!, suite.agreementKey(other!))!, sender, 480_000)),
    ),
  )

  expect([...new Set(tags)]).toEqual(['7c8681c4e207dc20'])
  expect(hourOf(1_728_000_000_000)).toBe(480_000)
  expect(hourOf(1_727_999_999_999)).toBe(479_999)
})
