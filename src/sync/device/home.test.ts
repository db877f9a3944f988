import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nodeSuite } from '../crypto/node-suite.ts'
import { DeviceHome, homePath, openHome } from './home.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'harp-home-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const random = (length: number): Uint8Array => new Uint8Array(length).fill(7)
const code = (text: string) => expect.objectContaining({ code: text })
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

test.each([
  [{ HARP_HOME: '/h', XDG_DATA_HOME: '/x', HOME: '/u' }, '/h'],
  [{ HARP_HOME: '', XDG_DATA_HOME: '/x', HOME: '/u' }, '/x/harp'],
  [{ XDG_DATA_HOME: 'relative', HOME: '/u' }, '/u/.local/share/harp'],
])('the home of %j is %s', (environment, path) => expect(homePath(environment)).toBe(path))

test('looking at a home makes nothing; making the device makes it for its owner alone', () => {
  const path = join(root, 'deep', 'home')
  const home = openHome({ HARP_HOME: path })
  expect([home.hasDevice, home.folders(), home.peers(), existsSync(dirname(path))]).toEqual([
    false,
    [],
    {},
    false,
  ])

  const made = home.createDevice(nodeSuite, random, 'laptop')

  expect([modeOf(path), modeOf(join(path, 'device.json'))]).toEqual(['700', '600'])
  const read = openHome({ HARP_HOME: path }).readDevice(nodeSuite)
  expect([read.deviceId, read.name]).toEqual([made.deviceId, 'laptop'])
})

test('an empty directory becomes private; one that holds other things keeps its mode', () => {
  const [empty, used] = [join(root, 'empty'), join(root, 'used')]
  for (const path of [empty, used]) {
    mkdirSync(path)
    chmodSync(path, 0o755)
  }
  writeFileSync(join(used, 'letter.txt'), 'dear')

  for (const path of [empty, used]) new DeviceHome(path).prepare()

  expect([modeOf(empty), modeOf(used)]).toEqual(['700', '755'])
})

test('a device is never made over another one', () => {
  const home = new DeviceHome(root)
  home.createDevice(nodeSuite, random, 'one')
  const before = readFileSync(join(root, 'device.json'), 'utf8')
  const other = { ...home.readDevice(nodeSuite), name: 'two' }

  expect(() => home.createDevice(nodeSuite, random, 'two')).toThrow(code('SYNC_DEVICE_EXISTS'))
  expect(() => home.restoreDevice(other, { time: '', folders: [] })).toThrow(code('SYNC_DEVICE_EXISTS'))
  expect(readFileSync(join(root, 'device.json'), 'utf8')).toBe(before)
  expect(home.restored).toBeUndefined()
})

test('without a name the device is called like the host', () => {
  expect(new DeviceHome(root).createDevice(nodeSuite, random).name).not.toBe('')
})

test('a home without a device says what to do', () => {
  expect(() => new DeviceHome(root).readDevice(nodeSuite)).toThrow(code('SYNC_NO_DEVICE'))
})

test('a home of a newer version is refused and not changed', () => {
  writeFileSync(join(root, 'format'), '2\n')

  expect(() => openHome({ HARP_HOME: root })).toThrow(code('SYNC_HOME_FORMAT'))
  expect(() => new DeviceHome(root).lock()).toThrow(code('SYNC_HOME_FORMAT'))
  expect(existsSync(join(root, 'daemon.lock'))).toBe(false)
})

test('registry and texts are kept, and what is damaged is named', () => {
  const home = new DeviceHome(root)
  home.prepare()
  const folder = { id: 'ab'.repeat(32), name: 'Music', path: '/m', paused: true }
  home.saveFolders([folder])
  home.savePeers({ ['cd'.repeat(32)]: { name: 'nas', addresses: ['192.0.2.1:1'] } })
  home.textFile('invitations.json').save('text')

  const again = openHome({ HARP_HOME: root })
  expect(again.folders()).toEqual([folder])
  expect(again.peers()).toEqual({ ['cd'.repeat(32)]: { name: 'nas', addresses: ['192.0.2.1:1'] } })
  expect(again.textFile('invitations.json').load()).toBe('text')
  expect(again.textFile('nothing').load()).toBeUndefined()
  expect(again.folderDirectory(folder.id)).toBe(join(root, 'folders', 'ab'.repeat(8)))

  writeFileSync(join(root, 'folders.json'), '[{"id":1}]')
  expect(() => again.folders()).toThrow(code('SYNC_HOME_CORRUPT'))
})

