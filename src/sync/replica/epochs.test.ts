import { describe, expect, test, vi } from 'vitest'
import { EvilDevice } from '../../../test/sync/support/evil-device.ts'
import { digests, meet, ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { FormatError } from '../format/format-error.ts'
import { limits } from '../format/limits.ts'

// Small, so that a flood needs tens of rekeys and not tens of thousands.
vi.mock('../format/limits.ts', async (original) => {
  const actual = await original<{ limits: object }>()
  return { limits: { ...actual.limits, wraps: 8, bodyBytes: 1_200 } }
})

function rekeys({ replica }: ReplicaDevice): number {
  return replica.log.memberships().filter(({ kind }) => kind === 'rekey').length
}

/** As many epochs that lead to no other, and something written under the first of them. */
function flood(writer: ReplicaDevice, count: number, hearers: readonly ReplicaDevice[]): void {
  const evil = new EvilDevice(writer)
  const keys = Array.from({ length: count }, () => evil.random(32))
  const mkdir = { type: 'mkdir', node: 'ab'.repeat(16), parent: '0'.repeat(32), name: 'flood' } as const
  const contents = keys.map((key) => evil.rekey({ key }))
  const bytes = evil.batch([...contents, evil.operation(mkdir, keys[0])])
  for (const device of hearers) {
    expect(device.receive(bytes)).toMatchObject({ refused: undefined, accepted: { length: count + 1 } })
  }
}

describe('a flood of rekeys, more than an entry can carry', () => {
  test('stops neither revoking nor writing, and new members read at once what was written honestly', () => {
    const [anna, ben] = ReplicaDevice.folder(2, 'write')
    anna!.put('old', 1)
    ben!.hear(anna!)
    flood(ben!, 30, [anna!])
    anna!.put('still', 2)
    anna!.replica.revoke(ben!.id, anna!.tick())
    anna!.put('after', 3)
    expect(rekeys(anna!)).toBe(31)
    const dora = new ReplicaDevice()
    anna!.admit(dora, 'read')
    expect(dora.shown()).toEqual(['after 3', 'old 1', 'still 2'])
    anna!.crash()
    expect(anna!.replica.log.membership.roleOf(ben!.id, anna!.replica.log.heads())).toBeUndefined()
  })

  test('is carried on by the next writes, until all readers have all keys and no new epoch is made', () => {
    const [anna, ben] = ReplicaDevice.folder(2, 'write')
    flood(ben!, 30, [anna!])
    const dora = new ReplicaDevice()
    anna!.admit(dora, 'read')
    expect(dora.replica.closed).toBe(1)
    const made = Array.from({ length: 8 }, (_, index) => {
      anna!.put(`file ${index}`, index)
      return rekeys(anna!) - 30
    })
    expect(made).toEqual([1, 2, 3, 4, 5, 5, 5, 5])
    dora.hear(anna!)
    expect(dora.replica.closed).toBe(0)
    expect(dora.shown()).toContain('flood/')
    expect(digests(anna!, dora)).toHaveLength(1)
  })

  test('before and after honest epochs: each device is served before the rest of the flood', () => {
    const [anna, ben, cleo] = ReplicaDevice.folder(3, 'write')
    flood(ben!, 20, [anna!, cleo!])
    anna!.replica.rekey(anna!.tick())
    anna!.put('a', 1)
    cleo!.replica.rekey(cleo!.tick())
    cleo!.put('c', 2)
    meet(anna!, cleo!)
    flood(ben!, 20, [anna!, cleo!])
    const dora = new ReplicaDevice()
    anna!.admit(dora, 'read')
    expect(dora.shown()).toEqual(['a 1', 'c 2'])
  })

  test('with so many readers that their wraps leave little of the body', () => {
    const all = ReplicaDevice.folder(limits.wraps, 'write')
    const [anna, ben] = all
    flood(ben!, 12, [anna!])
    anna!.replica.rekey(anna!.tick())
    anna!.put('a', 1)
    meet(...all)
    expect(new Set(all.map((device) => device.shown().join()))).toEqual(new Set(['a 1,flood/']))
  })
})

describe('more readers than a new epoch can be wrapped for', () => {
  test('one is revoked all the same: the entry is durable and told, and the next that can makes the epoch', () => {
    const [anna, ben, cleo, ...others] = ReplicaDevice.folder(limits.wraps + 2, 'write')
    const before = anna!.replica.log.size
    expect(anna!.replica.revoke(ben!.id, anna!.tick())).toHaveLength(1)
    expect(() => anna!.put('too early', 1)).toThrow(FormatError)
    anna!.crash()
    expect(anna!.replica.log.size).toBe(before + 1)
    expect(anna!.replica.revoke(cleo!.id, anna!.tick())).toHaveLength(2)
    anna!.put('after', 1)
    for (const device of [ben!, cleo!, ...others]) device.hear(anna!)
    expect([ben!, cleo!].map(({ replica }) => replica.closed)).toEqual([1, 1])
    for (const device of others) expect(device.shown()).toEqual(['after 1'])
  })

  test('what was written on the way to the new epoch is durable: it has been told, and is not written once more', () => {
    const [anna, ...others] = ReplicaDevice.folder(20, 'write')
    for (const [index, other] of others.entries()) other.put(`file ${index}`, index)
    for (const other of others) anna!.hear(other)
    expect(() => anna!.replica.rekey(anna!.tick())).toThrow(FormatError)
    others[0]!.hear(anna!)
    anna!.crash()
    anna!.put('again', 1)
    others[0]!.hear(anna!)
    expect([...others[0]!.replica.log.equivocations()]).toEqual([])
    expect(digests(anna!, others[0]!)).toHaveLength(1)
  })
})
