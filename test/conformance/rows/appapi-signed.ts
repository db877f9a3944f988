/** Contract 9.3: requests AppAPI signs with its six headers and the shared key. */
import assert from 'node:assert/strict'
import { expectDrop, expectEcho, expectHeader, expectStatus, expectText } from '../outcomes.ts'
import type { Row } from '../row.ts'

const aliceAuth = 'YWxpY2U6VE9L'

export const appapiSignedRows: readonly Row[] = [
  {
    row: 59,
    title: 'a signed heartbeat reaches the app with the known version',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()

      const outcome = await scene.newClient().get(app.path('/heartbeat'), scene.signed(app))

      assert.equal(expectStatus(outcome, 200).body.toString(), '{"status":"ok"}')
      const headers = app.received()[0]?.headers ?? []
      expectHeader(headers, 'authorization-app-api', aliceAuth)
      expectHeader(headers, 'ex-app-version', '1.2.3')
      expectHeader(headers, 'aa-version', '32')
      expectHeader(headers, 'aa-request-id', 'CLI')
    },
  },
  {
    row: 60,
    title: 'a signed request for an app Nextcloud does not know goes where its headers say',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ unknown: true })

      const { headers } = expectEcho(await scene.newClient().get(app.path('/anything'), scene.signed(app)))

      expectHeader(headers, 'ex-app-id', app.id)
      expectHeader(headers, 'ex-app-version', '9.9.9')
      expectHeader(headers, 'authorization-app-api', aliceAuth)
    },
  },
  {
    row: 61,
    title: 'a signed request while the app lookup fails goes where its headers say, also for /init (W21)',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ metaAnswer: { kind: 'reply', status: 500 } })
      const client = scene.newClient()

      const { headers } = expectEcho(await client.get(app.path('/anything'), scene.signed(app)))
      const init = await client.send({
        method: 'POST',
        target: app.path('/init'),
        headers: scene.signed(app),
        body: '',
      })

      expectHeader(headers, 'ex-app-version', '9.9.9')
      assert.equal(expectStatus(init, 200).body.toString(), '{}')
    },
  },
  {
    row: 62,
    title: 'a signed request with a port that is no number is 400',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ unknown: true })
      for (const port of ['xx', '0', '70000', '80x']) {
        const outcome = await scene
          .newClient()
          .get(app.path('/heartbeat'), scene.signed(app, { 'ex-app-port': port }))

        expectStatus(outcome, 400)
      }
    },
  },
  {
    row: 63,
    title: 'a signed request with a wrong key is dropped and charged to the client, not to the proxy (W8)',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()

      expectDrop(await client.get(app.path('/heartbeat'), scene.signed(app, { 'harp-shared-key': 'wrong' })))

      assert.equal(app.received().length, 0)
      assert.equal(await client.failures(), 1, 'failures')
    },
  },
  {
    row: 64,
    title: 'an empty signature is no signature: routes decide and the gateway signs',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const unsigned = scene.signed(app, { 'AUTHORIZATION-APP-API': '' })
      const client = scene.newClient()

      const { headers } = expectEcho(await client.get(app.path('/public'), unsigned))
      const onUserRoute = await client.get(app.path('/user'), unsigned)
      const onInternal = await client.get(app.path('/init'), unsigned)

      expectHeader(headers, 'authorization-app-api', 'OlRPSw==')
      expectText(onUserRoute, 403, '403 Forbidden')
      expectDrop(onInternal)
    },
  },
  {
    row: 65,
    title: 'five of the six headers are no signature: an internal endpoint is dropped and counted',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      for (const missing of ['AUTHORIZATION-APP-API', 'EX-APP-VERSION', 'ex-app-host', 'ex-app-port']) {
        const client = scene.newClient()

        expectDrop(await client.get(app.path('/heartbeat'), scene.signed(app, { [missing]: null })))

        assert.equal(await client.failures(), 1, `failures without ${missing}`)
      }
      assert.equal(app.received().length, 0)
    },
  },
  {
    row: 66,
    title: 'a signed request skips the routes',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()

      const echo = expectEcho(await scene.newClient().get(app.path('/zzz?q=1'), scene.signed(app)))

      assert.equal(echo.target, '/zzz?q=1')
    },
  },
  {
    row: 67,
    title: 'a declared status to a signed request is not counted',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()

      expectEcho(await client.get(app.path('/bp?status=418'), scene.signed(app)), 418)

      assert.equal(await client.failures(), 0, 'failures')
    },
  },
]
