/** Contract 0: messages the gateway must not forward, because they are malformed, ambiguous or unfinished. */
import assert from 'node:assert/strict'
import type { HeaderLine } from '../../support/http1-wire.ts'
import type { RawConnection } from '../../support/raw-http.ts'
import { expectEcho, expectStockPage } from '../outcomes.ts'
import type { Row } from '../row.ts'
import type { TestClient } from '../scene.ts'
import { fresh } from './data-path.ts'

/** Requests that have two readings; one per published smuggling and desync class. */
const ambiguous: readonly (readonly [string, string])[] = [
  ['length and chunked', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two different lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'],
  ['a list of lengths', 'Content-Length: 5, 6\r\n\r\nhello!'],
  ['a signed length', 'Content-Length: +5\r\n\r\nhello'],
  ['a negative length', 'Content-Length: -1\r\n\r\n'],
  ['a hexadecimal length', 'Content-Length: 0x5\r\n\r\nhello'],
  ['a length of words', 'Content-Length: five\r\n\r\nhello'],
  ['an unknown coding', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
  ['chunked not last', 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
  ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a coding with a vertical tab', 'Transfer-Encoding:\vchunked\r\n\r\n0\r\n\r\n'],
  ['a space before the colon', 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n'],
  ['a folded line', 'X-A: one\r\n two\r\n\r\n'],
  ['a bare CR in a line', 'X-A: one\rX-B: two\r\n\r\n'],
  ['a bare LF after a line', 'X-A: one\nX-B: two\r\n\r\n'],
  ['a line without a colon', 'no-colon-here\r\n\r\n'],
  ['an empty name', ': value\r\n\r\n'],
  ['a NUL in a value', 'X-A: a\0b\r\n\r\n'],
  ['two hosts', 'Host: other.example\r\n\r\n'],
]

const badChunks: readonly (readonly [string, string])[] = [
  ['a chunk size that is no number', 'zz\r\nhello\r\n0\r\n\r\n'],
  ['a signed chunk size', '+5\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size with 0x', '0x5\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size past 64 bits', 'fffffffffffffffff5\r\nhello\r\n0\r\n\r\n'],
  ['a chunk longer than its size', '4\r\nhello\r\n0\r\n\r\n'],
  ['a chunk size ended by a bare LF', '5\nhello\r\n0\r\n\r\n'],
]

async function sendRaw(client: TestClient, text: string): Promise<RawConnection> {
  const connection = await client.open()
  await connection.send(text)
  return connection
}

export const framingRows: readonly Row[] = [
  {
    row: 'T13',
    title: 'requests with two readings are 400 and the end of the connection',
    profile: 'default',
    timeoutMs: 30_000,
    async run(scene) {
      for (const [name, rest] of ambiguous) {
        const { app, client } = fresh(scene)
        const start = `POST ${app.path('/public')} HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: ${client.address}\r\n`
        const smuggled = `GET ${app.path('/public?smuggled')} HTTP/1.1\r\nHost: h\r\n\r\n`
        await using connection = await sendRaw(client, start + rest + smuggled)

        const outcome = await connection.readOutcome({ method: 'POST' })

        assert.equal(outcome.kind === 'response' ? outcome.response.status : outcome.kind, 400, name)
        assert.equal((await connection.readToEnd(5_000)).length, 0, `${name}: nothing after the 400`)
        assert.equal(app.received().length, 0, `${name}: nothing reaches the app`)
      }
    },
  },
  {
    row: 'T13',
    title: 'a body with broken chunks never ends well and never becomes a second request',
    profile: 'default',
    timeoutMs: 30_000,
    async run(scene) {
      const sound = fresh(scene)
      const headers: HeaderLine[] = [['Transfer-Encoding', 'chunked']]
      const whole = {
        method: 'POST',
        target: sound.app.path('/public'),
        headers,
        body: '5\r\nhello\r\n0\r\n\r\n',
      }
      assert.equal(expectEcho(await sound.client.send(whole)).body, 'hello')
      for (const [name, body] of badChunks) {
        const { app, client } = fresh(scene)
        const head = `POST ${app.path('/public')} HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: ${client.address}\r\nTransfer-Encoding: chunked\r\n\r\n`
        const smuggled = `GET ${app.path('/public?smuggled')} HTTP/1.1\r\nHost: h\r\n\r\n`
        await using connection = await sendRaw(client, head + body + smuggled)

        const outcome = await connection.readOutcome({ method: 'POST' })

        const wasServed = outcome.kind === 'response' && outcome.response.status < 400
        assert.ok(!wasServed, `${name} was served`)
        await connection.readToEnd(5_000)
        assert.ok(!app.received().some((each) => each.bodyDone), `${name}: no whole request at the app`)
      }
    },
  },
  {
    row: 'T14',
    title: 'a head that is too large or malformed is the stock 400 page',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const start = `GET ${app.path('/public')} HTTP/1.1\r\nHost: h\r\n`
      const heads = [
        `${start}X-Large: ${'x'.repeat(70_000)}\r\n\r\n`,
        `${start}${Array.from({ length: 2_000 }, (_each, at) => `X-${at}: 1\r\n`).join('')}\r\n`,
        `GET ${app.path('/public')}\r\n\r\n`,
        `GET ${app.path('/public')} HTTP/3.7\r\nHost: h\r\n\r\n`,
        `GET ${app.path('/pub lic')} HTTP/1.1\r\nHost: h\r\n\r\n`,
        `GET ${app.path('/public')} HTTP/1.1\r\n\r\n`,
        'nonsense\r\n\r\n',
      ]
      for (const head of heads) {
        await using connection = await scene.newClient().open()
        await connection.send(head)

        expectStockPage(await connection.readOutcome(), 400, 'Bad request')
        assert.equal((await connection.readToEnd(5_000)).length, 0)
      }
      assert.equal(app.received().length, 0)
    },
  },
  {
    row: 'T15',
    title: 'an unfinished head is the stock 408 page, an idle connection is closed without a word',
    profile: 'short-timeouts',
    async run(scene) {
      const { app, client } = fresh(scene)
      await using unfinished = await sendRaw(client, `GET ${app.path('/public')} HTTP/1.1\r\nHost: h\r\n`)
      await using idle = await client.open()
      await idle.sendRequest(client.prepare({ target: app.path('/public') }))
      expectEcho(await idle.readOutcome())

      expectStockPage(await unfinished.readOutcome({ timeoutMs: 5_000 }), 408, 'Request Time-out')
      assert.equal((await idle.readToEnd(5_000)).length, 0)
    },
  },
]
