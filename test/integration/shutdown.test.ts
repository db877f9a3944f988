import { once } from 'node:events'
import { createServer, connect, type Server, type Socket } from 'node:net'
import { rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { deadlineIn, elapse, eventually, within } from '../support/deadline.ts'
import { freePorts } from '../support/free-ports.ts'
import { HarpProcess, prepareGatewayPlace, runGateway } from '../support/gateway-process.ts'
import { headerValue } from '../support/http1-wire.ts'
import { BlackHole } from './black-hole.ts'
import { mebibyte, requestHead, responseOf, Stage } from './stage.ts'

const nobody = 'http://127.0.0.1:9'

/** Sends the signal and gives how the program ended and after how long. */
async function shutDown(
  stage: Stage,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<{ code: number | null; tookMs: number }> {
  const startedAt = performance.now()
  stage.gateway.program.signal(signal)
  const { code } = await stage.gateway.program.waitForExit()
  return { code, tookMs: performance.now() - startedAt }
}

test.each(['SIGTERM', 'SIGINT', 'SIGUSR1'] as const)(
  '%s with nothing to do ends the program at once with 0',
  async (signal) => {
    await using stage = await Stage.open()

    const { code, tookMs } = await shutDown(stage, signal)

    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(2_000)
  },
)

test('idle connections are closed at once, used or not, also those that never close their side', async () => {
  await using stage = await Stage.open()
  const { path } = await stage.exapp()
  await using used = await stage.connect()
  await used.sendRequest({ target: `${path}/x` })
  expect(responseOf(await used.readOutcome()).status).toBe(200)
  await using unused = await stage.connect()
  const stubborn = connect({ host: '127.0.0.1', port: stage.gateway.port, allowHalfOpen: true })
  await once(stubborn, 'connect')
  stubborn.on('error', () => undefined)
  stubborn.resume()

  const { code, tookMs } = await shutDown(stage)

  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(2_000)
  expect(await used.readToEnd()).toHaveLength(0)
  expect(await unused.readToEnd()).toHaveLength(0)
  stubborn.destroy()
})

test('a running download is finished, its connection closed, and nothing waits any longer', async () => {
  await using stage = await Stage.open()
  const { path } = await stage.exapp()
  const size = 32 * mebibyte
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x?do=bytes&size=${size}` })
  const head = await connection.readHead()
  const ended = shutDown(stage)
  await elapse(300)
  let received = 0

  for await (const piece of connection.body(head!)) received += piece.length
  const finishedAt = performance.now()
  const { code } = await ended

  expect(received).toBe(size)
  expect(await connection.readToEnd()).toHaveLength(0)
  expect(code).toBe(0)
  expect(performance.now() - finishedAt).toBeLessThan(3_500)
})

test('a request under way is answered with `connection: close`', async () => {
  await using stage = await Stage.open()
  const { app, path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x?do=slow&ms=500` })
  await app.waitForRequest(() => true)
  const ended = shutDown(stage)

  const answer = responseOf(await connection.readOutcome())

  expect(answer.status).toBe(200)
  expect(headerValue(answer.headers, 'connection')).toBe('close')
  expect(await ended).toMatchObject({ code: 0 })
})

test('a running upload is taken to its end and answered', async () => {
  await using stage = await Stage.open()
  const { app, path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.send(`PUT ${path}/x HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nhalf`)
  await app.waitForRequest(() => true)
  const ended = shutDown(stage)
  await elapse(300)
  await connection.send('more')

  const answer = responseOf(await connection.readOutcome())

  expect(JSON.parse(answer.body.toString())).toMatchObject({ body: 'halfmore' })
  expect(await ended).toMatchObject({ code: 0 })
})

test('nobody new is let in', async () => {
  await using stage = await Stage.open()
  const { app, path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x?do=slow&ms=800` })
  await app.waitForRequest(() => true)
  const ended = shutDown(stage)

  await eventually('new connections to be refused', () =>
    stage.connect(500).then(
      (late) => late[Symbol.asyncDispose]().then(() => undefined),
      (error: NodeJS.ErrnoException) => (error.code === 'ECONNREFUSED' ? true : undefined),
    ),
  )

  expect(responseOf(await connection.readOutcome()).status).toBe(200)
  expect(await ended).toMatchObject({ code: 0 })
})

test('what takes longer than the drain time is cut, and the program still ends with 0', async () => {
  await using stage = await Stage.open({ HARP_TIMEOUT_DRAIN: '500ms' })
  const { app, path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x?do=silent` })
  await app.waitForRequest(() => true)

  const { code, tookMs } = await shutDown(stage)

  expect(code).toBe(0)
  expect(tookMs).toBeGreaterThan(400)
  expect(tookMs).toBeLessThan(2_500)
  expect(await connection.readToEnd()).toHaveLength(0)
})

test('a drain time of 0 cuts at once', async () => {
  await using stage = await Stage.open({ HARP_TIMEOUT_DRAIN: '0' })
  const { app, path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x?do=silent` })
  await app.waitForRequest(() => true)

  const { code, tookMs } = await shutDown(stage)

  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(1_500)
})

test('by default everything is over within ten seconds, when a container would be killed', async () => {
  await using stage = await Stage.open()
  const { app, path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x?do=silent` })
  await app.waitForRequest(() => true)

  const { code, tookMs } = await shutDown(stage)

  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(9_700)
})

