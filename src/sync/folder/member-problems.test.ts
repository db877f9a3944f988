import { beforeEach, describe, expect, test } from 'vitest'
import { meet, ReplicaDevice } from '../../../test/sync/support/replica-device.ts'
import { fakeSuite } from '../../../test/sync/support/fake-suite.ts'
import { revocationGraceMs } from '../replica/fence.ts'
import { fencedWrites, revoked } from './member-problems.ts'
import { Refusals } from './refusals.ts'

const dayMs = 86_400_000
const words = { suite: fakeSuite, nameOf: (device: string) => (device === '' ? undefined : 'l\u001Bptop') }

/** Ben is revoked, writes on without having heard of it, and is met by Anna through Cleo. */
function fenced(): [anna: ReplicaDevice, ben: ReplicaDevice] {
  const [anna, ben, cleo] = ReplicaDevice.folder(3)
  anna!.replica.revoke(ben!.id, anna!.tick())
  for (const device of [anna!, ben!, cleo!]) device.now += 2 * revocationGraceMs
  ben!.put('late', 1)
  cleo!.hear(ben!)
  meet(anna!, cleo!)
  return [anna!, ben!]
}

describe('what a revoked device wrote too late', () => {
  test('is told with its name, for two weeks', () => {
    const [anna] = fenced()
    const [problem, ...more] = fencedWrites(words, anna.replica, anna.now)
    expect(more).toEqual([])
    expect(problem).toMatchObject({ code: 'FOLDER_FENCED_WRITES', path: '' })
    expect(problem!.message).toMatch(/^l.ptop \(\w{7}\) made 1 change after it was revoked/)
    expect(problem!.message).not.toContain('\u001B')
    expect(fencedWrites(words, anna.replica, anna.now + 13 * dayMs)).toHaveLength(1)
    expect(fencedWrites(words, anna.replica, anna.now + 15 * dayMs)).toEqual([])
  })

  test('is told no more when the device is a member again', () => {
    const [anna, ben] = fenced()
    anna.admit(ben, 'read')
    expect(anna.replica.fencedOut).toHaveLength(1)
    expect(fencedWrites(words, anna.replica, anna.now)).toEqual([])
  })

  test('nothing is told where nobody was revoked', () => {
    const [anna] = ReplicaDevice.folder(2)
    expect(fencedWrites(words, anna!.replica, anna!.now)).toEqual([])
  })
})

test('a revocation of this device says who and when, if it is known', () => {
  const [anna] = fenced()
  const [revocation] = anna.replica.log.memberships().filter(({ kind }) => kind === 'revoke')
  expect(revoked(words, { revocation }).message).toMatch(/revoked by l.ptop \(\w{7}\) at \d{4}-.*Z$/)
  expect(revoked({ ...words, nameOf: () => undefined }, { revocation }).message).toMatch(/by device \w{7} at/)
  expect(revoked(words, { revocation: undefined }).message).toMatch(/no member .* any more/)
})

describe('others that take this device for no member', () => {
  const refusals = (): [Refusals, { advance: (ms: number) => void }] => {
    let now = 0
    const clock = { monotonic: () => now, wall: () => now }
    return [new Refusals(words, clock, (device) => device !== revokedSince), { advance: (ms) => (now += ms) }]
  }
  let revokedSince: string | undefined
  beforeEach(() => (revokedSince = undefined))
  const id = (number: number): string => number.toString(16).padStart(64, '0')

  test('are named when they go on saying so, and until they do not', () => {
    const [all, clock] = refusals()
    all.note(id(1))
    expect(all.problems).toEqual([])
    clock.advance(5_000)
    all.note(id(1))
    all.note(id(2))
    expect(all.problems.map(({ code }) => code)).toEqual(['FOLDER_NOT_A_MEMBER'])
    expect(all.problems[0]!.message).toMatch(/^refused by l.ptop \(\w{7}\): /)
    all.clear(id(1))
    expect(all.problems).toEqual([])
  })

  test('are not believed once they are none themselves', () => {
    const [all, clock] = refusals()
    all.note(id(1))
    clock.advance(5_000)
    expect(all.problems.length).toBe(1)
    revokedSince = id(1)
    expect(all.problems).toEqual([])
  })

  test('are forgotten after a while, and are 64 at most', () => {
    const [all, clock] = refusals()
    for (let number = 0; number < 100; number++) all.note(id(number))
    clock.advance(5_000)
    expect(all.problems[0]!.message).toMatch(/\), .*\), .*\) and 61 more: /)
    clock.advance(600_000)
    expect(all.problems).toEqual([])
  })
})
