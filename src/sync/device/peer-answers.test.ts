import { expect, test } from 'vitest'
import { nodeSuite } from '../crypto/node-suite.ts'
import type { Folder } from '../folder/folder.ts'
import type { Role } from '../format/membership.ts'
import type { DeviceId } from '../ids.ts'
import type { Link } from '../link/link.ts'
import type { MemberPresence } from '../presence/presence.ts'
import { PeerAnswers } from './peer-answers.ts'
import { PeerHistory } from './peer-history.ts'
import type { PeerWay } from './peer-ways.ts'

const anna = 'a1'.repeat(32)
const ben = 'b2'.repeat(32)

interface FolderLike {
  readonly name: string
  readonly members: Readonly<Record<DeviceId, Role>>
  readonly inviter?: DeviceId
  readonly isOut?: boolean
  readonly sessions?: readonly DeviceId[]
  readonly heard?: Readonly<Record<DeviceId, Pick<MemberPresence, 'heardAt' | 'clockAheadMs'>>>
}

/** As much of a folder as is asked for. */
function folderLike({
  name,
  members,
  inviter,
  isOut = false,
  sessions = [],
  heard = {},
}: FolderLike): Folder {
  const roles = Object.entries(members).map(([deviceId, role]) => ({ deviceId, role }))
  const ids = roles.map(({ deviceId }) => deviceId)
  const replica = { log: { heads: () => [], membership: { members: () => roles } } }
  const peers = {
    members: () => (inviter === undefined ? ids : [...ids, inviter]),
    linkOf: (device: DeviceId) => (sessions.includes(device) ? {} : undefined),
  }
  const presence = { members: new Map(Object.entries(heard)) }
  const state = { isOut, isPaused: false, hasFault: false }
  return { id: name, name, ...state, replica, peers, presence } as unknown as Folder
}

class World {
  now = 0
  readonly clock = { wall: () => this.now, monotonic: () => this.now }
  readonly history = new PeerHistory(this.clock)
  readonly links = new Map<DeviceId, Link>()
  ways: readonly PeerWay[] = []
  folders: readonly Folder[] = []

  link(peer: DeviceId, address: string): void {
    const link = { peer, address, isDialled: true, roundTripMs: 1.23456, bytesIn: 5, bytesOut: 6 } as Link
    this.links.set(peer, link)
    this.history.linked(link)
  }

  get all() {
    return new PeerAnswers({
      suite: nodeSuite,
      clock: this.clock,
      names: { nameOf: (device) => (device === ben ? 'Ben' : undefined) },
      history: this.history,
      folders: () => this.folders,
      linkOf: (device) => this.links.get(device),
      waysOf: () => this.ways,
      noDiscovery: () => undefined,
    }).all()
  }
}

test('each device once, with what it is in each folder; who invited us is an admin', () => {
  const world = new World()
  world.folders = [
    folderLike({ name: 'Music', members: { [ben]: 'write' }, sessions: [ben] }),
    folderLike({ name: 'Photos', members: { [ben]: 'cache' }, inviter: anna, sessions: [ben] }),
  ]
  world.link(ben, '127.0.0.1:1')
  const [found, inviter] = world.all

  expect(found).toMatchObject({ name: 'Ben', connected: true, path: 'lan', roundTripMs: 1.235, hint: null })
  expect(found?.folders).toMatchObject([
    { name: 'Music', role: 'write' },
    { name: 'Photos', role: 'cache' },
  ])
  expect(inviter).toMatchObject({ name: '', connected: false, address: null, path: null, since: null })
  expect(inviter?.folders).toMatchObject([{ name: 'Photos', role: 'admin' }])
})

test('what an attempt came to stands beside its address, which it does not repeat', () => {
  const world = new World()
  world.folders = [folderLike({ name: 'Music', members: { [ben]: 'write' } })]
  const problem = { state: 'unreachable' as const, message: '192.0.2.7:1: connect ECONNREFUSED' }
  world.ways = [{ address: '192.0.2.7:1', via: 'beacon', problem }]

  expect(world.all[0]?.addresses).toEqual([
    { address: '192.0.2.7:1', via: 'beacon', problem: 'connect ECONNREFUSED' },
  ])
})

test('a folder that is not exchanged though both are connected is named after a while', () => {
  const world = new World()
  world.folders = [folderLike({ name: 'Music', members: { [ben]: 'write' } })]
  world.link(ben, '127.0.0.1:1')
  expect(world.all[0]?.hint).toBeNull()

  world.now = 11_000
  expect(world.all[0]?.hint).toContain('Music is not exchanged')
})

test('who shares nothing with us any more but a folder that we were revoked in', () => {
  const world = new World()
  world.folders = [folderLike({ name: 'Music', members: { [ben]: 'write' }, isOut: true })]

  expect(world.all[0]?.hint).toContain('this device was revoked in Music')
})

test('what it said last tells when it was there, and of its clock', () => {
  const world = new World()
  const members = { [ben]: 'write' as const }
  world.folders = [
    folderLike({ name: 'Music', members, heard: { [ben]: { heardAt: 4_000 } } }),
    folderLike({ name: 'Photos', members, heard: { [ben]: { heardAt: 5_000, clockAheadMs: 90_000 } } }),
  ]
  expect(world.all[0]?.since).toBe('1970-01-01T00:00:05.000Z')

  world.link(ben, '127.0.0.1:1')
  expect(world.all[0]?.hint).toContain("its clock is 90 s ahead of this one's")
})
