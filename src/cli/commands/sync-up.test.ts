import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeApi, sampleStatus } from '../../../test/sync/support/fake-daemon.ts'
import { HarpError } from '../../base/errors.ts'
import { ControlClient, nodeSuite, openHome, type StartDaemon } from '../../sync/index.ts'
import { runUp, type UpOptions } from './sync-up.ts'

let root: string
let out: string[]
let err: string[]
const usual: UpOptions = { flags: {}, json: false, jsonLog: false, version: '1' }

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'harp-up-'))
  out = []
  err = []
  vi.stubEnv('HARP_HOME', root)
  vi.spyOn(console, 'log').mockImplementation((line: string) => out.push(line))
  vi.spyOn(console, 'error').mockImplementation((line: string) => err.push(line))
  process.exitCode = undefined
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  process.exitCode = undefined
  rmSync(root, { recursive: true, force: true })
})

const home = () => openHome({ HARP_HOME: root })
const random = (length: number): Uint8Array => new Uint8Array(length).fill(3)

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** A daemon that says when it was stopped. */
function stand(stop: () => Promise<void> = async () => {}) {
  const stopped = vi.fn<() => Promise<void>>(stop)
  const start: StartDaemon = async ({ log }) => {
    log.info({ folder: 'M\u001b[2J' }, 'a folder is open')
    return { api: new FakeApi(), listening: ['127.0.0.1:1', '[::1]:1'], stop: stopped }
  }
  return { start, stopped }
}

test('it says when it serves, answers commands, and ends cleanly with the first signal', async () => {
  home().createDevice(nodeSuite, random, 'laptop')
  const { start, stopped } = stand()

  const running = runUp(usual, start)
  await until(() => out.length > 0)
  expect(out).toEqual([
    expect.stringMatching(/^harp is up: device [A-Z2-7-]{63}, listening on 127\.0\.0\.1:1, \[::1\]:1$/),
  ])
  expect(err.join('')).toMatch(/^\S+Z info a folder is open folder=M \[2J$/)
  expect(await new ControlClient(home().socketPath).call('status')).toEqual(sampleStatus)
  process.emit('SIGTERM')
  await running

  expect([stopped.mock.calls.length, process.exitCode]).toEqual([1, undefined])
  expect(existsSync(home().socketPath)).toBe(false)
  home().lock().release()
  expect(process.listenerCount('SIGTERM')).toBe(0)
})

test('as JSON: one value, then nothing but the log', async () => {
  home().createDevice(nodeSuite, random, 'laptop')

  const running = runUp({ ...usual, json: true, jsonLog: true }, stand().start)
  await until(() => out.length > 0)
  process.emit('SIGINT')
  await running

  expect(out.map((line) => JSON.parse(line))).toEqual([
    { device: { id: expect.any(String), name: 'laptop' }, listening: ['127.0.0.1:1', '[::1]:1'], home: root },
  ])
  expect(JSON.parse(err[0] ?? '')).toMatchObject({ msg: 'a folder is open' })
})

test('a second signal ends it at once, while a stop hangs', async () => {
  home().createDevice(nodeSuite, random, 'laptop')
  const { start, stopped } = stand(() => new Promise(() => {}))

  const running = runUp(usual, start)
  await until(() => out.length > 0)
  process.emit('SIGINT')
  await until(() => stopped.mock.calls.length > 0)
  process.emit('SIGINT')
  await running

  expect(process.exitCode).toBe(1)
})

test('a second signal ends it at once, while the start hangs', async () => {
  home().createDevice(nodeSuite, random, 'laptop')
  const start = vi.fn<StartDaemon>(async () => new Promise(() => {}))

  const running = runUp(usual, start)
  await until(() => start.mock.calls.length > 0)
  process.emit('SIGINT')
  process.emit('SIGINT')
  await running

  expect([out, process.exitCode]).toEqual([[], 1])
})

test('a second daemon on one home is refused and does not disturb the first', async () => {
  home().createDevice(nodeSuite, random, 'laptop')
  const running = runUp(usual, stand().start)
  await until(() => out.length > 0)

  await expect(runUp(usual, stand().start)).rejects.toMatchObject({ code: 'SYNC_HOME_BUSY' })
  expect(await new ControlClient(home().socketPath).call('status')).toEqual(sampleStatus)
  process.emit('SIGTERM')
  await running
})

test('without a device there is nothing to start', async () => {
  await expect(runUp(usual, stand().start)).rejects.toMatchObject({ code: 'SYNC_NO_DEVICE' })
})

test('a daemon that cannot start leaves neither socket nor lock', async () => {
  home().createDevice(nodeSuite, random, 'laptop')
  const start: StartDaemon = async () => {
    throw new HarpError('LINK_LISTEN', 'the port is taken')
  }

  await expect(runUp(usual, start)).rejects.toMatchObject({ code: 'LINK_LISTEN' })
  expect(existsSync(home().socketPath)).toBe(false)
  home().lock().release()
})
