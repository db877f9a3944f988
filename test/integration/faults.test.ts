/** What clients see when apps and Nextcloud fail at every stage, and that nothing is sent twice or left behind. */
import { once } from 'node:events'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/deadline.ts'
import { FakeExApp } from '../support/fake-exapp.ts'
import { newAppId, RawApp, requestHead as pausedHead, responseOf, Stage, untilSockets } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await Stage.open({ HP_TIMEOUT_SERVER: '1500ms', HARP_RECORD_TTL: '1h' })
})
afterAll(async () => {
  const { code } = await stage.close()
  expect(code).toBe(0)
})

/** The next request's head; the socket goes on flowing, so that its end is seen. */
async function requestHead(socket: net.Socket): Promise<{ head: string }> {
  const head = pausedHead(socket)
  socket.resume()
  const found = await head
  socket.resume()
  return found
}

/** An app that closes when the gateway does. */
function closingRawApp(
  onSocket: (socket: net.Socket, connection: number) => void,
): ReturnType<Stage['rawApp']> {
  return stage.rawApp((socket, connection) => {
    socket.once('end', () => socket.end())
    onSocket(socket, connection)
  })
}

const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

describe('an app that breaks', () => {
  test.each([
    ['closes before a byte', (socket: net.Socket) => socket.end(), 502],
    ['resets before a byte', (socket: net.Socket) => socket.resetAndDestroy(), 502],
    ['closes within the head', (socket: net.Socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Le'), 502],
    ['sends no HTTP', (socket: net.Socket) => socket.end('SSH-2.0-OpenSSH_9\r\n\r\n'), 502],
    [
      'sends two lengths',
      (socket: net.Socket) =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk'),
      502,
    ],
    [
      'sends an endless head',
      (socket: net.Socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(80_000)}`),
      502,
    ],
    [
      'breaks its chunks before anything left',
      (socket: net.Socket) =>
        socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n'),
      502,
    ],
    ['says nothing', () => undefined, 504],
  ])('%s: the client gets a page and may go on', async (_, misbehave, status) => {
    const { app, path } = await closingRawApp((socket) => {
      void requestHead(socket).then(() => misbehave(socket))
    })
    const connection = await stage.connect()

    await connection.sendRequest({ target: `${path}/x` })
    const first = responseOf(await connection.readOutcome())
    await connection.sendRequest({ target: '/exapps/no-such-app/x' })
    const second = responseOf(await connection.readOutcome())

    expect([first.status, second.status]).toEqual([status, 404])
    await connection[Symbol.asyncDispose]()
    await eventually('the app socket to be closed', () => (app.sockets.size === 0 ? true : undefined))
  })

  test.each([
    ['within a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'],
    ['within a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\npart'],
    ['between chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n'],
  ])('%s: the client notices that the answer is cut', async (_, bytes) => {
    const { path } = await closingRawApp((socket) => {
      void requestHead(socket).then(() => socket.end(bytes))
    })

    const outcome = await stage.send({ target: `${path}/x` })

    expect(outcome.kind).toBe('cut')
  })
})

describe('a kept-alive connection that the app closes just as it is used', () => {
  /** Answers the first request on each connection and closes at the second, unless it is the last connection. */
  async function closingApp() {
    const seen: string[] = []
    const { path } = await closingRawApp((socket, connection) => {
      void (async () => {
        const first = await requestHead(socket)
        seen.push(first.head.split(' ', 1)[0] ?? '')
        socket.write(whole)
        if (connection > 1) return
        const second = await requestHead(socket)
        seen.push(second.head.split(' ', 1)[0] ?? '')
        socket.resetAndDestroy()
      })().catch(() => undefined)
    })
    return { path, seen }
  }

  test('a GET is sent again on a new connection', async () => {
    const { path, seen } = await closingApp()

    const statuses = [
      responseOf(await stage.send({ target: `${path}/1` })).status,
      responseOf(await stage.send({ target: `${path}/2` })).status,
    ]

    expect(statuses).toEqual([200, 200])
    expect(seen).toEqual(['GET', 'GET', 'GET'])
  })

  test('a POST is never sent twice', async () => {
    const { path, seen } = await closingApp()
    await stage.send({ target: `${path}/1` })

    const outcome = await stage.send({ method: 'POST', target: `${path}/2`, body: Buffer.from('pay') })

    expect(responseOf(outcome).status).toBe(502)
    expect(seen.filter((method) => method === 'POST').length).toBe(1)
  })
})

test('bytes that an app sends unasked never become an answer', async () => {
  const { app, path } = await closingRawApp((socket) => {
    void requestHead(socket).then(() => {
      socket.write(whole)
      setImmediate(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'))
    })
  })

  for (let index = 0; index < 5; index++) {
    expect(responseOf(await stage.send({ target: `${path}/${index}` })).body.toString()).toBe('ok')
  }
  await eventually('poisoned connections to be dropped', () => (app.sockets.size === 0 ? true : undefined))
})

test('an app that refuses is a 503 within a second, and one that returns meanwhile is waited for', async () => {
  const first = await FakeExApp.start()
  const { port } = first
  await first.stop()
  const path = stage.addApp(port)

  const started = performance.now()
  const refused = await stage.send({ target: `${path}/x` })
  expect(responseOf(refused).status).toBe(503)
  expect(performance.now() - started).toBeLessThan(3_000)

  const pending = stage.send({ target: `${path}/x` })
  const back = await RawApp.start((socket) => void requestHead(socket).then(() => socket.end(whole)), {
    port,
  })
  stage.own(() => back.stop())
  expect(responseOf(await pending).status).toBe(200)
})

test('an app that was recreated at another address is found without a restart', async () => {
  const id = newAppId()
  const old = await stage.exapp()
  const path = stage.addApp(old.app.port, {}, id)
  expect(responseOf(await stage.send({ target: `${path}/x` })).status).toBe(200)

  const fresh = await stage.exapp()
  await old.app.stop()
  stage.addApp(fresh.app.port, {}, id)

  expect(responseOf(await stage.send({ target: `${path}/x` })).status).toBe(200)
  expect(fresh.app.requests().length).toBe(1)
})

test('a client that goes away frees the app at once, up and down', async () => {
  const heads: Promise<unknown>[] = []
  const { app, path } = await closingRawApp((socket) => {
    heads.push(
      requestHead(socket).then(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nstart')),
    )
  })
  const down = net.connect(stage.endpoint)
  down.write(`GET ${path}/x HTTP/1.1\r\nHost: x\r\n\r\n`)
  await once(down, 'data')
  down.resetAndDestroy()
  await eventually('the download to be dropped', () => (app.sockets.size === 0 ? true : undefined))

  const silent = await closingRawApp((socket) => void socket.resume())
  const up = net.connect(stage.endpoint)
  up.write(`POST ${silent.path}/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nstart`)
  await eventually('the upload to arrive', () => (silent.app.connectionCount === 1 ? true : undefined))
  up.resetAndDestroy()
  await eventually('the upload to be dropped', () => (silent.app.sockets.size === 0 ? true : undefined))
  expect(responseOf(await stage.send({ target: '/exapps/no-such-app/x' })).status).toBe(404)
})

test('an early refusal reaches a client that is still sending', async () => {
  const { path } = await closingRawApp((socket) => {
    void requestHead(socket).then(() =>
      socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig'),
    )
  })
  const socket = net.connect(stage.endpoint)
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
  socket.write(`POST ${path}/x HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n`)
  const piece = Buffer.alloc(64 * 1024)
  const send = (): void => {
    while (!socket.destroyed && answer === '' && socket.write(piece));
  }
  socket.on('drain', send)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => undefined)
  send()

  await closed

  expect(answer).toMatch(/^HTTP\/1\.1 413 /)
  expect(answer.endsWith('big')).toBe(true)
})

test('half of a request whose client went silent is given up', async () => {
  await using short = await Stage.open({ HP_TIMEOUT_CLIENT: '400ms', HARP_TIMEOUT_BODY: '400ms' })
  const { path } = await short.exapp()
  const read = async (text: string): Promise<string> => {
    const socket = net.connect(short.endpoint)
    let answer = ''
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.write(text)
    await once(socket, 'close')
    return answer.split('\r\n', 1)[0] ?? ''
  }

  expect(await read('GET / HTTP/1.1\r\nHost:')).toBe('HTTP/1.1 408 Request Time-out')
  expect(await read(`POST ${path}/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf`)).toBe(
    'HTTP/1.1 408 Request Time-out',
  )
  expect(await read('')).toBe('')
  await untilSockets(short.pid, 12)
})

test('a slow or failing Nextcloud delays only who needs it', async () => {
  const { path } = await stage.exapp()
  expect(responseOf(await stage.send({ target: `${path}/x` })).status).toBe(200)
  const slow = newAppId()
  const record = { exapp_token: 'T', exapp_version: '1', host: '127.0.0.1', port: 1, routes: [] }
  stage.nextcloud.setApp(slow, { record, metaAnswer: { kind: 'hang' } })

  await using waiting = await stage.connect()
  await waiting.sendRequest({ target: `/exapps/${slow}/x` })
  await stage.nextcloud.waitForCall((call) => call.appId === slow)
  const others = await Promise.all(Array.from({ length: 20 }, () => stage.send({ target: `${path}/x` })))

  expect(others.map((outcome) => responseOf(outcome).status)).toEqual(Array.from({ length: 20 }, () => 200))
})
