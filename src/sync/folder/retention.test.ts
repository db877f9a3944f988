import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { UpDevice } from '../../../test/sync/support/up-device.ts'
import { rootItem } from '../items/item.ts'
import type { DeviceId } from '../ids.ts'
import type { MemberPresence, Presence } from '../presence/presence.ts'
import { idOf } from './download.ts'
import { OtherPolicies } from './other-policies.ts'
import { Retention, type RetentionReport } from './retention.ts'
import type { KeepPolicy, VersionSource } from './version-source.ts'

const day = 86_400_000

let own: UpDevice
let anna: UpDevice
let ben: UpDevice
/** Added to the time of day. */
let later: number

beforeEach(async () => {
  own = new UpDevice().found()
  anna = new UpDevice().join(own)
  ben = new UpDevice().join(own)
  later = 0
  own.put('f', 'the first content')
  await own.scan()
  own.put('f', 'the second content')
  await own.scan()
  const { id } = own.items.child(rootItem, 'f')!
  own.items.update(id, { state: 'synced' })
})

afterEach(() => {
  for (const each of [own, anna, ben]) each.close()
})

/** By content: the versions of the file, the oldest first. */
function versions(): string[] {
  return own.replica.order.flatMap(({ operation, hash }) => (operation?.type === 'put' ? [hash] : []))
}

function idsOf(version: string): Uint8Array[] {
  const rows = own.rows(version)!
  return Array.from(rows.lengths, (_, row) => idOf(rows, row))
}

/** Which of the two versions can still be given to others, from packs. */
function packed(): boolean[] {
  return versions().map((version) => idsOf(version).every((id) => own.chunks.find(id)?.in === 'pack'))
}

interface Company {
  /** What each said of itself; nothing: never heard of. */
  readonly said?: readonly (readonly [UpDevice, KeepPolicy | 'cache', heardDaysAgo?: number])[]
  readonly connected?: readonly UpDevice[]
  /** Since when it is written down what they say. */
  readonly since?: number
  readonly holds?: (device: DeviceId, id: Uint8Array) => boolean
}

async function run(
  keep: KeepPolicy,
  { said = [], connected = [], holds, since = 0 }: Company,
): Promise<RetentionReport> {
  const clock = { wall: () => Date.now() + later, monotonic: () => 0 }
  const members = new Map<DeviceId, MemberPresence>()
  for (const [{ keys }, policy, daysAgo = 0] of said) {
    const about = { role: 'write' as const, isComplete: true, chunkBytes: 0 }
    const { deviceId: device } = keys
    members.set(device, { device, ...about, keep: policy, heardAt: clock.wall() - daysAgo * day })
  }
  const presence: Presence = {
    members,
    since,
    holders: async (ids) => {
      return new Map(
        connected.map(({ keys: { deviceId } }) => [
          deviceId,
          ids.map((id) => holds?.(deviceId, id) === true),
        ]),
      )
    },
  }
  const { root, replica, items, chunks, fs } = own
  const book: VersionSource = { rows: (version) => own.rows(version), pieces: () => [] }
  const others = new OtherPolicies({ replica, presence: () => presence, clock })
  const retention = new Retention({
    root,
    replica,
    items,
    chunks,
    fs,
    clock,
    keep,
    others,
    versions: book,
    presence: () => presence,
    isConnected: (device) => connected.some(({ keys: { deviceId } }) => deviceId === device),
  })
  return retention.run(() => false)
}

test('before anything is dropped, both versions are in packs', () => {
  expect(packed()).toEqual([true, true])
})

test('a device that keeps all drops nothing', async () => {
  await run('all', {
    said: [
      [anna, 'current'],
      [ben, 'current'],
    ],
  })
  expect(packed()).toEqual([true, true])
})

test('where all keep what is current, old content goes, and of the new what the file has as well', async () => {
  const report = await run('current', {
    said: [
      [anna, 'current'],
      [ben, 'current'],
    ],
  })
  expect(packed()).toEqual([false, false])
  expect(report).toMatchObject({ isWhole: true, heldForOthers: 0 })
  expect(idsOf(versions()[1]!).every((id) => own.chunks.find(id)?.in === 'file')).toBe(true)
})