test('open WebSockets do not hold the program up', async () => {
  await using stage = await Stage.open()
  const { path } = await stage.exapp()
  const clients = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const client = new WebSocket(`ws://127.0.0.1:${stage.gateway.port}${path}/ws`)
      client.on('error', () => undefined)
      await once(client, 'open')
      return client
    }),
  )
  const closed = Promise.all(
    clients.map(
      (client) =>
        new Promise<void>((resolve) => {
          client.once('close', () => resolve())
        }),
    ),
  )

  const { code, tookMs } = await shutDown(stage)

  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(2_500)
  expect(await within(closed, deadlineIn(2_000, 'the WebSockets to be closed'))).toHaveLength(20)
})

test('further signals during the drain change nothing', async () => {
  await using stage = await Stage.open()
  const { app, path } = await stage.exapp()
  await using connection = await stage.connect()
  await connection.sendRequest({ target: `${path}/x?do=slow&ms=700` })
  await app.waitForRequest(() => true)
  const ended = shutDown(stage)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGTERM'] as const) {
    stage.gateway.program.signal(signal)
    await elapse(50)
  }

  expect(responseOf(await connection.readOutcome()).body.toString()).toBe('late')
  expect(await ended).toMatchObject({ code: 0 })
  expect(stage.gateway.output).not.toContain('ERROR')
})

test('a tunnel whose app takes no more bytes does not hold the program up', async () => {
  await using stage = await Stage.open({ HARP_TIMEOUT_DRAIN: '500ms' })
  const { path } = await stage.rawApp((socket) => {
    void requestHead(socket).then(
      () => socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n'),
      () => undefined,
    )
  })
  const client = connect(stage.gateway.port, '127.0.0.1')
  client.on('error', () => undefined)
  client.write(`GET ${path}/x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n`)
  await requestHead(client)
  while (client.write(Buffer.alloc(mebibyte)) || (await drained(client)));

  const { code, tookMs } = await shutDown(stage)

  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(2_500)
  client.destroy()
})

test('a connection that an app never accepts does not hold the program up', async () => {
  await using stage = await Stage.open({ HARP_TIMEOUT_DRAIN: '500ms' })
  const blackHole = await BlackHole.open()
  try {
    await using connection = await stage.connect()
    await connection.sendRequest({ target: `${stage.addApp(blackHole.port)}/x` })
    await stage.nextcloud.waitForCall((call) => call.endpoint === 'exapp-meta')
    await elapse(100)

    const { code, tookMs } = await shutDown(stage)

    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(2_500)
  } finally {
    await blackHole.close()
  }
})

test('a Nextcloud that never answers does not hold the program up', async () => {
  await using stage = await Stage.open({ HARP_TIMEOUT_DRAIN: '500ms' })
  stage.nextcloud.setApp('mute', {
    record: { exapp_token: 'T', exapp_version: '1', host: '127.0.0.1', port: 1, routes: [] },
    metaAnswer: { kind: 'hang' },
  })
  await using connection = await stage.connect()
  await connection.sendRequest({ target: '/exapps/mute/x' })
  await stage.nextcloud.waitForCall((call) => call.appId === 'mute')

  const { code, tookMs } = await shutDown(stage)

  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(2_500)
})

test('a signal during the start ends the program with 0', async () => {
  const codes: (number | null)[] = []
  for (let round = 0; round < 4; round += 1) {
    const place = await prepareGatewayPlace(nobody)
    const program = new HarpProcess(['gateway'], place.environment)
    // NOTE: the first line is printed by the program itself; before it only Node is starting.
    await eventually('a first line', () => (program.stdout === '' ? undefined : true), { everyMs: 2 })
    if (round > 0) await elapse(round * 5)
    program.signal('SIGTERM')
    codes.push((await program.waitForExit()).code)
    await rm(place.directory, { recursive: true, force: true })
  }

  expect(codes).toEqual([0, 0, 0, 0])
})

test('a port that is taken is one line, and exit code 1', async () => {
  const other: Server = createServer()
  const [port = 0] = await freePorts(1)
  other.listen(port, '127.0.0.1')
  await once(other, 'listening')
  try {
    const exit = await runGateway(nobody, {
      environment: {
        HP_EXAPPS_ADDRESS: `127.0.0.1:${port}`,
        HP_SHARED_KEY: 'a shared key that is long enough',
        HP_VERBOSE_START: '0',
      },
    })

    expect(exit.code).toBe(1)
    const lines = (exit.stdout + exit.stderr).trim().split('\n')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(new RegExp(`^ERROR: .*127\\.0\\.0\\.1:${port}.*HP_EXAPPS_ADDRESS.*EADDRINUSE`))
  } finally {
    other.close()
  }
})

/** False where the socket does not drain within a moment. */
async function drained(socket: Socket): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), 400)
  const onDrain = (): void => resolve(true)
  socket.once('drain', onDrain)
  const result = await promise
  clearTimeout(timer)
  socket.off('drain', onDrain)
  return result
}
