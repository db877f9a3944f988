/** Contract 9.2, second half: what the gateway asks Nextcloud, and what happens when an answer or an app is missing. */
import assert from 'node:assert/strict'
import { freePorts } from '../../support/free-ports.ts'
import { type HeaderLine, headerValues } from '../../support/http1-wire.ts'
import {
  expectEcho,
  expectHeader,
  expectNoHeader,
  expectStatus,
  expectStockPage,
  expectText,
} from '../outcomes.ts'
import type { Row } from '../row.ts'
import { alice } from '../scene.ts'

export const lookupRows: readonly Row[] = [
  {
    row: 47,
    title: 'a header value with bytes over 0x7f is passed on (W25)',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const value = Buffer.from('naïve ☃').toString('latin1')

      expectStatus(await scene.newClient().get(app.path('/public'), [['X-Name', value]]), 200)

      const [request] = app.received()
      assert.ok(request !== undefined)
      expectHeader(request.headers, 'x-name', value)
    },
  },
  {
    row: 48,
    title: 'an unknown app is 404, counted, and asked about once',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ unknown: true })
      const client = scene.newClient()

      for (let turn = 0; turn < 2; turn += 1) {
        expectText(await client.get(app.path('/public')), 404, '404 Not Found')
      }

      assert.equal(app.metaCalls().length, 1)
      assert.equal(await client.failures(), 2, 'failures')
    },
  },
  {
    row: 49,
    title: 'an unknown app with the key never bans',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ unknown: true })
      const client = scene.newClient()

      for (let turn = 0; turn < 20; turn += 1) {
        expectText(await client.get(app.path('/public'), [scene.keyed]), 404, '404 Not Found')
      }

      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 50,
    title: 'fifty first requests at once ask about the app once',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ delayMs: 250 })

      const outcomes = await Promise.all(
        Array.from({ length: 50 }, () => scene.newClient().get(app.path('/public'))),
      )

      for (const outcome of outcomes) expectEcho(outcome)
      assert.equal(app.metaCalls().length, 1)
    },
  },
  {
    row: 51,
    title: 'a failing app lookup is 503, not counted and not remembered (W21)',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ metaAnswer: { kind: 'reply', status: 500 } })
      const client = scene.newClient()

      expectText(await client.get(app.path('/public')), 503, '503 Service Unavailable (HaRP)')
      scene.nextcloud.setApp(app.id, { record: app.record })
      expectEcho(await client.get(app.path('/public')))

      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 52,
    title: 'an app record without its fields is 404 and not counted',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({
        metaAnswer: { kind: 'reply', status: 200, body: '{"exapp_version":"1.2.3"}' },
      })
      const client = scene.newClient()

      expectText(await client.get(app.path('/public')), 404, '404 Not Found')

      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 53,
    title: 'an app host that does not resolve is 503 and not counted (W21)',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ record: { host: 'no-such-host.invalid' } })
      const client = scene.newClient()

      expectStatus(await client.send({ target: app.path('/public') }, 15_000), 503)

      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 54,
    title: 'a closed app port is the stock 503 page and not counted',
    profile: 'default',
    async run(scene) {
      const [port = 0] = await freePorts(1)
      const app = scene.newApp({ record: { port } })
      const client = scene.newClient()

      const outcome = await client.send({ target: app.path('/public') }, 10_000)

      expectStockPage(outcome, 503, 'Service Unavailable')
      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 55,
    title: 'an app that stays silent is the stock 504 page after the server timeout',
    profile: 'short-timeouts',
    async run(scene) {
      const app = scene.newApp()
      const startedAt = performance.now()

      const outcome = await scene.newClient().get(app.path('/public?do=silent'))

      expectStockPage(outcome, 504, 'Gateway Time-out')
      const tookMs = performance.now() - startedAt
      assert.ok(tookMs >= 1_400 && tookMs < 5_000, `after ${tookMs} ms`)
    },
  },
  {
    row: 57,
    title: 'user-info is asked with our host, our key and without a body',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const sent: HeaderLine[] = [
        scene.newSession(alice),
        ['Host', 'cloud.example'],
        ['harp-shared-key', 'forged'],
      ]

      const outcome = await scene
        .newClient()
        .send({ method: 'POST', target: app.path('/user'), headers: sent, body: 'x' })

      expectEcho(outcome)
      const headers = app.userCalls()[0]?.headers ?? []
      expectHeader(headers, 'harp-shared-key', scene.settings.key)
      expectHeader(headers, 'host', `127.0.0.1:${scene.nextcloud.port}`)
      expectNoHeader(headers, 'content-length')
    },
  },
  {
    row: 58,
    title: 'cookies Nextcloud sets on a lookup go nowhere',
    profile: 'default',
    async run(scene) {
      const [first, second] = [scene.newApp(), scene.newApp()]
      const session = scene.newSession(alice)

      const outcome = await scene.newClient().get(first.path('/user'), [session])
      expectEcho(await scene.newClient().get(second.path('/user'), [session]))

      const response = expectStatus(outcome, 200)
      expectNoHeader(response.headers, 'set-cookie')
      for (const call of [...second.userCalls(), ...second.metaCalls()]) {
        assert.ok(
          !headerValues(call.headers, 'cookie').join().includes('leaked'),
          'no cookie of an earlier answer',
        )
      }
    },
  },
]
