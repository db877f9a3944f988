import { randomBytes } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { eventually } from '../../../test/support/deadline.ts'
import { dial } from '../../../test/support/frpc-transport.ts'
import { makeSelfSigned } from '../../../test/support/self-signed.ts'
import { silentLogger } from '../../base/logger.ts'
import type { HostPort } from '../../net/address.ts'
import { FrontDoor, type Arrival, type FrontDoorOptions, type TunnelTls } from './front-door.ts'

const server = makeSelfSigned()
const client = makeSelfSigned()
const foreign = makeSelfSigned()
const mutual: TunnelTls = { cert: server.cert, key: server.key, ca: [client.cert] }

let door: FrontDoor
let address: HostPort
const arrivals: Arrival[] = []
const refused: { peer: string; problem: string }[] = []

async function open(options: Partial<FrontDoorOptions> = {}): Promise<void> {
  arrivals.length = 0
  refused.length = 0
  door = new FrontDoor({
    address: { host: '127.0.0.1', port: 0 },
    requiresTls: true,
    makeUnverifiedTls: () => Promise.reject(new Error('not in TLS mode')),
    maxConnections: 100,
    maxPerPeer: 100,
    log: silentLogger,
    onArrival: (arrival) => arrivals.push(arrival),
    onRefused: (peer, problem) => refused.push({ peer, problem }),
    ...options,
  })
  if (options.requiresTls !== false) door.useTls(mutual)
  address = await door.listen()
}

afterEach(() => {
  door.destroy()
})

type Route = Pick<Parameters<typeof dial>[0], 'tls' | 'websocket' | 'customByte'>

/** A client that says the first bytes of a yamux session, if it gets so far. */
async function call(route: Route): Promise<Socket> {
  const transport = await dial({ server: address, token: '', proxies: [], ...route }, (count) =>
    randomBytes(count),
  )
  transport.stream.write(Buffer.alloc(12))
  return transport.socket
}

const silentAll = async (): Promise<void> => {
  await eventually('all connections to be gone', () => (door.openConnections === 0 ? true : undefined))
}

const routes: [string, Route][] = [
  ['TLS', {}],
  ['TLS after 0x17', { customByte: true }],
  ['TLS inside WebSocket', { websocket: 'text' }],
]

test.each(routes)('%s: a certificate of the authority is let in, and known', async (_name, route) => {
  await open()
  await call({ ...route, tls: { cert: client.cert, key: client.key } })
  const arrival = await eventually('an arrival', () => arrivals[0])

  expect(arrival.certificate?.fingerprint256).toBeDefined()
  expect(refused).toEqual([])
})

test.each(routes)(
  '%s: a foreign certificate is refused, and its address and why are told',
  async (_name, route) => {
    await open()
    await call({ ...route, tls: { cert: foreign.cert, key: foreign.key } }).catch(() => undefined)
    const refusal = await eventually('a refusal', () => refused[0])

    expect(refusal).toEqual({ peer: '127.0.0.1', problem: expect.stringContaining('certificate') as string })
    expect(arrivals).toEqual([])
    await silentAll()
    expect(refused).toHaveLength(1)
  },
)

test('plain bytes are refused in TLS mode, inside a WebSocket too', async () => {
  await open()
  await call({ tls: 'off' })
  await call({ tls: 'off', websocket: 'binary' })
  await eventually('two refusals', () => (refused.length === 2 ? true : undefined))

  expect(refused.every(({ problem }) => problem.includes('no TLS'))).toBe(true)
  expect(arrivals).toEqual([])
  await silentAll()
})

test('without certificates of the gateway one throw-away certificate is made, however many come at once', async () => {
  let made = 0
  const { promise: ready, resolve: finish } = Promise.withResolvers<undefined>()
  await open({
    requiresTls: false,
    makeUnverifiedTls: async () => {
      made += 1
      await ready
      return { cert: server.cert, key: server.key, ca: [] }
    },
  })
  const callers = Array.from({ length: 5 }, () => call({ tls: {} }))
  await eventually('five connections', () => (door.openConnections === 5 ? true : undefined))
  await eventually('the first certificate', () => (made > 0 ? true : undefined))
  finish(undefined)
  await Promise.all(callers)
  await eventually('five arrivals', () => (arrivals.length === 5 ? true : undefined))

  expect(made).toBe(1)
})

test('the stream of a WebSocket whose client is gone closes, as one of TCP does', async () => {
  await open({ requiresTls: false })
  const socket = await call({ tls: 'off', websocket: 'binary' })
  const { stream } = await eventually('an arrival', () => arrivals[0])
  stream.on('end', () => stream.end()).resume()
  socket.resetAndDestroy()

  expect(await eventually('its end', () => (stream.closed ? true : undefined))).toBe(true)
})

test('who leaves in the middle of anything leaves nothing behind', async () => {
  await open()
  const hello = Buffer.from('160301', 'hex')
  const upgrade = Buffer.from(
    'GET /~!frp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  const noFrame = Buffer.from('ffffffff', 'hex')
  const starts = [hello, upgrade, Buffer.concat([upgrade, noFrame]), upgrade.subarray(0, 5), Buffer.of(0x17)]
  for (const start of starts) {
    for (const leave of ['end', 'resetAndDestroy'] as const) {
      const socket = connectTcp(address.port, address.host, () => socket.write(start, () => socket[leave]()))
      socket.on('error', () => {}).resume()
    }
  }
  await eventually('all to be noticed', () => (refused.length >= starts.length ? true : undefined))
  await silentAll()

  expect(arrivals).toEqual([])
})
