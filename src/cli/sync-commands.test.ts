import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  deviceId,
  entryHash,
  FakeApi,
  folderId,
  music,
  samplePeer,
  sampleStatus,
  serveFake,
} from '../../test/sync/support/fake-daemon.ts'
import { runCli, type CliRun } from '../../test/sync/support/run-cli.ts'
import { HarpError } from '../base/errors.ts'
import { openHome, sealBackup, type ControlServer } from '../sync/index.ts'

let root: string
let api: FakeApi
let server: ControlServer | undefined

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'harp-cli-')))
  api = new FakeApi()
})
afterEach(() => {
  server?.stop()
  server = undefined
  rmSync(root, { recursive: true, force: true })
})

const harp = (...args: string[]): Promise<CliRun> =>
  runCli(args, { HARP_HOME: join(root, 'home'), HARP_PASSPHRASE: '', HARP_NAME: '' })

async function startDaemon(): Promise<void> {
  const home = openHome({ HARP_HOME: join(root, 'home') })
  home.prepare()
  server = await serveFake(home.placeSocket(), api)
}

/** Standard output has one line with one JSON value, and standard error nothing. */
function jsonOf(run: CliRun): unknown {
  expect(run.err).toBe('')
  expect(run.out.trimEnd().split('\n')).toHaveLength(1)
  return JSON.parse(run.out)
}

describe('without a daemon', () => {
  test.each([
    ['status'],
    ['folder', 'list'],
    ['folder', 'add', '/x'],
    ['folder', 'pause', 'M'],
    ['folder', 'resume', 'M'],
    ['folder', 'remove', 'M'],
    ['folder', 'quota', 'M', '9G'],
    ['invite', 'M'],
    ['join', 'harp-x'],
    ['log', 'x'],
    ['restore', 'x', '--version', 'abcdef'],
    ['deleted', 'M'],
    ['proof', 'x'],
    ['audit'],
    ['peers'],
    ['status', '--watch'],
  ])('harp %s %s is exit 3, in both forms', async (...args) => {
    const text = await harp(...args)
    expect([text.status, text.out]).toEqual([3, ''])
    expect(text.err).toMatch(/^ERROR: .*harp up.*\[SYNC_NOT_RUNNING\]\n$/)

    const json = await harp(...args, '--json')
    expect(json.status).toBe(3)
    expect(jsonOf(json)).toEqual({
      error: {
        code: 'SYNC_NOT_RUNNING',
        message: expect.any(String),
        fix: expect.stringContaining('harp up'),
      },
    })
  })
})

describe('wrong usage is exit 2, in both forms', () => {
  test.each([
    [['nonsense']],
    [['status', '--nonsense']],
    [['folder', 'add']],
    [['folder', 'quota', 'Music']],
    [['folder', 'quota', 'Music', 'all']],
    [['folder', 'list', 'too', 'many']],
    [['restore', 'x']],
    [['restore', 'x', '--version', 'no-hex']],
    [['invite', 'M', '--role', 'owner']],
    [['invite', 'M', '--expires', '24']],
    [['invite', 'M', '--expires', '31d']],
    [['up', '--hashers', 'many']],
    [['up', '--listen', 'here']],
    [['up', '--admin', 'on']],
    [['doctor', 'sync', 'more']],
    [['backup-key']],
    [['verify']],
  ])('harp %j', async (args) => {
    const text = await harp(...args)
    expect([text.status, text.out]).toEqual([2, ''])
    expect(text.err).not.toBe('')

    const json = await harp(...args, '--json')
    expect(json.status).toBe(2)
    expect(jsonOf(json)).toMatchObject({ error: { code: 'SYNC_USAGE', fix: expect.any(String) } })
  })

  test('help that was asked for is no error', async () => {
    const run = await harp('folder', '--help')

    expect(run.status).toBe(0)
    expect(run.out).toContain('resume')
  })
})

