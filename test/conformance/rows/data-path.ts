/** Contract 0 and 3.11: what the gateway does to the messages it forwards. */
import assert from 'node:assert/strict'
import { deadlineIn, elapse, within } from '../../support/deadline.ts'
import { type HeaderLine, headerValue, headerValues } from '../../support/http1-wire.ts'
import { expectEcho, expectHeader, expectNoHeader, expectStatus, expectStockPage } from '../outcomes.ts'
import type { Row } from '../row.ts'
import type { Scene, TestApp, TestClient } from '../scene.ts'
import { echoOf, openWebSocket } from './transport.ts'

/** An app and a client of this row alone. */
export function fresh(scene: Scene): { readonly app: TestApp; readonly client: TestClient } {
  return { app: scene.newApp(), client: scene.newClient() }
}

export const dataPathRows: readonly Row[] = [
  {
    row: 'T1',
    title: 'trailers pass in both directions',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      await using connection = await client.open()
      await connection.sendRequest(
        client.prepare({
          method: 'PUT',
          target: app.path('/public'),
          headers: [
            ['Transfer-Encoding', 'chunked'],
            ['Trailer', 'X-Sum'],
          ],
        }),
      )
      await connection.send('3\r\nabc\r\n0\r\nX-Sum: 123\r\n\r\n')
      const echo = expectEcho(await connection.readOutcome({ method: 'PUT' }))
      const answer = expectStatus(await client.get(app.path('/public?do=trailers')), 200)

      assert.equal(echo.body, 'abc')
      expectHeader(echo.trailers, 'x-sum', '123')
      assert.equal(answer.body.toString(), 'one two three')
      expectHeader(answer.trailers, 'x-checksum', 'abc')
    },
  },
  {
    row: 'T2',
    title: 'Expect: 100-continue is answered before the body is sent',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      await using connection = await client.open()
      const headers: HeaderLine[] = [
        ['Expect', '100-continue'],
        ['Content-Length', '5'],
      ]
      await connection.sendRequest(client.prepare({ method: 'POST', target: app.path('/public'), headers }))
      const interim = await connection.reader.takeUntil('\r\n\r\n', 1_000, deadlineIn(5_000, '100 Continue'))
      await connection.send('hello')

      const echo = expectEcho(await connection.readOutcome({ method: 'POST' }))

      assert.match(interim.toString(), /^HTTP\/1\.1 100 /)
      assert.equal(echo.body, 'hello')
    },
  },
  {
    row: 'T3',
    title: 'HEAD is answered with the length and without the body, and the connection goes on',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      await using connection = await client.open()
      await connection.sendRequest(client.prepare({ method: 'HEAD', target: app.path('/public') }))
      const head = expectStatus(await connection.readOutcome({ method: 'HEAD' }), 200)
      await connection.sendRequest(client.prepare({ target: app.path('/public?second') }))

      const second = expectEcho(await connection.readOutcome())

      assert.ok(Number(headerValue(head.headers, 'content-length')) > 0)
      assert.equal(second.target, '/public?second')
      assert.match(app.received()[0]?.requestLine ?? '', /^HEAD /)
    },
  },
  {
    row: 'T4',
    title: 'pipelined requests are answered in order, also over different decisions',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      const line = (target: string): string =>
        `GET ${target} HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: ${client.address}\r\n\r\n`
      await using connection = await client.open()
      await connection.send(
        line(app.path('/public?do=slow&ms=300')) + line(app.path('/user')) + line(app.path('/public?n=3')),
      )

      const slow = expectStatus(await connection.readOutcome(), 200)
      const forbidden = expectStatus(await connection.readOutcome(), 403)
      const third = expectEcho(await connection.readOutcome())

      assert.equal(slow.body.toString(), 'late')
      assert.equal(forbidden.body.toString(), '403 Forbidden')
      assert.equal(third.target, '/public?n=3')
    },
  },
  {
    row: 'T5',
    title: 'a connection is kept for further requests, and closed after Connection: close',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      await using connection = await client.open()
      for (let turn = 0; turn < 3; turn += 1) {
        await connection.sendRequest(client.prepare({ target: app.path(`/public?turn=${turn}`) }))
        expectEcho(await connection.readOutcome())
      }
      await connection.sendRequest(
        client.prepare({ target: app.path('/public'), headers: [['Connection', 'close']] }),
      )
      expectEcho(await connection.readOutcome())

      assert.equal((await connection.readToEnd(5_000)).length, 0)
    },
  },
  {
    row: 'T6',
    title: 'an HTTP/1.0 client gets a body without chunks and the end of the connection',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      await using connection = await client.open()
      const target = app.path('/public?do=bytes&size=200000')
      await connection.sendRequest(client.prepare({ target, version: 'HTTP/1.0' }))

      const response = expectStatus(await connection.readOutcome(), 200)

      expectNoHeader(response.headers, 'transfer-encoding')
      assert.equal(response.body.length, 200_000)
      assert.equal((await connection.readToEnd(5_000)).length, 0)
      assert.match(app.received()[0]?.requestLine ?? '', / HTTP\/1\.1$/)
    },
  },
  {
    row: 'T7',
    title: 'headers of one hop stay on their hop',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      const hop: HeaderLine[] = [
        ['Connection', 'keep-alive, X-Hop'],
        ['X-Hop', 'secret'],
        ['Keep-Alive', 'timeout=5'],
        ['Proxy-Connection', 'keep-alive'],
        ['Upgrade', 'no-such-protocol'],
      ]

      const { headers } = expectEcho(await client.get(app.path('/public'), hop.slice(0, 4)))

      for (const [name] of hop.slice(1)) expectNoHeader(headers, name)
      assert.ok(!headerValues(headers, 'connection').join().toLowerCase().includes('x-hop'))
    },
  },
  {
    row: 'T8',
    title: 'an upgraded connection is a byte tunnel whose two ends close one by one',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      await using connection = await client.open()
      const headers: HeaderLine[] = [
        ['Connection', 'Upgrade'],
        ['Upgrade', 'echo-bytes'],
      ]
      await connection.sendRequest(client.prepare({ target: app.path('/public'), headers }))
      const head = await connection.readHead()
      await connection.send('ping')
      const echoed = await connection.reader.take(4, deadlineIn(5_000, 'the echo'))
      connection.end()

      const tail = await connection.readToEnd(5_000)

      assert.equal(head?.status, 101)
      assert.equal(headerValue(head.headers, 'upgrade'), 'echo-bytes')
      assert.equal(echoed.toString(), 'ping')
      assert.equal(tail.toString(), 'bye')
    },
  },
  {
    row: 'T9',
    title: 'a WebSocket echoes text and a binary message of 4 MiB',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      const socket = await openWebSocket(scene, app, client)
      try {
        const large = Buffer.alloc(4 * 1024 * 1024, 'w')

        assert.equal((await echoOf(socket, 'hällo')).toString(), 'hällo')
        assert.ok((await echoOf(socket, large)).equals(large))
      } finally {
        socket.terminate()
      }
    },
  },
  {
    row: 'T10',
    title: 'an app that refuses an upload early is heard at once',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      await using connection = await client.open()
      const target = app.path('/public?do=refuse')
      await connection.sendRequest(
        client.prepare({ method: 'PUT', target, headers: [['Content-Length', '100000000']] }),
      )
      await connection.send(Buffer.alloc(65_536))

      const outcome = await connection.readOutcome({ method: 'PUT', timeoutMs: 5_000 })

      assert.equal(expectStatus(outcome, 413).body.toString(), 'big')
    },
  },
  {
    row: 'T11',
    title: 'an app that answers garbage or nothing is the stock 502 page',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      for (const behaviour of ['garbage', 'close', 'close&how=reset']) {
        const outcome = await client.send({
          method: 'POST',
          target: app.path(`/public?do=${behaviour}`),
          body: 'x',
        })

        expectStockPage(outcome, 502, 'Bad Gateway')
      }
      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 'T12',
    title: 'an answer that breaks off is broken off for the client, never ended as if whole',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      for (const how of ['end', 'reset']) {
        const outcome = await client.get(app.path(`/public?do=cut&after=1000&how=${how}`))

        assert.ok(outcome.kind !== 'response', `a whole response after ${how}`)
      }
    },
  },
  {
    row: 'T16',
    title: 'cookies, locations and statuses of an app reach the client untouched, with nothing added',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)

      const response = expectStatus(await client.get(app.path('/public?do=cookies')), 302)

      assert.deepEqual(headerValues(response.headers, 'set-cookie'), ['a=1; Path=/x', 'b=2'])
      expectHeader(response.headers, 'location', 'http://elsewhere.example/x?y=1')
      for (const name of ['via', 'server', 'x-powered-by', 'x-request-id']) {
        expectNoHeader(response.headers, name)
      }
    },
  },
  {
    row: 'T17',
    title: 'a client that resets its connection takes its request to the app with it',
    profile: 'default',
    async run(scene) {
      const { app, client } = fresh(scene)
      const connection = await client.open()
      await connection.sendRequest(client.prepare({ target: app.path('/public?do=silent') }))
      const request = await scene.exapp.waitForRequest((each) => app.received().includes(each))

      connection.socket.resetAndDestroy()

      const deadline = deadlineIn(5_000, 'the app to see the client gone')
      const gone = (async (): Promise<void> => {
        while (!request.aborted) await elapse(20)
      })()
      await within(gone, deadline)
    },
  },
]
