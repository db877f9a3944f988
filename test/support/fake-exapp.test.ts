import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { FakeExApp } from './fake-exapp.ts'
import { exchange, RawConnection, type RawResponse, type RawOutcome } from './raw-http.ts'

let app: FakeExApp

beforeAll(async () => {
  app = await FakeExApp.start()
})
afterAll(async () => {
  await app.stop()
})

test('the stand-in ExApp records the request line and header lines exactly as they came', async () => {
  await using connection = await RawConnection.open(app)
  await connection.send(
    'POST /a%2Fb?x=1 HTTP/1.1\r\nHost: h\r\nX-Case:  two  \r\nx-case: one\r\nContent-Length: 3\r\n\r\nabc',
  )

  const response = responseOf(await connection.readOutcome())
  const [seen] = app.requests((each) => each.target === '/a%2Fb?x=1')

  expect(response.status).toBe(200)
  expect(seen?.rawHead).toBe(
    'POST /a%2Fb?x=1 HTTP/1.1\r\nHost: h\r\nX-Case:  two  \r\nx-case: one\r\nContent-Length: 3',
  )
  expect(seen?.headers.slice(1, 3)).toEqual([
    ['X-Case', 'two'],
    ['x-case', 'one'],
  ])
  expect(seen?.bodyStart).toBe('abc')
})

test('a chunked upload after Expect: 100-continue is counted and hashed', async () => {
  await using connection = await RawConnection.open(app)
  await connection.send(
    'PUT /up HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  await app.waitForRequest((each) => each.target === '/up')
  await connection.send('5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-End: yes\r\n\r\n')

  const response = responseOf(await connection.readOutcome())

  expect(response.interim).toEqual([100])
  expect(JSON.parse(response.body.toString())).toMatchObject({
    bodyBytes: 11,
    bodySha256: createHash('sha256').update('hello world').digest('hex'),
    trailers: [['X-End', 'yes']],
  })
})

test.each([
  ['/public?status=418', 418, '"target":"/public?status=418"'],
  ['/heartbeat', 200, '{"status":"ok"}'],
  ['/enabled?enabled=1', 200, '{"error":""}'],
  ['/x?do=sse&count=3&gap=1', 200, 'data: 1\n\ndata: 2\n\ndata: 3\n\n'],
  ['/x?do=trailers', 200, 'one two three'],
  ['/x?do=refuse', 413, 'big'],
  ['/x?do=hints', 200, 'hinted'],
])('the stand-in ExApp answers %s as its table says', async (target, status, body) => {
  const response = responseOf(await exchange(app, { target }))

  expect(response.status).toBe(status)
  expect(response.body.toString()).toContain(body)
})

test.each(['chunked', 'length', 'close'])('a big body framed by %s arrives whole', async (framing) => {
  const response = responseOf(await exchange(app, { target: `/x?do=bytes&size=300000&framing=${framing}` }))

  expect(response.body.length).toBe(300_000)
  expect(response.body[70_000]).toBe((70_000 % 65_536) % 251)
})

test('the raw client tells a drop, a cut body and a whole response apart', async () => {
  const outcomes = await Promise.all(
    ['/x?do=close', '/x?do=close&how=reset', '/x?do=cut&after=5', '/x'].map((target) =>
      exchange(app, { target }),
    ),
  )

  expect(outcomes.map((each) => each.kind)).toEqual(['drop', 'drop', 'cut', 'response'])
})

test('two requests on one kept-alive connection are answered in order', async () => {
  await using connection = await RawConnection.open(app)
  await connection.send(
    'GET /one HTTP/1.1\r\nHost: h\r\n\r\nGET /two HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
  )

  const first = responseOf(await connection.readOutcome())
  const second = responseOf(await connection.readOutcome())

  expect(first.body.toString()).toContain('"target":"/one"')
  expect(second.body.toString()).toContain('"target":"/two"')
  expect((await connection.readToEnd()).length).toBe(0)
})

test('a WebSocket client gets its messages back', async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${app.port}/ws`)
  const echoed = await new Promise<string>((resolve, reject) => {
    socket.once('error', reject)
    socket.once('open', () => socket.send('hello'))
    socket.once('message', (data: Buffer) => resolve(data.toString()))
  })
  socket.terminate()

  expect(echoed).toBe('hello')
})

test('an upgrade to echo-bytes keeps the tail after the client has ended its direction', async () => {
  await using connection = await RawConnection.open(app)
  await connection.send(
    'GET /raw HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo-bytes\r\n\r\nearly',
  )
  expect((await connection.readHead())?.status).toBe(101)
  await connection.send('+late')
  connection.end()

  expect((await connection.readToEnd()).toString()).toBe('early+latebye')
})

test('a request line that no client may send is reported as a violation', async () => {
  const own = await FakeExApp.start()
  await using connection = await RawConnection.open(own)
  await connection.send('GET  HTTP/1.1\r\nHost: h\r\n\r\n')

  expect((await connection.readOutcome()).kind).toBe('drop')
  expect(own.violations).toHaveLength(1)
  await own.stop()
})

function responseOf(outcome: RawOutcome): RawResponse {
  if (outcome.kind !== 'response') throw new Error(JSON.stringify(outcome))
  return outcome.response
}
