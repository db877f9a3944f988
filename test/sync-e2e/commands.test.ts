import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Device, type Answer } from './support/device.ts'
import { write } from './support/files.ts'
import { folderName, newPlace, Pair } from './support/pair.ts'
import { snapshot } from './support/tree-snapshot.ts'

const folderShape = { id: 'string', name: 'string', path: 'string', role: 'string', state: 'string' }
const auditShape = {
  folder: 'string',
  name: 'string',
  entries: 'number',
  files: 'number',
  chunks: 'number',
  findings: [],
  repaired: 'number',
}

describe('answers in JSON, as docs/spec/cli.md has them', () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await Pair.start({ prepare: (root) => write(root, 'a.txt', 'a') })
    await pair.converge((tree) => 'a.txt' in tree)
  })

  afterAll(() => pair.dispose())

  it('of status', async () => {
    const { json } = await answer('status')
    expect(shape(json)).toEqual({
      device: { id: 'string', name: 'string' },
      listening: ['string'],
      discovery: { enabled: 'boolean', interfaces: [], errors: [] },
      folders: [
        {
          ...folderShape,
          files: 'number',
          bytes: 'number',
          needFiles: 'number',
          needBytes: 'number',
          rate: 'number',
          etaSeconds: 'number',
          activity: 'string',
          cache: 'null',
          errors: [],
          peers: [{ id: 'string', name: 'string', connected: 'boolean', address: 'string', path: 'string' }],
        },
      ],
    })
  })

  it('of folders: add, list, pause, resume, remove', async () => {
    const path = join(pair.ann.place, 'second')
    expect(shape((await answer('folder', 'add', path, '--authority', 'self')).json)).toEqual(folderShape)
    expect(statSync(path).isDirectory()).toBe(true)
    expect(shape((await answer('folder', 'list')).json)).toEqual([folderShape])
    expect((await answer('folder', 'pause', 'second')).json).toMatchObject({ state: 'paused' })
    expect(shape((await answer('folder', 'resume', path)).json)).toEqual(folderShape)
    expect(shape((await answer('folder', 'remove', 'second')).json)).toEqual(folderShape)
    expect(((await answer('folder', 'list')).json as unknown[]).length).toBe(1)
  })

  it('of invitations, logs, what is deleted, proofs and audits', async () => {
    const path = join(pair.annRoot, 'a.txt')
    const invite = (await answer('invite', folderName)).json as { expires: string }
    expect(shape(invite)).toEqual({ code: 'string', folder: 'string', role: 'string', expires: 'string' })
    expect(invite.expires).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(shape((await answer('log', path)).json)).toEqual([
      {
        version: 'string',
        device: 'string',
        deviceName: 'string',
        time: 'string',
        size: 'number',
        concurrent: 'boolean',
        current: 'boolean',
        final: 'boolean',
        deleted: 'boolean',
      },
    ])
    expect((await answer('deleted', folderName)).json).toEqual([])
    expect(shape((await answer('proof', path)).json)).toEqual({
      folder: 'string',
      issuer: 'string',
      bytes: 'number',
      proof: 'string',
    })
    expect(shape((await answer('audit')).json)).toEqual([auditShape])
    expect(shape((await answer('audit', folderName, '--repair')).json)).toEqual([auditShape])
  })

  it('of a watched status: a value a line', async () => {
    const shown = Promise.withResolvers<void>()
    const watching = pair.ann.run(['status', '--watch', '--json'], {
      onOutput: (text) => text.split('\n').length > 3 && shown.resolve(),
    })
    await shown.promise
    await pair.ann.stop()
    const { code, stdout } = await watching
    expect(code).toBe(3)
    const values = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(values.length).toBeGreaterThan(2)
    expect(values[0]).toHaveProperty('folders')
    expect(values.at(-1)).toHaveProperty('error.code', 'SYNC_NOT_RUNNING')
    await pair.ann.up()
  })

  it('of errors, with the exit codes', async () => {
    for (const [args, exit, code] of [
      [['frobnicate'], 2, undefined],
      [['log'], 2, undefined],
      [['invite', folderName, '--expires', 'soon', '--json'], 2, 'SYNC_USAGE'],
      [['folder', 'pause', 'unknown', '--json'], 1, 'SYNC_FOLDER_UNKNOWN'],
      [['folder', 'add', join(pair.annRoot, 'inner'), '--json'], 1, 'SYNC_FOLDER_PLACE'],
      [['init', '--json'], 1, 'SYNC_DEVICE_EXISTS'],
    ] as const) {
      const result = await pair.ann.cli(...args)
      expect([args, result.code]).toEqual([args, exit])
      if (code === undefined) continue
      expect(shape(result.json)).toEqual({ error: { code: 'string', message: 'string', fix: 'string' } })
      expect([errorOf(result), result.stderr]).toEqual([code, ''])
    }
    const text = await pair.ann.cli('folder', 'pause', 'unknown')
    expect([text.code, text.stdout]).toEqual([1, ''])
    expect(text.stderr).toMatch(/^ERROR: .*\. Fix: .* \[SYNC_FOLDER_UNKNOWN\]\n$/)
  })

  async function answer(...args: string[]): Promise<Answer> {
    const result = await pair.ann.cli(...args, '--json')
    expect([result.code, result.stderr]).toEqual([0, ''])
    expect(result.stdout.trim().split('\n')).toHaveLength(1)
    return result
  }
})

