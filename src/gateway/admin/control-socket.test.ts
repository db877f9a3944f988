import { linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../base/logger.ts'
import { ControlClient } from './control-client.ts'
import { ControlSocket, controlSocketPath } from './control-socket.ts'
import { jsonAnswer, type OperatorHandler } from '../../net/operator-server.ts'

let directory = ''
const sockets: ControlSocket[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'harp-control-'))
})
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.stop()
  rmSync(directory, { recursive: true, force: true })
})

const nobodyBanned: OperatorHandler = () => jsonAnswer(200, { bans: [] })

function make(stateDir: string, handle: OperatorHandler = nobodyBanned): ControlSocket {
  const socket = new ControlSocket({ stateDir, handle, log: silentLogger })
  sockets.push(socket)
  return socket
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777
}

/** What a gateway leaves that was killed: a socket file that nobody listens on. */
async function leaveStaleSocket(stateDir: string): Promise<void> {
  const server = net.createServer()
  const path = controlSocketPath(stateDir)
  await new Promise<void>((resolve) => {
    server.listen(`${path}.first`, resolve)
  })
  // NOTE: closing removes the name that was listened on; a second name stays, as after a kill.
  linkSync(`${path}.first`, path)
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
}

test('directory and socket are for the owner alone, whatever the umask', async () => {
  const stateDir = join(directory, 'a', 'state')
  const before = process.umask(0)
  try {
    await make(stateDir).start()

    expect(process.umask(0)).toBe(0)
  } finally {
    process.umask(before)
  }
  expect(modeOf(stateDir)).toBe(0o700)
  expect(modeOf(controlSocketPath(stateDir))).toBe(0o600)
})

test('a call through the socket reaches the handler', async () => {
  await make(directory, ({ method, path }) =>
    jsonAnswer(200, { lifted: `${method} ${decodeURIComponent(path)}` }),
  ).start()

  const reply = await new ControlClient(directory).lift('2001:db8::/64')

  expect(reply).toEqual({ kind: 'ok', value: 'DELETE /bans/2001:db8::/64' })
})

test('a second gateway in the same directory is refused and the first one goes on', async () => {
  await make(directory).start()

  await expect(make(directory).start()).rejects.toMatchObject({ code: 'CONTROL_SOCKET_BUSY' })

  expect(await new ControlClient(directory).bans()).toEqual({ kind: 'ok', value: [] })
})

test('the socket of a dead gateway is replaced', async () => {
  await leaveStaleSocket(directory)
  expect(await new ControlClient(directory).bans()).toMatchObject({ kind: 'not-running' })

  await make(directory).start()

  expect(await new ControlClient(directory).bans()).toEqual({ kind: 'ok', value: [] })
  expect(modeOf(controlSocketPath(directory))).toBe(0o600)
})

test('a file that is no socket is never removed', async () => {
  const path = controlSocketPath(directory)
  writeFileSync(path, 'precious')

  await expect(make(directory).start()).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' })

  expect(statSync(path).size).toBe('precious'.length)
})

test('a state directory that cannot be made is named with its cause', async () => {
  const file = join(directory, 'file')
  writeFileSync(file, '')

  await expect(make(join(file, 'state')).start()).rejects.toMatchObject({
    code: 'STATE_DIR_UNUSABLE',
    message: expect.stringContaining('ENOTDIR'),
    fix: expect.stringContaining('HARP_STATE_DIR'),
  })
})

test('a directory in which the system makes none fails at once', async () => {
  // NOTE: Node's own recursive mkdir never returns here.
  await expect(make('/proc/harp/state').start()).rejects.toMatchObject({ code: 'STATE_DIR_UNUSABLE' })
})

test('stopping removes the socket', async () => {
  const socket = make(directory)
  await socket.start()

  socket.stop()

  expect(await new ControlClient(directory).bans()).toEqual({
    kind: 'not-running',
    path: controlSocketPath(directory),
  })
})

test('what is not there is told apart from what failed', async () => {
  await make(directory, ({ method }) =>
    jsonAnswer(method === 'DELETE' ? 404 : 500, { error: 'so it is' }),
  ).start()
  const client = new ControlClient(directory)

  expect(await client.lift('192.0.2.1')).toEqual({ kind: 'missing', problem: 'so it is' })
  expect(await client.bans()).toEqual({ kind: 'failed', problem: 'so it is' })
})

/** The status of the answer; `parts` are sent one by one. */
async function post(path: string, ...parts: string[]): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const request = http.request({ socketPath: controlSocketPath(directory), method: 'POST', path })
  request.on('error', reject)
  request.on('response', (response) => {
    response.resume()
    resolve(response.statusCode ?? 0)
  })
  for (const part of parts) request.write(part)
  request.end()
  return promise
}

test('a request can have a body, up to a limit', async () => {
  const bodies: string[] = []
  await make(directory, ({ body }) => {
    bodies.push(body)
    return jsonAnswer(200, {})
  }).start()

  expect(await post('/tokens', '{"kind":', '"app"}')).toBe(200)
  expect(await post('/tokens')).toBe(200)
  expect(await post('/tokens', 'x'.repeat(4_096))).toBe(200)
  expect(await post('/tokens', 'x'.repeat(4_097))).toBe(413)
  expect(bodies).toEqual(['{"kind":"app"}', '', 'x'.repeat(4_096)])
})

test('an answer of another version is a failure, not a crash', async () => {
  await make(directory, () => jsonAnswer(200, { bans: 'many' })).start()

  expect(await new ControlClient(directory).bans()).toMatchObject({ kind: 'failed' })
})