describe('the doctor without a daemon', () => {
  const named = (run: CliRun) =>
    Object.fromEntries(
      (jsonOf(run) as { name: string; result: string }[]).map(({ name, result }) => [name, result]),
    )

  test('looks at what there is, and counts a missing device as broken', async () => {
    const run = await harp('doctor', 'sync', '--json')

    expect([run.status, named(run)]).toMatchObject([1, { daemon: 'warning', keys: 'failed' }])
  })

  test('knows whether the keys are safe, and whether there is a backup', async () => {
    await harp('init')
    const file = join(root, 'passphrase')
    writeFileSync(file, 'correct horse')
    expect(named(await harp('doctor', 'sync', '--json'))).toMatchObject({
      'key files': 'ok',
      'key backup': 'warning',
      'disk space': expect.any(String),
    })
    await harp('backup-key', '-o', join(root, 'k'), '--passphrase-file', file)
    chmodSync(join(root, 'home', 'device.json'), 0o644)

    const run = await harp('doctor', 'sync', '--json')
    expect([run.status, named(run)]).toMatchObject([1, { 'key files': 'failed', 'key backup': 'ok' }])
  })
})

describe('init and backup-key', () => {
  test('the device is made once, and the last line is its id', async () => {
    const made = await harp('init', '--name', 'laptop')
    const id = made.out.trimEnd().split('\n').at(-1)
    expect([made.status, made.err]).toEqual([0, ''])
    expect(id).toMatch(/^(?:[A-Z2-7]{7}-){7}[A-Z2-7]{7}$/)

    const again = await harp('init', '--json')
    expect(again.status).toBe(1)
    expect(jsonOf(again)).toMatchObject({ error: { code: 'SYNC_DEVICE_EXISTS' } })
  })

  test('as JSON, with the host name unless a name is given', async () => {
    expect(jsonOf(await harp('init', '--json'))).toEqual({
      device: { id: expect.stringMatching(/^[A-Z2-7-]{63}$/), name: expect.any(String) },
      home: join(root, 'home'),
      restored: false,
    })
  })

  test('a name that would control a terminal is refused, and nothing is made', async () => {
    const run = await harp('init', '--name', 'a\u001b[31m')

    expect([run.status, openHome({ HARP_HOME: join(root, 'home') }).hasDevice]).toEqual([2, false])
  })

  test('a backup makes the same device again elsewhere, with the keys that the daemon told', async () => {
    const made = jsonOf(await harp('init', '--name', 'laptop', '--json')) as { device: object }
    await startDaemon()
    const file = join(root, 'keys.json')
    const secret = join(root, 'passphrase')
    writeFileSync(secret, 'correct horse\nmore\n')

    const backup = await harp('backup-key', '-o', file, '--passphrase-file', secret, '--json')
    expect(jsonOf(backup)).toEqual({ file, folders: 1, complete: true })
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600')
    expect(readFileSync(file, 'utf8')).not.toContain('ef'.repeat(32))

    const elsewhere = { HARP_HOME: join(root, 'new'), HARP_PASSPHRASE: 'correct horse', HARP_NAME: '' }
    const restored = await runCli(['init', '--restore', file, '--json'], elsewhere)
    expect(jsonOf(restored)).toEqual({ device: made.device, home: join(root, 'new'), restored: true })
    expect(openHome(elsewhere).restored?.folders).toMatchObject([{ folder: folderId }])
  })

  test('a wrong passphrase makes nothing', async () => {
    const file = join(root, 'k')
    const device = { name: 'laptop', signingSeed: '5a'.repeat(32), agreementSecret: '6b'.repeat(32) }
    writeFileSync(file, sealBackup({ device, folders: [] }, 'correct horse', 2 ** 10))
    const environment = { HARP_HOME: join(root, 'new'), HARP_PASSPHRASE: 'wrong horse' }

    const run = await runCli(['init', '--restore', file, '--json'], environment)

    expect([run.status, jsonOf(run)]).toMatchObject([1, { error: { code: 'SYNC_BACKUP_PASSPHRASE' } }])
    expect(openHome(environment).hasDevice).toBe(false)
  })

  test('without a daemon it is the device alone, and said', async () => {
    await harp('init')
    const secret = join(root, 'passphrase')
    writeFileSync(secret, 'correct horse')

    const run = await harp('backup-key', '-o', join(root, 'k'), '--passphrase-file', secret)

    expect(run.status).toBe(0)
    expect(run.out).toContain('daemon does not run')
  })

  test.each([
    ['short', 2, 'SYNC_USAGE'],
    [undefined, 1, 'SYNC_FILE'],
  ])('the passphrase file with %j', async (text, status, code) => {
    await harp('init')
    const file = join(root, 'passphrase')
    if (text !== undefined) writeFileSync(file, text)

    const run = await harp('backup-key', '-o', join(root, 'k'), '--passphrase-file', file, '--json')

    expect([run.status, jsonOf(run)]).toMatchObject([status, { error: { code } }])
  })

  test('a backup that is none', async () => {
    const file = join(root, 'k')
    writeFileSync(file, '{}')

    const environment = { HARP_HOME: join(root, 'home'), HARP_PASSPHRASE: 'x' }
    const run = await runCli(['init', '--restore', file, '--json'], environment)

    expect([run.status, jsonOf(run)]).toMatchObject([1, { error: { code: 'SYNC_BACKUP_FORMAT' } }])
  })
})

