import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { deadlineIn, elapse, eventually, within } from './deadline.ts'
import { Link } from './link.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

/** A link to a server that sends everything back, and a way to connect through it. */
async function linkToEcho(): Promise<{ link: Link; dial: () => Socket; served: Socket[] }> {
  const served: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    served.push(socket)
    socket.on('error', () => undefined).pipe(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => server.close())
  const link = await Link.open({ address: '127.0.0.1', port: (server.address() as AddressInfo).port })
  closers.push(() => link.close())
  const dial = (): Socket => {
    const socket = connect({ port: link.port, host: '127.0.0.1', allowHalfOpen: true })
    closers.push(() => socket.destroy())
    return socket.on('error', () => undefined)
  }
  return { link, dial, served }
}

async function textOf(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

test('what was sent into a stalled link, its end and new connections arrive once it heals', async () => {
  const { link, dial, served } = await linkToEcho()
  const early = dial()
  early.write('one ')
  await within(once(early, 'data'), deadlineIn(2_000, 'the echo'))
  link.stall()
  early.end('two')
  const late = dial()
  late.end('three')
  await within(once(late, 'connect'), deadlineIn(2_000, 'the ignored connection'))
  await elapse(50)
  expect({ early: early.bytesRead, late: late.bytesRead, served: served.length }).toEqual({
    early: 4,
    late: 0,
    served: 1,
  })
  const texts = Promise.all([textOf(early), textOf(late)])
  link.heal()
  expect(await within(texts, deadlineIn(5_000, 'both answers'))).toEqual(['two', 'three'])
  await eventually('no connection is left', () => (link.connectionCount === 0 ? true : undefined))
  expect(link.acceptedCount).toBe(2)
})

test('a cut resets both sides, and the next connection is served', async () => {
  const { link, dial, served } = await linkToEcho()
  const socket = dial()
  socket.write('x')
  await within(once(socket, 'data'), deadlineIn(2_000, 'the echo'))
  const [far] = served
  const farError = far === undefined ? null : once(far, 'error')
  const nearError = once(socket, 'error')
  link.cut()
  const errors = await within(Promise.all([nearError, farError]), deadlineIn(2_000, 'both resets'))
  expect(errors).toMatchObject([[{ code: 'ECONNRESET' }], [{ code: 'ECONNRESET' }]])
  const next = dial()
  next.end('again')
  expect(await within(textOf(next), deadlineIn(2_000, 'the next answer'))).toBe('again')
})

test('a reset passes the link', async () => {
  const { dial, served } = await linkToEcho()
  const socket = dial()
  socket.write('x')
  await within(once(socket, 'data'), deadlineIn(2_000, 'the echo'))
  served[0]?.resetAndDestroy()
  const errors = await within(once(socket, 'error'), deadlineIn(2_000, 'the reset'))
  expect(errors).toMatchObject([{ code: 'ECONNRESET' }])
})

test('latency delays both ways and keeps the order', async () => {
  const { link, dial } = await linkToEcho()
  link.setLatency(60)
  const socket = dial()
  await once(socket, 'connect')
  const startedAt = performance.now()
  const payload = Array.from({ length: 200 }, (_, index) => `${index},`)
  for (const part of payload) socket.write(part)
  socket.end()
  expect(await within(textOf(socket), deadlineIn(5_000, 'the echo'))).toBe(payload.join(''))
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(119)
})
