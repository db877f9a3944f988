import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blake3 } from '@noble/hashes/blake3.js'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { FakeApi, serveFake } from '../../test/sync/support/fake-daemon.ts'
import { ReplicaDevice } from '../../test/sync/support/replica-device.ts'
import { runCli, type CliRun } from '../../test/sync/support/run-cli.ts'
import { deviceText, nodeSuite, openHome, putFile, toHex, type ControlServer } from '../sync/index.ts'

let root: string
let laptop: ReplicaDevice
let server: ControlServer | undefined
const api = new FakeApi()
const at = (name: string): string => join(root, name)
const idOf = (device: ReplicaDevice): string => deviceText(nodeSuite, device.id)

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'harp-verify-'))
  laptop = new ReplicaDevice(nodeSuite).found('peer')
  for (const text of ['one', 'two', 'three']) save('list.txt', text)
  for (const reveal of ['none', 'all'] as const) {
    const nodes = laptop.replica.view.at(['list.txt'])?.nodes ?? []
    writeFileSync(at(`${reveal}.proof`), laptop.replica.proveHistory({ nodes, reveal }, laptop.tick()))
  }
})
afterAll(() => rmSync(root, { recursive: true, force: true }))
afterEach(() => {
  server?.stop()
  server = undefined
  api.fail = undefined
})

function save(path: string, text: string): void {
  const bytes = new TextEncoder().encode(text)
  const content = {
    manifest: new Uint8Array(1),
    size: bytes.length,
    mtime: { seconds: 1_769_850_300, nanos: 0 },
    exec: false,
    hash: toHex(blake3(bytes)),
  }
  const planned = putFile(laptop.replica.view, [path], content, (length) => new Uint8Array(length).fill(9))
  if (typeof planned === 'string') throw new Error(planned)
  laptop.write(...planned)
}

const verify = (...args: string[]): Promise<CliRun> => runCli(['verify', ...args], { HARP_HOME: at('home') })
const trusted = (): string[] => ['--folder', laptop.replica.folderId, '--trust', idOf(laptop)]

async function serveTrust(devices: { id: string; name: string }[], authority: string | null = null) {
  const home = openHome({ HARP_HOME: at('home') })
  home.prepare()
  api.trustInfo = { folder: laptop.replica.folderId, name: 'Music', devices, authority }
  server = await serveFake(home.placeSocket(), api)
}

test('somebody who was told a folder and a device learns all versions and their order, and no more', async () => {
  const run = await verify('--proof', at('none.proof'), ...trusted(), '--json')

  expect([run.status, run.err]).toEqual([0, ''])
  expect(JSON.parse(run.out)).toMatchObject({
    folder: laptop.replica.folderId,
    issuer: idOf(laptop),
    issuerName: null,
    final: false,
    versions: laptop.versions('list.txt').map((version, index) => ({
      number: index + 1,
      version,
      device: idOf(laptop),
      head: index === 2,
      revealed: null,
    })),
    content: null,
  })
})

test('revealed it tells names, sizes and times, and which version a file at hand is', async () => {
  writeFileSync(at('mine'), 'two')

  const run = await verify('--proof', at('all.proof'), ...trusted(), '--content', at('mine'), '--json')

  expect(JSON.parse(run.out)).toMatchObject({
    versions: [{}, { revealed: { name: 'list.txt', size: 3, modified: '2026-01-31T09:05:00.000Z' } }, {}],
    content: { numbers: [2] },
  })
  const text = await verify('--proof', at('all.proof'), ...trusted(), '--content', at('mine'))
  expect(text.out).toContain('The content at hand is version 2, byte for byte.')
})

test('the hex forms of ids are taken, and several devices', async () => {
  const other = new ReplicaDevice(nodeSuite)
  const args = ['--folder', laptop.replica.folderId.toUpperCase(), '--trust', other.id, laptop.id]

  expect((await verify('--proof', at('none.proof'), ...args)).status).toBe(0)
  expect((await verify(...args, '--trust', other.id, '--proof', at('none.proof'))).status).toBe(0)
})

test.each(['all', 'none'])('a proof %s in base64 or JSON is the same proof', async (name) => {
  const { readFileSync } = await import('node:fs')
  const base64 = readFileSync(at(`${name}.proof`)).toString('base64')
  for (const text of [
    `${base64}\n`,
    base64.replaceAll(/(.{64})/g, '$1\n'),
    JSON.stringify({ proof: base64 }),
  ]) {
    writeFileSync(at('text'), text)
    expect((await verify('--proof', at('text'), ...trusted())).status).toBe(0)
  }
})

