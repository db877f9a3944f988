import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkKeys, type KeptKeys } from './key-checks.ts'
import { checkRoom, checkThreads, checkWatches } from './machine-checks.ts'
import { checkLoop, checkMulticast } from './multicast-checks.ts'
import { checkFree, checkPorts, type PortFacts } from './port-checks.ts'

let home: string
let server: Server | undefined

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'harp-doctor-'))
})
afterEach(() => {
  server?.close()
  server = undefined
  rmSync(home, { recursive: true, force: true })
})

describe('room on a disk', () => {
  test('enough, or not for what is to come, or the disk is gone', () => {
    expect(checkRoom({ what: 'the home', path: home, needed: 0 }).result).not.toBe('failed')
    expect(checkRoom({ what: 'the home', path: home, needed: 1e18 })).toMatchObject({
      result: 'failed',
      message: expect.stringContaining('are to come'),
    })
    expect(checkRoom({ what: 'M', path: join(home, 'gone'), needed: 0 })).toMatchObject({ result: 'failed' })
  })
})

describe('watches', () => {
  const limits =
    (watches: string, instances = '128') =>
    (path: string) =>
      path.endsWith('max_user_watches') ? watches : instances

  test.each([
    [{ directories: 10, limited: [] }, limits('8192\n'), 'ok'],
    [{ directories: 8_000, limited: [] }, limits('8192\n'), 'warning'],
    [{ directories: 8_192, limited: ['Music'] }, limits('8192\n'), 'failed'],
    [{ directories: 10, limited: [] }, limits('8192', '4'), 'warning'],
    [undefined, limits('8192'), 'ok'],
    [{ directories: 10, limited: [] }, () => undefined, 'ok'],
  ])('%j: %#', (watched, read, result) => {
    expect(checkWatches(watched, read)).toMatchObject({ name: 'watched directories', result })
  })
})

test('threads', () => {
  expect(checkThreads(2, 4).result).toBe('ok')
  expect(checkThreads(8, 4)).toMatchObject({ result: 'warning', fix: expect.stringContaining('--hashers 4') })
})

describe('keys', () => {
  const now = Date.parse('2026-03-01T00:00:00Z')
  const kept = (more: Partial<KeptKeys> = {}): KeptKeys => ({
    path: home,
    hasDevice: true,
    restored: undefined,
    backup: { time: '2026-02-01T00:00:00Z', folders: ['aa'] },
    folders: [{ id: 'aa', name: 'Music' }],
    ...more,
  })
  const results = (more?: Partial<KeptKeys>) => checkKeys(kept(more), now).map(({ result }) => result)

  beforeEach(() => writeFileSync(join(home, 'device.json'), '{}', { mode: 0o600 }))

  test('for their owner alone, with a backup', () => expect(results()).toEqual(['ok', 'ok']))

  test('a key that others may read is a leak, a home that they may look into is none', () => {
    chmodSync(home, 0o755)
    expect(results()[0]).toBe('warning')
    chmodSync(join(home, 'device.json'), 0o640)
    expect(checkKeys(kept(), now)[0]).toMatchObject({
      result: 'failed',
      fix: expect.stringMatching(/^chmod go-rwx /),
    })
  })

  test('no backup, one that is too old, a device that was restored, none at all', () => {
    expect(results({ backup: undefined })).toEqual(['ok', 'warning'])
    const folders = [
      { id: 'aa', name: 'Music' },
      { id: 'bb', name: 'Photos' },
    ]
    expect(checkKeys(kept({ folders }), now)[1]).toMatchObject({
      result: 'warning',
      message: 'a backup of the keys was made 28 days ago, without the keys of Photos',
    })
    expect(results({ restored: { time: '2026-02-01T00:00:00Z', folders: [] } })).toEqual(['ok', 'ok', 'ok'])
    expect(results({ hasDevice: false })).toEqual(['failed'])
  })
})

describe('ports', () => {
  const facts: PortFacts = {
    wanted: { host: '::', port: 22_783 },
    listening: ['[::]:22783'],
    reachable: ['192.0.2.4:22783', '[2001:db8::4]:22783'],
    takenIn: 0,
  }
  const open = async () => undefined

  test.each<[string, Partial<PortFacts>, readonly string[]]>([
    ['all well', {}, ['ok', 'ok']],
    ['listens nowhere', { listening: [], reachable: [] }, ['warning']],
    ['had to take another port', { listening: ['[::]:4711'] }, ['warning', 'ok']],
    ['this machine alone', { reachable: ['127.0.0.1:22783'] }, ['ok', 'warning']],
  ])('%s', async (_what, more, expected) => {
    const checks = await checkPorts({ ...facts, ...more }, open)
    expect(checks.map(({ result }) => result)).toEqual(expected)
  })

  test('some addresses are dead, or all', async () => {
    const half = await checkPorts(facts, async ({ host }) =>
      host.includes(':') ? 'EHOSTUNREACH' : undefined,
    )
    expect(half[1]).toMatchObject({ result: 'warning', message: 'not at [2001:db8::4]:22783 (EHOSTUNREACH)' })
    const none = await checkPorts(facts, async () => 'no answer')
    expect(none[1]).toMatchObject({ name: 'reachable', result: 'failed' })
  })

  test('who reached it from outside is the best proof', async () => {
    const checks = await checkPorts({ ...facts, takenIn: 2 }, open)
    expect(checks[1]?.message).toContain('others have reached it (2 connected now)')
  })

  test('without a daemon: the port is free, or taken', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const taken = createServer().listen(0, '127.0.0.1', () => resolve())
    server = taken
    await promise
    const { port } = taken.address() as { port: number }
    expect(await checkFree({ host: '127.0.0.1', port })).toMatchObject({ result: 'failed' })
    expect(await checkFree({ host: '127.0.0.1', port: 0 })).toMatchObject({ result: 'ok' })
  })
})

describe('discovery', () => {
  const place = { name: 'eth0', address: '192.0.2.4', beaconProblem: undefined, mdnsProblem: undefined }
  const report = { isOn: true, interfaces: [place], problem: undefined, heard: 4, sent: 2 }
  const hears = async () => undefined

  test('works, is off, or has one way of two', async () => {
    expect(await checkMulticast(report, hears)).toMatchObject([{ name: 'multicast', result: 'ok' }])
    expect(await checkMulticast({ ...report, isOn: false }, hears)).toMatchObject([
      { name: 'discovery', result: 'ok' },
    ])
    const half = { ...report, interfaces: [{ ...place, mdnsProblem: 'EADDRINUSE' }] }
    expect((await checkMulticast(half, hears)).map(({ result }) => result)).toEqual(['ok', 'ok'])
  })

  test('does not work, and what is sent is not heard', async () => {
    const problem = { code: 'DISCOVERY_MULTICAST', message: 'refused', fix: 'allow it' }
    expect(await checkMulticast({ ...report, problem }, hears)).toMatchObject([
      { result: 'warning', message: 'refused', fix: 'allow it' },
    ])
    expect(await checkMulticast(report, async () => 'ENODEV')).toMatchObject([
      { name: 'multicast', result: 'warning', message: 'not heard on eth0 (ENODEV)' },
    ])
    expect(await checkLoop([], hears)).toMatchObject({ result: 'warning' })
  })
})
