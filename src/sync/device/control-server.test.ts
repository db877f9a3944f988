import http from 'node:http'
import net from 'node:net'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeApi, folderId, music, sampleStatus, serveFake } from '../../../test/sync/support/fake-daemon.ts'
import { HarpError } from '../../base/errors.ts'
import { silentLogger } from '../../base/logger.ts'
import { ControlClient } from './control-client.ts'
import { ControlServer } from './control-server.ts'

let root: string
let path: string
let api: FakeApi
const servers: ControlServer[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'harp-control-'))
  path = join(root, 'daemon.sock')
  api = new FakeApi()
})
afterEach(() => {
  for (const server of servers.splice(0)) server.stop()
  rmSync(root, { recursive: true, force: true })
})

async function serve(): Promise<ControlClient> {
  servers.push(await serveFake(path, api))
  return new ControlClient(path)
}

async function raw(method: string, url: string, body = ''): Promise<{ status: number; value: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; value: unknown }>()
  const request = http.request({ socketPath: path, method, path: url, agent: false }, (response) => {
    let text = ''
    response.on('data', (chunk: Buffer) => (text += chunk.toString()))
    response.on('end', () => resolve({ status: response.statusCode ?? 0, value: JSON.parse(text) }))
  })
  request.on('error', reject)
  request.end(body)
  return promise
}

test('what the daemon answers arrives, and its request arrived there', async () => {
  const client = await serve()

  expect(await client.call('status')).toEqual(sampleStatus)
  expect(await client.call('folders')).toEqual([music])
  expect(await client.call('resume', { folder: 'Music', acceptDeletions: true })).toMatchObject({
    state: 'scanning',
  })
  expect(api.asked.at(-1)).toEqual(['resume', { folder: 'Music', acceptDeletions: true }])
})

test('the socket is for its owner alone, and goes with the server', async () => {
  await serve()

  expect((statSync(path).mode & 0o777).toString(8)).toBe('600')
  servers.pop()?.stop()
  await expect(new ControlClient(path).call('status')).rejects.toMatchObject({ code: 'SYNC_NOT_RUNNING' })
})

test('a socket that a dead daemon left is replaced, anything else is not', async () => {
  const dead = net.createServer().listen(path)
  await new Promise((resolve) => dead.once('listening', resolve))
  await expect(serve()).resolves.toBeDefined()
  dead.close()

  const file = join(root, 'file')
  writeFileSync(file, 'mine')
  const server = new ControlServer({ path: file, log: silentLogger })
  await expect(server.start()).rejects.toMatchObject({ code: 'SYNC_CONTROL' })
})

test('where nothing listens there is no daemon', async () => {
  for (const each of [path, join(root, 'no/such/place.sock')]) {
    await expect(new ControlClient(each).call('status')).rejects.toMatchObject({ code: 'SYNC_NOT_RUNNING' })
  }
})

test('an error of the daemon arrives with its code and fix; a bug shows nothing of itself', async () => {
  const client = await serve()
  api.fail = new HarpError('SYNC_FOLDER_UNKNOWN', 'no such folder', { fix: 'look' })
  await expect(client.call('pause', { folder: 'x' })).rejects.toMatchObject({
    code: 'SYNC_FOLDER_UNKNOWN',
    message: 'no such folder',
    fix: 'look',
  })

  api.fail = new TypeError('secret thing at 0x12')
  const error: unknown = await client.call('pause', { folder: 'x' }).catch((each: unknown) => each)
  expect(error).toMatchObject({ code: 'SYNC_INTERNAL' })
  expect(String(error)).not.toContain('secret')
})

test.each([
  ['GET', '/', 404],
  ['GET', '/v1/folders', 405],
  ['POST', '/v1/constructor', 404],
  ['POST', '/v1/toString', 404],
  ['PUT', '/v1/status', 405],
])('%s %s is %i', async (method, url, status) => {
  await serve()

  expect(await raw(method, url)).toMatchObject({ status, value: { error: { code: 'SYNC_USAGE' } } })
  expect(api.asked).toEqual([])
})

test('GET and POST of the state both work, as curl would', async () => {
  await serve()

  expect(await raw('GET', '/v1/status')).toEqual({ status: 200, value: sampleStatus })
  expect(await raw('POST', '/v1/status')).toEqual({ status: 200, value: sampleStatus })
})

test.each([
  ['pause', '{'],
  ['pause', '[]'],
  ['pause', '{}'],
  ['pause', '{"folder":""}'],
  ['pause', '{"folder":"M","more":1}'],
  ['addFolder', '{"path":"relative"}'],
  ['addFolder', '{"path":"/a\\u0000b"}'],
  ['addFolder', '{"path":"/a","name":"\\u001b[31m"}'],
  ['invite', '{"folder":"M","role":"owner"}'],
  ['invite', '{"folder":"M","expiresMs":1}'],
  ['restore', '{"path":"/a","version":"xyz"}'],
  ['log', `{"path":"/${'a'.repeat(4_096)}"}`],
])('%s with %s is refused before the daemon sees it', async (method, body) => {
  await serve()

  expect(await raw('POST', `/v1/${method}`, body)).toMatchObject({
    status: 400,
    value: { error: { code: 'SYNC_USAGE' } },
  })
  expect(api.asked).toEqual([])
})

test('a request of one MiB is read, one byte more is refused', async () => {
  await serve()
  const text = JSON.stringify({ folder: 'M' })

  expect(await raw('POST', '/v1/pause', text.padEnd(1_048_576))).toMatchObject({ status: 200 })
  expect(await raw('POST', '/v1/pause', text.padEnd(1_048_577))).toMatchObject({ status: 413 })
})

test('a daemon that is still starting is waited for', async () => {
  const server = new ControlServer({ path, log: silentLogger })
  servers.push(server)
  await server.start()
  expect(await raw('GET', '/v1/status')).toMatchObject({
    status: 503,
    value: { error: { code: 'SYNC_STARTING' } },
  })

  const answer = new ControlClient(path).call('status')
  setTimeout(() => server.serve(api), 30)
  expect(await answer).toEqual(sampleStatus)
})

test('an answer of another version is no answer', async () => {
  const client = await serve()
  api.trustInfo = { folder: folderId } as never

  await expect(client.call('trust', { folder: 'M' })).rejects.toMatchObject({ code: 'SYNC_CONTROL' })
})