test('a file that is none of the versions is exit 1, and so is any with a sealed proof', async () => {
  writeFileSync(at('other'), 'four')
  writeFileSync(at('mine'), 'two')

  const wrong = await verify('--proof', at('all.proof'), ...trusted(), '--content', at('other'), '--json')
  const sealed = await verify('--proof', at('none.proof'), ...trusted(), '--content', at('mine'), '--json')

  for (const run of [wrong, sealed]) {
    expect([run.status, JSON.parse(run.out)]).toMatchObject([1, { error: { code: 'SYNC_PROOF_CONTENT' } }])
  }
})

test('a changed proof, another folder and a device that nobody trusts are refused with the reason', async () => {
  const { readFileSync } = await import('node:fs')
  const changed = readFileSync(at('none.proof'))
  const place = changed.length - 20
  changed[place] = (changed[place] ?? 0) ^ 1
  writeFileSync(at('changed'), changed)
  writeFileSync(at('garbage'), 'no proof at all')
  const stranger = new ReplicaDevice(nodeSuite)
  const cases = [
    [['--proof', at('changed'), ...trusted()], 'not-in-map'],
    [['--proof', at('garbage'), ...trusted()], 'malformed'],
    [['--proof', at('none.proof'), '--folder', 'ab'.repeat(32), '--trust', laptop.id], 'other-folder'],
    [
      ['--proof', at('none.proof'), '--folder', laptop.replica.folderId, '--trust', stranger.id],
      'untrusted-issuer',
    ],
  ] as const
  for (const [args, reason] of cases) {
    const run = await verify(...args, '--json')
    expect([run.status, JSON.parse(run.out)]).toMatchObject([
      1,
      { error: { code: 'SYNC_PROOF_REFUSED', reason } },
    ])
  }
})

test.each([
  [[]],
  [['--trust', 'nobody']],
  [['--folder', 'ab'.repeat(32)]],
  [['--folder', 'Music', '--trust', 'nobody']],
])('without a trust root it is exit 2: %j', async (args) => {
  const run = await verify(...args, '--proof', at('none.proof'), '--json')

  expect([run.status, JSON.parse(run.out)]).toMatchObject([2, { error: { code: 'SYNC_NO_TRUST' } }])
})

test('the daemon of this home tells its members, their names and the authority', async () => {
  await serveTrust([{ id: idOf(laptop), name: 'laptop' }], idOf(laptop))

  const run = await verify('--proof', at('none.proof'), '--json')

  expect(JSON.parse(run.out)).toMatchObject({
    issuerName: 'laptop',
    final: true,
    versions: [{ deviceName: 'laptop' }, {}, {}],
  })
  expect(api.asked.at(-1)).toEqual(['trust', { folder: laptop.replica.folderId }])
})

test('a proof about a folder that is none of ours has no trust root here; of a stranger it is refused', async () => {
  const { HarpError } = await import('../base/errors.ts')
  await serveTrust([{ id: 'ab'.repeat(32), name: 'other' }])
  expect((await verify('--proof', at('none.proof'))).status).toBe(1)

  api.fail = new HarpError('SYNC_FOLDER_UNKNOWN', 'no')
  expect((await verify('--proof', at('none.proof'))).status).toBe(2)
})

test('names of the home are taken for folder and devices', async () => {
  const home = openHome({ HARP_HOME: at('home') })
  home.prepare()
  home.saveFolders([{ id: laptop.replica.folderId, name: 'Music', path: '/m', paused: false }])
  home.savePeers({ [laptop.id]: { name: 'the laptop', addresses: [] } })

  const run = await verify(
    '--proof',
    at('none.proof'),
    '--folder',
    'Music',
    '--trust',
    'the laptop',
    '--json',
  )

  expect(JSON.parse(run.out)).toMatchObject({ issuerName: 'the laptop' })
})

test('files that cannot be read', async () => {
  const missing = await verify('--proof', at('missing'), ...trusted(), '--json')
  const noContent = await verify('--proof', at('all.proof'), ...trusted(), '--content', root, '--json')

  for (const run of [missing, noContent]) {
    expect([run.status, JSON.parse(run.out)]).toMatchObject([1, { error: { code: 'SYNC_FILE' } }])
  }
})
