import { describe, expect, test } from 'vitest'
import { checkAuthorities, checkClock, checkContent, checkFolders, checkRoles } from './folder-checks.ts'
import type { AuthorityFacts, FolderFacts } from './folder-facts.ts'

const folder: FolderFacts = {
  name: 'Music',
  root: '/m',
  isPaused: false,
  isBlocked: false,
  needBytes: 0,
  directories: 3,
  damaged: 0,
  problems: [],
  isRevoked: false,
  forked: [],
  isForked: false,
  held: 0,
  waiting: 0,
  authority: undefined,
}
const authority: AuthorityFacts = { name: 'nas', isSelf: false, isConnected: false, statedAt: 0, open: 3 }
const problem = { code: 'FOLDER_DISK_MISSING', path: '', message: 'the disk is gone', fix: 'mount it' }

test('folders that go on, one that is paused, one that is blocked, one that cannot be opened', () => {
  expect(checkFolders([folder, { ...folder, name: 'Old', isPaused: true }], [])).toMatchObject([
    { name: 'folders', result: 'ok', message: '2 open; paused: Old' },
  ])
  const blocked = { ...folder, isBlocked: true, problems: [problem] }
  expect(checkFolders([blocked], [{ name: 'B', message: 'no store', fix: 'look' }])).toMatchObject([
    { result: 'failed', message: 'B: no store', fix: 'look' },
    { result: 'failed', message: 'Music: the disk is gone', fix: 'mount it' },
  ])
})

test('what is damaged is broken until it is healed', () => {
  expect(checkContent([folder])).toMatchObject([{ name: 'content', result: 'ok' }])
  expect(checkContent([folder, { ...folder, damaged: 2 }])).toMatchObject([
    { result: 'failed', message: expect.stringContaining('Music: 2 chunks or files are damaged') },
  ])
})

describe('roles', () => {
  test('nothing to say', () => expect(checkRoles([folder])).toMatchObject([{ result: 'ok' }]))

  test.each<[string, Partial<FolderFacts>, string, string]>([
    ['this device was revoked', { isRevoked: true, isBlocked: true }, 'failed', 'was revoked in Music'],
    ['this device was copied', { isForked: true }, 'failed', 'two histories of this device'],
    ['another was copied', { forked: ['nas'] }, 'warning', 'exist of nas'],
    ['changes wait', { waiting: 2 }, 'warning', '2 changes wait'],
  ])('%s', (_what, facts, result, text) => {
    const checks = checkRoles([{ ...folder, ...facts }])
    expect(checks).toMatchObject([{ name: 'roles', result, message: expect.stringContaining(text) }])
  })
})

describe('the authority', () => {
  const now = 100_000
  const of = (facts: Partial<AuthorityFacts>, time = now) =>
    checkAuthorities([folder, { ...folder, authority: { ...authority, ...facts } }], time)

  test.each<[string, Partial<AuthorityFacts>, number, string]>([
    ['is this device', { isSelf: true }, now, 'ok'],
    ['is connected', { isConnected: true }, now, 'ok'],
    ['is away, and nothing waits for it', { open: 0 }, 1e12, 'ok'],
    ['is away for a while', {}, now, 'warning'],
    ['is away for days', {}, 200_000_000, 'failed'],
    ['never said a thing', { statedAt: undefined }, now, 'failed'],
  ])('%s', (_what, facts, time, result) => {
    expect(of(facts, time)).toMatchObject([{ name: 'authority', result }])
  })

  test('was restored and waits for its owner', () => {
    const restored = { code: 'SYNC_AUTHORITY_RESTORED', path: '', message: 'restored', fix: 'resume' }
    const checks = checkAuthorities([{ ...folder, authority, problems: [restored] }], now)
    expect(checks).toMatchObject([{ result: 'failed', fix: 'resume' }])
  })
})

describe('the clock', () => {
  test.each<[string, readonly number[], number, readonly [string, string][]]>([
    ['nobody to compare with', [], 0, [['ok', 'no other device']]],
    ['all agree', [-300, 900], 0, [['ok', 'differs by 1 s']]],
    ['one is off', [0, 90_000], 0, [['warning', 'd1 is 90 s ahead']]],
    ['one is far off', [0, -7_200_000], 0, [['failed', 'd1 is 2 hours behind']]],
    ['it is this device', [400_000, 400_100], 0, [['failed', 'this device is 7 minutes behind']]],
    ['changes are held back', [0], 4, [['failed', '4 changes are held back']]],
  ])('%s', (_what, ahead, held, expected) => {
    const clocks = ahead.map((aheadMs, index) => ({ name: `d${index}`, aheadMs }))
    const checks = checkClock(clocks, [{ ...folder, held }])
    expect(checks).toMatchObject(
      expected.map(([result, text]) => ({ name: 'clock', result, message: expect.stringContaining(text) })),
    )
  })

  test('one other device is one', () => {
    const [check] = checkClock([{ name: 'nas', aheadMs: 0 }], [])
    expect(check?.message).toMatch(/from 1 other device$/)
  })
})