describe('with a daemon', () => {
  beforeEach(startDaemon)

  test.each([
    [['status'], sampleStatus, ['status', undefined]],
    [['folder', 'list'], [music], ['folders', undefined]],
    [['peers'], [samplePeer], ['peers', undefined]],
    [['folder', 'pause', 'Music'], { ...music, state: 'paused' }, ['pause', { folder: 'Music' }]],
    [
      ['folder', 'resume', 'Music', '--accept-deletions'],
      { ...music, state: 'scanning' },
      ['resume', { folder: 'Music', acceptDeletions: true }],
    ],
    [['folder', 'remove', 'abab'], music, ['remove', { folder: 'abab' }]],
    [
      ['folder', 'quota', 'Music', '1.5G'],
      { ...music, role: 'cache' },
      ['setQuota', { folder: 'Music', quota: 1.5 * 2 ** 30 }],
    ],
    [
      ['folder', 'add', '/nowhere/Music', '--name', ' M ', '--authority', 'self'],
      music,
      ['addFolder', { path: '/nowhere/Music', name: 'M', authority: 'self' }],
    ],
    [
      ['invite', 'Music', '--role', 'read', '--expires', '2h'],
      { code: 'harp-abc', folder: folderId, role: 'write', expires: '2026-01-31T09:05:00.000Z' },
      ['invite', { folder: 'Music', role: 'read', expiresMs: 7_200_000 }],
    ],
    [
      ['join', 'harp-abc', '/nowhere/M'],
      { ...music, role: 'write' },
      ['join', { code: 'harp-abc', path: '/nowhere/M' }],
    ],
    [
      ['restore', '/m/a', '--version', 'ABCDEF12', '--to', '/m/b'],
      { path: '/m/b', version: entryHash, size: 7 },
      ['restore', { path: '/m/a', version: 'abcdef12', to: '/m/b' }],
    ],
  ])('harp %j --json is what the daemon answers', async (args, value, asked) => {
    const run = await harp(...args, '--json')

    expect(run.status).toBe(0)
    expect(jsonOf(run)).toEqual(value)
    expect(api.asked).toEqual([asked])
  })

  test('an error of the daemon is exit 1 with its code', async () => {
    api.fail = new HarpError('SYNC_FOLDER_UNKNOWN', 'there is no folder "X\u001b[2J"', { fix: 'look' })

    const text = await harp('folder', 'pause', 'X')
    expect([text.status, text.err]).toEqual([
      1,
      'ERROR: there is no folder "X [2J". Fix: look [SYNC_FOLDER_UNKNOWN]\n',
    ])
    expect(jsonOf(await harp('folder', 'pause', 'X', '--json'))).toEqual({
      error: { code: 'SYNC_FOLDER_UNKNOWN', message: 'there is no folder "X\u001b[2J"', fix: 'look' },
    })
  })

  test('the last line of an invitation is the code alone', async () => {
    expect((await harp('invite', 'Music')).out).toMatch(/\nharp-abc\n$/)
  })

  test('paths are absolute, with the links above their last part followed', async () => {
    mkdirSync(join(root, 'real'))
    symlinkSync(join(root, 'real'), join(root, 'link'))
    symlinkSync('nowhere', join(root, 'real', 'last'))

    await harp('log', join(root, 'link', 'last'))
    await harp('log', join(root, 'link', 'gone', 'a.txt'))
    await harp('folder', 'add', join(root, 'link'))
    await harp('folder', 'pause', join(root, 'link'))

    expect(api.asked.map(([, request]) => request)).toEqual([
      { path: join(root, 'real', 'last') },
      { path: join(root, 'real', 'gone', 'a.txt') },
      { path: join(root, 'real') },
      { folder: join(root, 'real') },
    ])
  })

  test('the state for people: percent, rate, time left, who is there, what is wrong', async () => {
    const { out } = await harp('status')

    expect(out).toContain(
      'Music  syncing, 75 %, 2.0 KiB/s, 1m 1s left, 12 files, 250 B to get  /home/ann/Music',
    )
    expect(out).toContain('  desktop  connected 192.0.2.7:22783\n  nas      away\n')
    expect(out).toContain('  ! a/b.db: it changes while it is read. Fix: close it [FILE_CHANGES]')
  })

  test('history and deleted things, without what their names could do to a terminal', async () => {
    const log = await harp('log', '/m/a')
    const deleted = await harp('deleted', 'Music')

    expect(log.out).toContain('9c9c9c9c9c9c  2026-01-31T09:05:00.000Z  laptop [31m  5.0 KiB  current\n')
    expect(log.out).toMatch(/abababababab .* concurrent\n$/)
    expect(deleted.out).toMatch(/9c9c9c9c9c9c {2}7 B {3}a\/b\.txt\n.* - {13}- {5}old\/\n$/)
  })

  test('an audit that finds something is exit 1', async () => {
    expect((await harp('audit')).status).toBe(0)
    api.findings = [{ code: 'CHUNK_LOST', path: 'a', message: 'a chunk is missing', fix: '--repair' }]

    const run = await harp('audit', 'Music', '--repair')

    expect([run.status, run.err]).toEqual([1, ''])
    expect(run.out).toContain('a: a chunk is missing')
    expect(api.asked.at(-1)).toEqual(['audit', { folder: 'Music', repair: true }])
  })

  test('the doctor says what is wrong and what to do, and only what failed is exit 1', async () => {
    const ok = { name: 'clock', result: 'ok' as const, message: 'differs by 0 s', fix: null }
    const warning = { name: 'key backup', result: 'warning' as const, message: 'none', fix: 'make one' }
    api.checks = [ok, warning]
    const well = await harp('doctor', 'sync')
    expect([well.status, well.err]).toEqual([0, ''])
    expect(well.out).toBe(
      'Sync\n  ✓ clock: differs by 0 s\n  ! key backup: none\n      → make one\n\nAll is well: 1 ok, 1 to look at.\n',
    )

    api.checks = [ok, { name: 'reachable', result: 'failed', message: 'not here', fix: 'open the port' }]
    const ill = await harp('doctor', 'sync', '--json')
    expect([ill.status, jsonOf(ill)]).toEqual([1, api.checks])
    expect((await harp('doctor', 'sync')).out).toContain('1 broken, 1 ok.')
  })

  test('a proof goes to standard output as it is, or into a file', async () => {
    const bytes = Buffer.from([0xa5, 0, 255, 10, 13])
    api.proofText = bytes.toString('base64')
    const file = join(root, 'p')

    expect((await harp('proof', '/m/a')).out).toBe(bytes.toString('latin1'))
    expect(jsonOf(await harp('proof', '/m/a', '--json'))).toEqual({
      folder: folderId,
      issuer: deviceId,
      bytes: 5,
      proof: api.proofText,
    })
    expect(jsonOf(await harp('proof', '/m/a', '--reveal', '-o', file, '--json'))).toMatchObject({ file })
    expect(readFileSync(file)).toEqual(bytes)
    expect(api.asked.at(-1)).toEqual(['proof', { path: '/m/a', reveal: true }])
  })

  test('watching ends with exit 3 when the daemon does', async () => {
    const watching = harp('status', '--watch', '--json')
    while (api.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    server?.stop()
    const run = await watching

    const lines = run.out.trimEnd().split('\n')
    expect(run.status).toBe(3)
    expect(JSON.parse(lines[0] ?? '')).toEqual(sampleStatus)
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ error: { code: 'SYNC_NOT_RUNNING' } })
  })
})
