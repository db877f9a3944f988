import { createServer, type RequestListener, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { deadlineIn } from '../../test/support/deadline.ts'
import { exchange, RawConnection, type RawOutcome } from '../../test/support/raw-http.ts'
import { silentLogger } from '../base/logger.ts'
import type { HostPort } from '../net/address.ts'
import { startFront } from './front.ts'
import { listenOnLoopback } from './loopback-server.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function serve(server: Server): Promise<HostPort> {
  const bound = await listenOnLoopback(server, [0])
  cleanups.push(() => bound.stop())
  return bound.address
}

const named =
  (name: string): RequestListener =>
  (request, response) => {
    response.end(JSON.stringify({ name, url: request.url, headers: request.headers }))
  }

const noTunnel = { answers: () => false }

async function startWith(gateway: Server): Promise<HostPort> {
  const front = await startFront({
    gateway: await serve(gateway),
    nextcloud: await serve(createServer(named('nextcloud'))),
    tunnel: noTunnel,
    ports: [0],
    log: silentLogger,
  })
  cleanups.push(() => front.stop())
  return front.address
}

interface Seen {
  readonly name: string
  readonly url: string
  readonly headers: Record<string, string>
}

function bodyOf(outcome: RawOutcome): Seen {
  if (outcome.kind !== 'response') throw new Error(`no response but ${outcome.kind}`)
  return JSON.parse(outcome.response.body.toString()) as Seen
}

test('/exapps/ goes to the gateway byte for byte, everything else to Nextcloud', async () => {
  const front = await startWith(createServer(named('gateway')))

  const toApp = await exchange(front, { target: '/exapps/demo/a%2f..%2Fb/../c?x=/exapps/' })
  const toNextcloud = await exchange(front, { target: '/login?next=/exapps/' })

  expect(bodyOf(toApp)).toMatchObject({ name: 'gateway', url: '/exapps/demo/a%2f..%2Fb/../c?x=/exapps/' })
  expect(bodyOf(toNextcloud)).toMatchObject({ name: 'nextcloud', url: '/login?next=/exapps/' })
})

test("the client's own address headers are replaced, hop-by-hop headers go, the others stay", async () => {
  const front = await startWith(createServer(named('gateway')))

  const outcome = await exchange(front, {
    target: '/exapps/demo/',
    headers: [
      ['Host', 'cloud.example'],
      ['X-Forwarded-For', '203.0.113.9'],
      ['X-Real-IP', '203.0.113.9'],
      ['X-Forwarded-Proto', 'gopher'],
      ['Connection', 'close, X-Private, Host'],
      ['X-Private', 'for this hop'],
      ['X-Kept', 'yes'],
    ],
  })

  const { headers } = bodyOf(outcome)
  expect(headers).toMatchObject({
    host: 'cloud.example',
    'x-forwarded-for': '127.0.0.1',
    'x-real-ip': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-kept': 'yes',
  })
  expect(headers).not.toHaveProperty('x-private')
})

test('an upload arrives whole, with a length and chunked', async () => {
  const front = await startWith(
    createServer((request, response) => {
      let size = 0
      request.on('data', (chunk: Buffer) => (size += chunk.length))
      request.on('end', () => response.end(String(size)))
    }),
  )
  const body = Buffer.alloc(300_000, 'x')
  const chunked = Buffer.from(`${body.length.toString(16)}\r\n${body.toString()}\r\n0\r\n\r\n`)

  const outcomes = [
    await exchange(front, { method: 'PUT', target: '/exapps/demo/', body }),
    await exchange(front, {
      method: 'PROPFIND',
      target: '/exapps/demo/',
      headers: [['Transfer-Encoding', 'chunked']],
      body: chunked,
    }),
  ]

  for (const outcome of outcomes) {
    expect(outcome.kind === 'response' && outcome.response.body.toString()).toBe('300000')
  }
})

test('an event reaches the client before the answer ends', async () => {
  let finish: () => void = () => undefined
  const front = await startWith(
    createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
      finish = () => response.end('data: 2\n\n')
    }),
  )
  await using client = await RawConnection.open(front)
  await client.sendRequest({ target: '/exapps/demo/events' })

  await client.readHead()
  const first = await client.reader.takeUntil('\n\n', 100, deadlineIn(5000, 'the first event'))
  finish()
  const second = await client.reader.takeUntil('\n\n', 100, deadlineIn(5000, 'the second event'))

  expect(first.toString()).toContain('data: 1')
  expect(second.toString()).toContain('data: 2')
})

test('a client that leaves ends the request behind the front', async () => {
  const left = Promise.withResolvers<void>()
  const front = await startWith(
    createServer((_request, response) => {
      response.write('data: 1\n\n')
      response.on('close', () => left.resolve())
    }),
  )
  const client = await RawConnection.open(front)
  await client.sendRequest({ target: '/exapps/demo/events' })
  await client.readHead()

  client.destroy()

  await expect(left.promise).resolves.toBeUndefined()
})