test('what another member wants stays as long as that one is away', async () => {
  const report = await run('current', {
    said: [
      [anna, 'all'],
      [ben, 'current'],
    ],
  })
  expect(packed()).toEqual([true, true])
  expect(report.heldForOthers).toBe(2)
})

test('what another member wants goes when that one has it', async () => {
  await run('current', {
    said: [
      [anna, 'all'],
      [ben, 'current'],
    ],
    connected: [anna],
    holds: () => true,
  })
  expect(packed()).toEqual([false, false])
})

test('what another member wants and has but a part of stays', async () => {
  const [old = ''] = versions()
  const missing = idsOf(old)[0]!
  const holds = (_: DeviceId, id: Uint8Array): boolean => Buffer.compare(id, missing) !== 0
  await run('current', {
    said: [
      [anna, 'all'],
      [ben, 'current'],
    ],
    connected: [anna],
    holds,
  })
  expect(packed()).toEqual([true, false])
})

test('each member that wants it must have it, and others are not asked', async () => {
  const said = [
    [anna, 'all'],
    [ben, 'all'],
  ] as const
  const connected = [anna, ben]
  await run('current', { said, connected, holds: (device) => device === anna.keys.deviceId })
  expect(packed()).toEqual([true, true])
  await run('current', {
    said: [
      [anna, 'all'],
      [ben, 'current'],
    ],
    connected,
    holds: (device) => device === anna.keys.deviceId,
  })
  expect(packed()).toEqual([false, false])
})

describe('who counts', () => {
  test('a member that was never heard of wants everything, for 30 days', async () => {
    await run('current', { said: [[ben, 'current']] })
    expect(packed()).toEqual([true, true])
    later = 31 * day
    await run('current', { said: [[ben, 'current']] })
    expect(packed()).toEqual([false, false])
  })

  test('the same from when this device began to hear: others may have spoken before', async () => {
    const since = Date.now() + 300 * day
    later = 329 * day
    await run('current', { said: [[ben, 'current']], since })
    expect(packed()).toEqual([true, true])
    later = 331 * day
    await run('current', { said: [[ben, 'current']], since })
    expect(packed()).toEqual([false, false])
  })

  test('one that was not heard of for 90 days does not any more', async () => {
    await run('current', {
      said: [
        [anna, 'all', 89],
        [ben, 'current'],
      ],
    })
    expect(packed()).toEqual([true, true])
    await run('current', {
      said: [
        [anna, 'all', 91],
        [ben, 'current'],
      ],
    })
    expect(packed()).toEqual([false, false])
  })

  test('a device that was revoked does not', async () => {
    own.replica.revoke(anna.keys.deviceId, Date.now())
    await run('current', {
      said: [
        [anna, 'all'],
        [ben, 'current'],
      ],
    })
    expect(packed()).toEqual([false, false])
  })

  test('what a cache has is nothing to rely on, and what it says of old content counts for nothing', async () => {
    own.replica.revoke(anna.keys.deviceId, Date.now())
    own.replica.grant(anna.keys.record, 'cache', Date.now())
    await run('current', {
      said: [
        [anna, 'cache'],
        [ben, 'all'],
      ],
      connected: [anna],
      holds: () => true,
    })
    expect(packed()).toEqual([true, true])
    await run('current', {
      said: [
        [anna, 'cache'],
        [ben, 'current'],
      ],
    })
    expect(packed()).toEqual([false, false])
  })
})

test('a log that grows meanwhile cuts it short, and nothing is dropped', async () => {
  const write = (): void =>
    own.write({ type: 'mkdir', node: 'ab'.repeat(16), parent: '0'.repeat(32), name: 'd' })
  let isWritten = false
  const holds = (): boolean => {
    if (!isWritten) write()
    isWritten = true
    return true
  }
  const report = await run('current', {
    said: [
      [anna, 'all'],
      [ben, 'current'],
    ],
    connected: [anna],
    holds,
  })
  expect([report.isWhole, ...packed()]).toEqual([false, true, true])
})

test('a damaged chunk that nobody here wants is not looked for any more', async () => {
  const [old = ''] = versions()
  const id = idsOf(old)[0]!
  own.chunks.forget(id, own.chunks.find(id)!)
  expect(own.chunks.damage.chunks).toBe(1)
  await run('current', {
    said: [
      [anna, 'current'],
      [ben, 'current'],
    ],
  })
  expect(own.chunks.damage.chunks).toBe(0)
})
