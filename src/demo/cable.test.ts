import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { deadlineIn, within } from '../../test/support/deadline.ts'
import { systemClock } from '../base/clock.ts'
import { layCable, type Cable } from './cable.ts'
import { listenOnLoopback } from './loopback-server.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** A cable to a server that says everything again. */
async function lay(cutMs: number): Promise<Cable> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {}).pipe(socket)
  })
  const echo = await listenOnLoopback(server, [0])
  cleanups.push(() => echo.stop())
  const cable = await layCable({ to: echo.address, cutMs, clock: systemClock })
  cleanups.push(() => cable.stop())
  return cable
}

/** What the other end says again; an error where there is no way. */
async function sayThrough(cable: Cable, text: string): Promise<string> {
  const socket = connect(cable.address)
  socket.end(text)
  let heard = ''
  for await (const chunk of socket) heard += String(chunk)
  return heard
}

async function open(cable: Cable): Promise<Socket> {
  const socket = connect(cable.address).on('error', () => {})
  socket.write('.')
  await once(socket, 'data')
  return socket
}

async function untilClosed(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (socket.closed) return
  // NOTE: `once` of node:events rejects with the reset, which is expected here.
  socket.on('close', () => resolve())
  await within(promise, deadlineIn(5_000, 'the end of the connection'))
}

test('bytes pass as they are, and each end by itself', async () => {
  const cable = await lay(10)

  expect(await sayThrough(cable, 'x'.repeat(300_000))).toHaveLength(300_000)
  expect(cable.lastCut).toBeNull()
})

test('a cut ends what is open, refuses what is new, and is over by itself', async () => {
  const cable = await lay(50)
  const socket = await open(cable)

  cable.cut()
  cable.cut()

  await untilClosed(socket)
  expect(cable.lastCut).toMatchObject({ repairedAt: null })
  await expect(sayThrough(cable, 'hello')).rejects.toThrow('ECONNRESET')
  await expect.poll(() => sayThrough(cable, 'hello').catch(() => 'refused'), { timeout: 5_000 }).toBe('hello')
  const { at, repairedAt } = cable.lastCut!
  expect(repairedAt! - at).toBeGreaterThanOrEqual(45)
})

test('the stop ends what is open, cut or not', async () => {
  const cable = await lay(60_000)
  const socket = await open(cable)

  await cable.stop()

  await untilClosed(socket)
  await expect(sayThrough(cable, 'hello')).rejects.toThrow('ECONNREFUSED')
})
