import { expect, test } from 'vitest'
import type { DeviceId } from '../ids.ts'
import { LinkTable, type KnownMembers, type TableLink } from './link-table.ts'

const own = 'b'.repeat(64)
const peer = 'a'.repeat(64)
const overlapMs = 10_000

function link(peerInstance: string, isDialled = false, of: DeviceId = peer): TableLink {
  return { peer: of, peerInstance, isDialled, peerName: 'Anna', address: '192.0.2.1:1', openedAt: 0 }
}

function tableOf(members: Partial<KnownMembers> = {}) {
  const world = { now: 0, problems: [] as string[] }
  const table = new LinkTable<TableLink>({
    deviceId: own,
    instance: 'this run',
    members: { isMember: () => true, ...members },
    onProblem: (code) => world.problems.push(code),
    clock: { monotonic: () => world.now, wall: () => world.now },
    overlapMs,
  })
  return { table, world }
}

test('a member gets a link, and who is none is told so by who knows', () => {
  const stranger = { isMember: () => false }
  expect(tableOf().table.refusal(link('one'))).toBe(undefined)
  expect(tableOf(stranger).table.refusal(link('one'))).toBe('no member')
  expect(tableOf({ ...stranger, isBlank: () => true }).table.refusal(link('one'))).toBe('no log yet')
  const left = { ...stranger, isBlank: () => true, hasLeft: () => true }
  expect(tableOf(left).table.refusal(link('one'))).toBe('revoked itself')
})

test('this device itself is refused, and another program with its keys is a problem', () => {
  const { table, world } = tableOf()
  expect(table.refusal(link('this run', false, own))).toBe('this is you')
  expect(world.problems).toEqual([])
  expect(table.refusal(link('another', false, own))).toBe('a clone')
  expect(world.problems).toEqual(['LINK_OWN_CLONE'])
})

test('of two that were dialled at once the one of the greater device stays', () => {
  const { table } = tableOf()
  table.put(link('one', true))
  expect(table.refusal(link('one', false))).toBe('duplicate')
  const other = tableOf().table
  other.put(link('one', false))
  expect(other.refusal(link('one', true))).toBe(undefined)
})

test('one that is older than two attempts may overlap is lost for the other end', () => {
  const { table, world } = tableOf()
  table.put(link('one', true))
  world.now = overlapMs
  expect(table.refusal(link('one', false))).toBe('duplicate')
  world.now = overlapMs + 1
  expect(table.refusal(link('one', false))).toBe(undefined)
})

test('the new link is the one that stands, and the end of the old one does not touch it', () => {
  const { table } = tableOf()
  const [old, added] = [link('one'), link('one')]
  expect(table.put(old)).toBe(undefined)
  expect(table.put(added)).toBe(old)
  table.drop(old)
  expect([table.get(peer), table.all]).toEqual([added, [added]])
  table.drop(added)
  expect([table.has(peer), table.all]).toEqual([false, []])
})

test('a device that starts again is no clone; two runs that take turns are', () => {
  const { table, world } = tableOf()
  for (const instance of ['one', 'two', 'three']) {
    const next = link(instance)
    expect(table.refusal(next)).toBe(undefined)
    table.put(next)
  }
  expect(world.problems).toEqual([])
  expect(table.refusal(link('two'))).toBe(undefined)
  expect(world.problems).toEqual(['LINK_PEER_CLONED'])
})