test('a gateway that hangs up is a 502 that says dropped, one that is not there a 502 that says unreachable', async () => {
  const hangUp = await startWith(createServer((request) => request.socket.destroy()))
  const gone = await startFront({
    gateway: { host: '127.0.0.1', port: 1 },
    nextcloud: { host: '127.0.0.1', port: 1 },
    tunnel: noTunnel,
    ports: [0],
    log: silentLogger,
  })
  cleanups.push(() => gone.stop())

  const dropped = await exchange(hangUp, { target: '/exapps/demo/heartbeat' })
  const unreachable = await exchange(gone.address, { target: '/exapps/demo/' })

  expect(dropped).toMatchObject({ kind: 'response', response: { status: 502 } })
  expect(headerOf(dropped, 'harp-demo-outcome')).toBe('dropped')
  expect(unreachable).toMatchObject({ kind: 'response', response: { status: 502 } })
  expect(headerOf(unreachable, 'harp-demo-outcome')).toBe('unreachable')
})

function headerOf(outcome: RawOutcome, name: string): string | undefined {
  if (outcome.kind !== 'response') return undefined
  return outcome.response.headers.find((line) => line[0].toLowerCase() === name)?.[1]
}

test('an upload that the gateway refuses early still gets the answer', async () => {
  const front = await startWith(
    createServer((_request, response) => {
      response.writeHead(403, { connection: 'close' }).end('no')
    }),
  )
  await using client = await RawConnection.open(front)

  await client.sendRequest({
    method: 'POST',
    target: '/exapps/demo/',
    headers: [['Content-Length', '10000000']],
    body: Buffer.alloc(100_000),
  })

  expect(await client.readHead('POST')).toMatchObject({ status: 403 })
})

test('an answer that breaks off breaks off for the client too', async () => {
  const front = await startWith(
    createServer((request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('half', () => request.socket.destroy())
    }),
  )

  expect(await exchange(front, { target: '/exapps/demo/' })).toMatchObject({ kind: 'cut' })
})

/** Answers an upgrade to `echo` with every byte back, and a last word after the client's end. */
function echoServer(onSocket: (socket: Duplex) => void = () => undefined): Server {
  const server = createServer(named('gateway'))
  server.on('upgrade', (request, socket, head) => {
    onSocket(socket)
    if (request.headers.upgrade !== 'echo') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Why: level\r\n\r\nno')
      return
    }
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    socket.write(head)
    socket.on('data', (chunk: Buffer) => socket.write(chunk))
    socket.on('end', () => socket.end())
    socket.on('error', () => socket.destroy())
  })
  return server
}

const upgradeTo = (protocol: string): readonly (readonly [string, string])[] => [
  ['Connection', 'Upgrade'],
  ['Upgrade', protocol],
]

test('an upgrade becomes a byte tunnel, the end of one side reaches the other', async () => {
  const front = await startWith(echoServer())
  await using client = await RawConnection.open(front)
  await client.sendRequest({ target: '/exapps/demo/socket', headers: upgradeTo('echo') })

  expect(await client.readHead()).toMatchObject({ status: 101 })
  await client.send('some bytes')
  client.end()

  expect((await client.readToEnd()).toString()).toBe('some bytes')
})

test('an upgrade that the gateway refuses gives its own answer', async () => {
  const front = await startWith(echoServer())

  const outcome = await exchange(front, { target: '/exapps/demo/socket', headers: upgradeTo('other') })

  expect(outcome).toMatchObject({ kind: 'response', response: { status: 403, body: Buffer.from('no') } })
  expect(headerOf(outcome, 'x-why')).toBe('level')
})

test('an upgrade that the gateway drops is a 502', async () => {
  const front = await startWith(echoServer((socket) => socket.destroy()))

  const outcome = await exchange(front, { target: '/exapps/demo/socket', headers: upgradeTo('echo') })

  expect(outcome).toMatchObject({ kind: 'response', response: { status: 502 } })
})

test('the stop of the front ends open tunnels on both sides', async () => {
  const upstreamClosed = Promise.withResolvers<void>()
  const front = await startFront({
    gateway: await serve(echoServer((socket) => socket.once('close', () => upstreamClosed.resolve()))),
    nextcloud: { host: '127.0.0.1', port: 1 },
    tunnel: noTunnel,
    ports: [0],
    log: silentLogger,
  })
  await using client = await RawConnection.open(front.address)
  await client.sendRequest({ target: '/exapps/demo/socket', headers: upgradeTo('echo') })
  expect(await client.readHead()).toMatchObject({ status: 101 })

  await front.stop()

  expect(await client.readToEnd()).toHaveLength(0)
  await expect(upstreamClosed.promise).resolves.toBeUndefined()
})

test('a target that is no path is refused with 400', async () => {
  const front = await startWith(createServer(named('gateway')))

  for (const target of ['*', 'http://elsewhere.example/exapps/demo/']) {
    expect(await exchange(front, { method: 'OPTIONS', target })).toMatchObject({ response: { status: 400 } })
  }
})