describe('a home', () => {
  const place = newPlace()
  const devices: Device[] = []

  afterAll(async () => {
    await Promise.all(devices.map((device) => device.dispose()))
    rmSync(place, { recursive: true, force: true })
  })

  function device(name: string): Device {
    const made = new Device({ name, place })
    devices.push(made)
    return made
  }

  it('is private, and has one device', async () => {
    const one = device('one')
    const { stdout, code } = await one.cli('init', '--name', 'First')
    expect(code).toBe(0)
    expect(stdout.trim().split('\n').at(-1)).toMatch(/^([A-Z2-7]{7}-){7}[A-Z2-7]{7}$/)
    expect(statSync(one.home).mode & 0o777).toBe(0o700)
    expect(statSync(join(one.home, 'device.json')).mode & 0o777).toBe(0o600)
    const keys = readFileSync(join(one.home, 'device.json'))
    expect(await one.cli('init')).toMatchObject({ code: 1 })
    expect(readFileSync(join(one.home, 'device.json'))).toEqual(keys)
    expect(readFileSync(join(one.home, 'format'), 'utf8').trim()).toBe('1')
  })

  it('without a daemon is answered with exit code 3, without a device with 1', async () => {
    const one = device('one')
    expect(await one.cli('status', '--json')).toMatchObject({
      code: 3,
      json: { error: { code: 'SYNC_NOT_RUNNING' } },
    })
    const empty = device('empty')
    expect(await empty.cli('up', '--json')).toMatchObject({
      code: 1,
      json: { error: { code: 'SYNC_NO_DEVICE' } },
    })
  })

  it('has one daemon; after kill -9 another begins at once', async () => {
    const one = device('one')
    const first = await one.up()
    expect(first).toMatch(/^harp is up: device ([A-Z2-7]{7}-){7}[A-Z2-7]{7}, listening on 127\.0\.0\.1:\d+$/)
    expect(statSync(join(one.home, 'daemon.sock')).mode & 0o777).toBe(0o600)
    const second = await one.cli('up', '--listen', '127.0.0.1:0', '--json')
    expect(second).toMatchObject({ code: 1, json: { error: { code: 'SYNC_HOME_BUSY' } } })
    await one.kill9()
    await one.up()
    expect(await one.stop()).toEqual({ code: 0, signal: null })
  })

  it('comes back from a backup as the same device, which joins again', async () => {
    const ann = device('ann')
    const bob = device('bob')
    await Promise.all([ann, bob].map((each) => each.init().then(() => each.up())))
    const root = join(ann.place, folderName)
    write(root, 'kept/by ann.txt', 'kept')
    await ann.api.call('addFolder', { path: root })
    const first = await ann.api.call('invite', { folder: folderName })
    const theirs = join(bob.place, folderName)
    await bob.api.call('join', { code: first.code, path: theirs })
    await expect.poll(() => Object.keys(snapshot(theirs)), { timeout: 30_000 }).toContain('kept/by ann.txt')
    write(theirs, 'by bob.txt', 'before the loss')
    await expect.poll(() => Object.keys(snapshot(root)), { timeout: 30_000 }).toContain('by bob.txt')

    const passphrase = join(place, 'passphrase')
    writeFileSync(passphrase, 'correct horse\n')
    const backup = join(place, 'bob.backup')
    const made = await bob.cli('backup-key', '-o', backup, '--passphrase-file', passphrase, '--json')
    expect(made).toMatchObject({ code: 0, json: { file: backup, folders: 1, complete: true } })
    expect(statSync(backup).mode & 0o777).toBe(0o600)
    const { device: before } = await bob.status()
    await bob.kill9()
    rmSync(bob.home, { recursive: true })
    rmSync(theirs, { recursive: true })

    writeFileSync(join(place, 'wrong'), 'incorrect horse\n')
    const wrong = await bob.cli(
      'init',
      '--restore',
      backup,
      '--passphrase-file',
      join(place, 'wrong'),
      '--json',
    )
    expect(wrong).toMatchObject({ code: 1, json: { error: { code: 'SYNC_BACKUP_PASSPHRASE' } } })
    const restored = await bob.run(['init', '--restore', backup, '--json'], {
      environment: { HARP_PASSPHRASE: 'correct horse' },
    })
    expect(restored).toMatchObject({ code: 0, json: { device: before, restored: true } })
    await bob.up()
    const second = await ann.api.call('invite', { folder: folderName })
    mkdirSync(theirs)
    await bob.api.call('join', { code: second.code, path: theirs })
    await expect
      .poll(() => Object.keys(snapshot(theirs)), { timeout: 30_000 })
      .toEqual(['by bob.txt', 'kept', 'kept/by ann.txt'])
    write(theirs, 'after.txt', 'written by the restored device')
    await expect.poll(() => Object.keys(snapshot(root)), { timeout: 30_000 }).toContain('after.txt')
    for (const each of [ann, bob]) {
      const status = await each.until(folderName, 'idle', ({ state }) => state === 'idle')
      expect(status.errors).toEqual([])
    }
    expect(readdirSync(bob.home)).toContain('device.json')
  })
})

/** Names and types all the way down; of an array those of its first thing. */
function shape(value: unknown): unknown {
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.slice(0, 1).map((thing) => shape(thing))
  if (typeof value !== 'object') return typeof value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shape(inner)]))
}

function errorOf({ json }: Answer): string | undefined {
  return (json as { error?: { code: string } } | undefined)?.error?.code
}
