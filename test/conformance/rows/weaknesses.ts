/** Contract 8: fixed weaknesses of admission that show from outside and have no row of their own in 9. */
import assert from 'node:assert/strict'
import { type HeaderLine, headerValues } from '../../support/http1-wire.ts'
import type { RawOutcome } from '../../support/raw-http.ts'
import {
  expectDrop,
  expectEcho,
  expectHeader,
  expectNoHeader,
  expectStatus,
  expectText,
} from '../outcomes.ts'
import type { Row } from '../row.ts'
import { admin, alice, route } from '../scene.ts'
import { expectRefused } from './app-api-front.ts'

const control = '/exapps/app_api'
const enginePort: HeaderLine = ['docker-engine-port', '24000']

export const weaknessRows: readonly Row[] = [
  {
    row: 'W4',
    title: 'engine ports outside 24000-24099 are refused, and 0 or a word is 400',
    profile: 'default',
    async run(scene) {
      const ping = (port: string): Promise<ReturnType<typeof expectStatus> | undefined> =>
        scene
          .newClient()
          .get(`${control}/v1.44/_ping`, [scene.keyed, ['docker-engine-port', port]])
          .then((outcome) => (outcome.kind === 'response' ? outcome.response : undefined))
      for (const port of ['22', '8780', '23000', '24100', '65535']) {
        assert.equal((await ping(port))?.status, 403, port)
      }
      for (const port of ['0', 'abc', '24000x', '-1']) assert.equal((await ping(port))?.status, 400, port)
    },
  },
  {
    row: 'W5',
    title: 'the allow-list is anchored at its end and knows what an image name is',
    profile: 'default',
    async run(scene) {
      const headers: HeaderLine[] = [scene.keyed, ['docker-engine-port', '24000']]
      for (const path of ['/images/x/jsonfoo', '/v1.44/images/a%2f..%2f..%2fb/json', '/images/a%00b/json']) {
        const outcome = await scene.newClient().get(`${control}${path}`, headers)
        if (outcome.kind === 'response' && outcome.response.status === 400) continue
        if (path.includes('..')) expectDrop(outcome)
        else expectRefused(outcome)
      }
    },
  },
  {
    row: 'W6',
    title: 'the key and the addresses of AppAPI never reach the app, on any branch',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const secrets: HeaderLine[] = [
        scene.keyed,
        ['Docker-Engine-Port', '24000'],
        ['EX-APP-HOST', '10.9.8.7'],
        ['EX-APP-PORT', '23001'],
      ]
      const cookie: HeaderLine = ['Cookie', 'nc_session_id=kept']

      const outcomes = [
        await scene.newClient().get(app.path('/public'), [...secrets, cookie]),
        await scene
          .newClient()
          .get(app.path('/public'), [...scene.signed(app), ['docker-engine-port', '24000'], cookie]),
      ]

      for (const outcome of outcomes) {
        const { headers } = expectEcho(outcome)
        for (const name of ['harp-shared-key', 'docker-engine-port', 'ex-app-host', 'ex-app-port']) {
          expectNoHeader(headers, name)
        }
        expectHeader(headers, 'cookie', cookie[1])
      }
    },
  },
  {
    row: 'W7',
    title: 'a trusted proxy that names no client is never banned itself',
    profile: 'default',
    async run(scene) {
      const peer = scene.newPeer()
      for (let turn = 0; turn < scene.blacklistCount + 3; turn += 1) {
        expectText(await peer.fail(), 404, '404 Not Found')
      }

      // NOTE: a client the proxy does name is banned all the same, so bans are on at all.
      assert.equal(await scene.newClient().failures(), 0, 'failures')
    },
  },
  {
    row: 'W10',
    title: 'control characters in a header are 400 and make no header of their own',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      for (const character of ['\0', '\v', '\f', '\x1c', '\x7f', '\r', '\n']) {
        const value = `a${character}x-forwarded-for: 10.1.1.1`
        const outcome = await scene.newClient().get(app.path('/public'), [['X-Odd', value]])
        // NOTE: a bare LF would end the line; whatever a gateway makes of it, no app may see the rest as a header.
        if (character === '\n' && outcome.kind === 'response' && outcome.response.status === 200) {
          assert.fail('a bare LF was taken for the end of a line')
        }
        expectStatus(outcome, 400)
      }
      assert.equal(app.received().length, 0)
    },
  },
  {
    row: 'W14',
    title:
      "Python's route dialect works: look-around, back-references, named groups, inline flags, \\A and \\Z",
    profile: 'default',
    async run(scene) {
      const dialect: readonly (readonly [string, string, string])[] = [
        ['^/(?!private).+', '/open', '/private/x'],
        ['^/(?P<kind>a|b)/(?P=kind)$', '/a/a', '/a/b'],
        ['(?i)^/mixed', '/MiXeD', '/fixed'],
        ['\\A/exact\\Z', '/exact', '/exactly'],
        ['^/api/v\\d+(/.*)?$', '/api/v12/x', '/api/vx'],
        ['/(?<=/)behind', '/behind', '/ahead'],
        ['^/(\\w+)-\\1$', '/ab-ab', '/ab-ac'],
        ['^/(?>x+)y', '/xxy', '/yx'],
      ]
      for (const [url, matching, other] of dialect) {
        const app = scene.newApp({ routes: [route(url, 0)] })
        expectEcho(await scene.newClient().get(app.path(matching)))
        expectText(await scene.newClient().get(app.path(other)), 404, '404 Not Found')
      }
    },
  },
  {
    row: 'W15',
    title: 'an escaped path must be allowed in both readings',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ routes: [route('^/admin', 2), route('^/.*', 0)] })
      const client = scene.newClient()

      expectText(await client.get(app.path('/%61dmin')), 403, '403 Forbidden')
      assert.equal(app.received().length, 0)
      const asAdmin = await scene.newClient().get(app.path('/%61dmin'), [scene.newSession(admin)])
      assert.equal(expectEcho(asAdmin).target, '/%61dmin')
      expectEcho(await scene.newClient().get(app.path('/a%20b')))
      expectDrop(await scene.newClient().get(app.path('/x%2F..')))
      assert.equal(await client.failures(), 1, 'failures')
    },
  },
  {
    row: 'W16',
    title: 'an app without a slash keeps its query on a valid request line',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()

      const echo = expectEcho(await scene.newClient().get(app.path('?a=1')))

      assert.equal(echo.requestLine, 'GET /?a=1 HTTP/1.1')
    },
  },
  {
    row: 'W18',
    title: "a request with someone's cookie and another's password leaves the cookie's user alone",
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const session = scene.newSession(alice)

      const mixed = expectEcho(
        await scene.newClient().get(app.path('/user'), [session, scene.newBasic(admin)]),
      )
      const plain = await scene.newClient().get(app.path('/admin'), [session])

      assert.ok(headerValues(mixed.headers, 'authorization-app-api').length === 1)
      expectText(plain, 403, '403 Forbidden')
      assert.equal(app.userCalls().length, 2)
    },
  },
  {
    row: 'W20',
    title: 'user-info is told who asks and nothing else of the request',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()
      const told: HeaderLine[] = [
        scene.newSession(alice),
        ['Authorization', 'Bearer told'],
        ['User-Agent', 'agent told'],
        ['Accept-Language', 'told'],
        ['X-Forwarded-For', client.address],
        ['X-Forwarded-Proto', 'https'],
        ['X-Real-IP', client.address],
        ['requesttoken', 'told'],
        ['OCS-APIRequest', 'true'],
      ]
      const kept: HeaderLine[] = [
        ['Expect', '100-continue'],
        ['Transfer-Encoding', 'chunked'],
        ['Range', 'bytes=0-1'],
        ['Content-Type', 'text/kept'],
        ['If-None-Match', '"kept"'],
        ['X-Custom', 'kept'],
        ['Referer', 'http://kept.example/'],
      ]
      await using connection = await client.open()
      await connection.sendRequest({ method: 'PUT', target: app.path('/user'), headers: [...told, ...kept] })
      await connection.send('3\r\nabc\r\n0\r\n\r\n')

      expectEcho(await connection.readOutcome({ method: 'PUT' }))
      const [call] = app.userCalls()
      assert.ok(call !== undefined)
      assert.equal(call.method, 'GET')
      for (const [name, value] of told) expectHeader(call.headers, name, value)
      expectHeader(call.headers, 'harp-shared-key', scene.settings.key)
      for (const name of [...kept.map(([each]) => each), 'Upgrade', 'Content-Length']) {
        expectNoHeader(call.headers, name)
      }
    },
  },
  {
    row: 'W26',
    title: 'an id that can be no app is never asked about',
    profile: 'default',
    async run(scene) {
      const before = scene.nextcloud.calls().length
      const marker = scene.newAppId()
      for (const id of [
        `${marker}.x`,
        `${marker}%20`,
        `${marker}~`,
        `${marker};a=b`,
        `${marker}@`,
        `${marker}%2fx`,
      ]) {
        const client = scene.newClient()
        expectText(await client.get(`/exapps/${id}/public`), 404, '404 Not Found')
        assert.equal(await client.failures(), 1, `failures after ${id}`)
      }

      const asked = scene.nextcloud.calls().slice(before)
      assert.deepEqual(
        asked.filter((call) => call.target.includes(marker)),
        [],
      )
    },
  },
  {
    row: 'W28',
    title: 'a certificate bundle over 1 MiB is read, and a pushed record that is no JSON is 400',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ unknown: true })
      const client = scene.newClient()
      const post = (route: string, body: string): Promise<RawOutcome> =>
        client.send({
          method: 'POST',
          target: `${control}${route}`,
          headers: [scene.keyed, enginePort],
          body,
        })
      const bundle = '-----BEGIN CERTIFICATE-----\n'.padEnd(2 * 1024 * 1024, 'x')

      const installed = await post(
        '/docker/exapp/install_certificates',
        JSON.stringify({
          name: app.id,
          instance_id: '',
          system_certs_bundle: bundle,
          install_frp_certs: false,
        }),
      )
      assert.ok(installed.kind === 'response' && ![400, 413].includes(installed.response.status))

      const push = (body: string): Promise<RawOutcome> =>
        client.send({
          method: 'POST',
          target: `${control}/exapp_storage/${app.id}`,
          headers: [scene.keyed],
          body,
        })
      expectStatus(await push('{"exapp_token":'), 400)
      const large = JSON.stringify({ ...app.record, filler: 'x'.repeat(2 * 1024 * 1024) })
      expectText(await push(large), 413, 'Maximum request body size 1048576 exceeded.')
    },
  },
]