test('the fact that a device was restored stays with its home', () => {
  const device = new DeviceHome(join(root, 'old')).createDevice(nodeSuite, random, 'laptop')
  const home = new DeviceHome(join(root, 'new'))
  const folders = [
    { folder: 'ab'.repeat(32), name: 'M', keys: [{ epoch: 'cd'.repeat(16), key: 'ef'.repeat(32) }] },
  ]

  home.restoreDevice(device, { time: '2026-01-01T00:00:00.000Z', folders })

  expect(home.readDevice(nodeSuite).deviceId).toBe(device.deviceId)
  expect(home.restored?.folders).toEqual(folders)
  expect(new DeviceHome(join(root, 'new')).restored?.folders).toEqual(folders)
})

test('a home that cannot be written is an error with the path', () => {
  const path = join(root, 'file')
  writeFileSync(path, '')

  expect(() => new DeviceHome(join(path, 'home')).prepare()).toThrow(code('SYNC_HOME_IO'))
})

test('one daemon at a time: also between processes, and not longer than the process lives', async () => {
  const home = new DeviceHome(root)
  const url = new URL('./home.ts', import.meta.url).href
  const text = `const { DeviceHome } = await import('${url}')
    globalThis.lock = new DeviceHome(process.argv[1]).lock()
    console.log('locked'); setInterval(() => {}, 1e6)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', text, root], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')

  expect(() => home.lock()).toThrow(code('SYNC_HOME_BUSY'))
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended

  const lock = home.lock()
  expect(() => home.lock()).toThrow(code('SYNC_HOME_BUSY'))
  lock.release()
  home.lock().release()
  expect(modeOf(join(root, 'daemon.lock'))).toBe('600')
})

test('the socket of a home with a long path is in a short directory that the home remembers', () => {
  const runtime = join(root, 'run')
  mkdirSync(runtime)
  const path = join(root, 'x'.repeat(120))
  const home = new DeviceHome(path, runtime)
  home.prepare()

  const placed = home.placeSocket()

  expect(Buffer.byteLength(placed)).toBeLessThanOrEqual(100)
  expect(placed.startsWith(runtime)).toBe(true)
  expect(modeOf(dirname(placed))).toBe('700')
  // A client in another environment finds it all the same, and the next daemon stays there.
  expect([new DeviceHome(path).socketPath, new DeviceHome(path).placeSocket()]).toEqual([placed, placed])
})

test('a short directory that others may write to is not used', () => {
  const runtime = join(root, 'run')
  mkdirSync(runtime)
  const home = new DeviceHome(join(root, 'x'.repeat(120)), runtime)
  home.prepare()
  const trap = dirname(home.placeSocket())
  chmodSync(trap, 0o777)

  const placed = home.placeSocket()

  expect(dirname(placed)).not.toBe(trap)
  expect(modeOf(dirname(placed))).toBe('700')
  rmSync(dirname(placed), { recursive: true })
})

test('no file of the home is ever half: what a crash leaves is not taken for it', () => {
  const home = new DeviceHome(root)
  home.prepare()
  home.saveFolders([])
  writeFileSync(join(root, 'folders.json.new'), '[{"id":')

  expect(home.folders()).toEqual([])
  home.saveFolders([{ id: 'ab'.repeat(32), name: 'M', path: '/m', paused: false }])
  expect(home.folders()).toHaveLength(1)
  expect(execFileSync('ls', [root], { encoding: 'utf8' })).not.toContain('.new')
})
