/** Hundreds of streams of one tunnel, some of whose readers have stopped reading: the others do not notice. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mebibyte, openSockets, residentBytes, untilSockets } from '../integration/stage.ts'
import { deadlineIn, eventually, within } from '../support/deadline.ts'
import type { HarpProcess } from '../support/gateway-process.ts'
import type { RawConnection } from '../support/raw-http.ts'
import { activeWork } from './overview.ts'
import { TunnelStage } from './tunnel-stage.ts'

const streams = 500
const payload = Buffer.alloc(65_536, 'harp tunnels ')
const rounds = 3

let stage: TunnelStage
let client: HarpProcess
let path: string
let before: { gateway: number; client: number; sockets: number; clientSockets: number }

beforeAll(async () => {
  stage = await TunnelStage.open({ tls: true })
  path = stage.addApp('app', 23_001)
  client = await stage.startClient()
  await stage.untilServed(path)
  before = {
    gateway: await residentBytes(stage.pid),
    client: await residentBytes(client.pid),
    sockets: await openSockets(stage.pid),
    clientSockets: await openSockets(client.pid),
  }
}, 60_000)

afterAll(() => stage[Symbol.asyncDispose]())

/** Asks for 1 GiB and never reads it. */
async function stalledDownload(): Promise<RawConnection> {
  const connection = await stage.connect()
  connection.socket.pause()
  await connection.sendRequest({ target: `${path}/x?do=bytes&size=${1 << 30}` })
  return connection
}

async function openEcho(): Promise<Socket> {
  const socket = connect({ ...stage.endpoint, noDelay: true })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(`GET ${path}/e HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo-bytes\r\n\r\n`)
  const [head] = (await once(socket, 'data')) as [Buffer]
  expect(head.toString('latin1', 0, 12)).toBe('HTTP/1.1 101')
  return socket
}

/** Sends the payload and takes it back. */
async function echo(socket: Socket): Promise<string> {
  const hash = createHash('sha256')
  let received = 0
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const onData = (chunk: Buffer): void => {
    received += chunk.length
    hash.update(chunk)
    if (received >= payload.length) resolve(hash.digest('hex'))
  }
  const onClose = (): void => reject(new Error(`closed after ${received} bytes`))
  socket.on('data', onData).once('close', onClose)
  socket.write(payload)
  try {
    return await within(promise, deadlineIn(30_000, 'an echo'))
  } finally {
    socket.off('data', onData).off('close', onClose)
  }
}

test.each([1, 16])(`${streams} streams at once beside %i stalled readers`, async (stalledCount) => {
  const stalled = await Promise.all(Array.from({ length: stalledCount }, stalledDownload))
  await eventually('the stalled ones to stand', () => stillStanding(), { timeoutMs: 30_000, everyMs: 250 })
  const expected = createHash('sha256').update(payload).digest('hex')

  const sockets = await Promise.all(Array.from({ length: streams }, openEcho))
  expect(await activeWork(stage)).toBeGreaterThanOrEqual(streams + stalledCount)
  const startedAt = performance.now()
  for (let round = 0; round < rounds; round += 1) {
    const echoes = await Promise.all(sockets.map(echo))
    expect(new Set(echoes)).toEqual(new Set([expected]))
  }
  const seconds = (performance.now() - startedAt) / 1_000
  const [gateway, ours] = [await residentBytes(stage.pid), await residentBytes(client.pid)]
  const mib = (bytes: number): string => `${(bytes / mebibyte).toFixed(0)} MiB`
  console.log(
    `${streams} streams beside ${stalledCount} stalled: ${rounds} echoes of ${payload.length} bytes on each in ${seconds.toFixed(1)} s; ` +
      `gateway ${mib(before.gateway)} → ${mib(gateway)}, client ${mib(before.client)} → ${mib(ours)}`,
  )
  // The windows of all streams of a tunnel have a limit together, however many stand still.
  expect(gateway - before.gateway).toBeLessThan(256 * mebibyte)
  expect(ours - before.client).toBeLessThan(256 * mebibyte)

  for (const socket of sockets) socket.destroy()
  for (const connection of stalled) connection.destroy()
  await eventually('the app to be left', () => (stage.app.openConnections <= 1 ? true : undefined), {
    timeoutMs: 15_000,
  })
  await untilSockets(stage.pid, before.sockets + 2)
  await untilSockets(client.pid, before.clientSockets + 2)
  await eventually('no active work', async () => ((await activeWork(stage)) <= 1 ? true : undefined))
  expect(await stage.isServed(path)).toBe(true)
})

/** True if no byte left the app since the last look. */
let sentBefore = -1
function stillStanding(): true | undefined {
  const sent = stage.app.requests().reduce((sum, { sentBytes }) => sum + sentBytes, 0)
  const stands = sent > 0 && sent === sentBefore
  sentBefore = sent
  return stands ? true : undefined
}
