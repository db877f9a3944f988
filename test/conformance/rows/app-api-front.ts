/** Contract 9.5: the control API under /exapps/app_api/, as far as the gateway decides it by itself. */
import assert from 'node:assert/strict'
import { type HeaderLine, headerValue, headerValues } from '../../support/http1-wire.ts'
import type { RawOutcome } from '../../support/raw-http.ts'
import { expectEcho, expectHeader, expectStatus, expectStockPage, expectText, jsonOf } from '../outcomes.ts'
import type { Row } from '../row.ts'
import { publicRoute, type Scene, type TestApp } from '../scene.ts'

const control = '/exapps/app_api'
const enginePort: HeaderLine = ['docker-engine-port', '24000']

/** The allow-list's refusal, byte for byte. */
export function expectRefused(outcome: RawOutcome): void {
  const response = expectStockPage(outcome, 403, 'Forbidden')
  assert.equal(
    response.body.toString(),
    '<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n',
  )
}

function push(scene: Scene, id: string, body: unknown, client = scene.newClient()): Promise<RawOutcome> {
  return client.send({
    method: 'POST',
    target: `${control}/exapp_storage/${id}`,
    headers: [scene.keyed, ['Content-Type', 'application/json']],
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

function expectEmpty(outcome: RawOutcome): void {
  assert.equal(expectStatus(outcome, 204).body.length, 0)
}

async function expectRoutable(scene: Scene, app: TestApp, metaCalls: number): Promise<void> {
  const { headers } = expectEcho(await scene.newClient().get(app.path('/public')))
  expectHeader(headers, 'ex-app-version', app.record.exapp_version)
  assert.equal(app.metaCalls().length, metaCalls, 'calls for metadata')
}

export const appApiFrontRows: readonly Row[] = [
  {
    row: 82,
    title: 'without the key the control API is 401, one failure',
    profile: 'default',
    async run(scene) {
      const client = scene.newClient()

      expectText(await client.get(`${control}/info`), 401, '401 Unauthorized')

      assert.equal(await client.failures(), 1, 'failures')
    },
  },
  {
    row: 83,
    title: '/info tells the version and what is there',
    profile: 'default',
    async run(scene) {
      const response = expectStatus(await scene.newClient().get(`${control}/info`, [scene.keyed]), 200)

      const info = jsonOf(response)
      assert.match(headerValue(response.headers, 'content-type') ?? '', /^application\/json\b/)
      assert.match(String(info['version']), /^\d+\.\d+\.\d+$/)
      assert.equal(info['docker'], true)
      assert.equal(typeof (info['kubernetes'] as Record<string, unknown>)['enabled'], 'boolean')
    },
  },
  {
    row: 84,
    title: '/info with an engine port is a request to the engine, which the allow-list refuses',
    profile: 'default',
    async run(scene) {
      expectRefused(await scene.newClient().get(`${control}/info`, [scene.keyed, enginePort]))
    },
  },
  {
    row: 85,
    title: 'a wrong method is 405 with Allow',
    profile: 'default',
    async run(scene) {
      const client = scene.newClient()

      const outcome = await client.send({
        method: 'POST',
        target: `${control}/info`,
        headers: [scene.keyed],
        body: '',
      })

      const response = expectText(outcome, 405, '405: Method Not Allowed')
      assert.match(headerValues(response.headers, 'allow').join(), /\bGET\b/)
      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 86,
    title: 'an unknown control route is 404 in its own words',
    profile: 'default',
    async run(scene) {
      const client = scene.newClient()

      expectText(await client.get(`${control}/nope`, [scene.keyed]), 404, '404: Not Found')

      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 87,
    title: 'APP_API in capitals is an app that nobody knows',
    profile: 'default',
    async run(scene) {
      expectText(await scene.newClient().get('/exapps/APP_API/info', [scene.keyed]), 404, '404 Not Found')
    },
  },
  {
    row: 93,
    title: 'containers that are no ExApp are refused',
    profile: 'default',
    async run(scene) {
      for (const name of ['other', 'nc_app_', 'xnc_app_foo', 'nc_app_foo%2f..', 'nc_app_a/b']) {
        const target = `${control}/v1.44/containers/${name}/json`
        const outcome = await scene.newClient().get(target, [scene.keyed, enginePort])
        // NOTE: an escaped parent segment never gets as far as the allow-list (case 11).
        if (name.endsWith('..')) assert.equal(outcome.kind, 'drop')
        else expectRefused(outcome)
      }
    },
  },
  {
    row: 95,
    title: 'everything else of the engine is refused',
    profile: 'default',
    async run(scene) {
      const client = scene.newClient()
      const refused: readonly (readonly [string, string])[] = [
        ['POST', '/v1.44/containers/create'],
        ['GET', '/v1.44/version'],
        ['GET', '/v1.44/info'],
        ['GET', '/info'],
        ['DELETE', '/v1.44/containers/nc_app_foo'],
        ['DELETE', '/v1.44/_ping'],
        ['POST', '/v1.44/_ping'],
        ['GET', '/v1.44/_ping/x'],
        ['POST', '/v1.44/images/createfoo?fromImage=x'],
        ['GET', '/v1.44/images/create?fromImage=x'],
        ['DELETE', '/v1.44/images/create?fromImage=x'],
        ['POST', '/v1.44/containers/nc_app_foo/json'],
      ]
      for (const [method, path] of refused) {
        const headers = [scene.keyed, enginePort]
        const body = method === 'POST' ? { body: '{}' } : {}
        expectRefused(await client.send({ method, target: `${control}${path}`, headers, ...body }))
      }
      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 96,
    title: 'an engine port that is no number is 400',
    profile: 'default',
    async run(scene) {
      const headers: HeaderLine[] = [scene.keyed, ['docker-engine-port', 'abc']]

      expectStatus(await scene.newClient().get(`${control}/v1.44/_ping`, headers), 400)
    },
  },
  {
    row: 98,
    title: 'a pushed record is used at once, under its id in lower case, without Nextcloud',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ unknown: true, routes: [publicRoute], record: { exapp_version: '4.5.6' } })

      expectEmpty(await push(scene, app.id.toUpperCase(), app.record))

      await expectRoutable(scene, app, 0)
    },
  },
  {
    row: 99,
    title: 'a pushed record may carry its numbers as texts',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ unknown: true })
      const texts = {
        ...app.record,
        port: String(app.record.port),
        routes: [{ url: '^/public', access_level: '0', bruteforce_protection: ['401'] }],
      }

      expectEmpty(await push(scene, app.id, texts))

      await expectRoutable(scene, app, 0)
    },
  },
  {
    row: 100,
    title: 'a pushed record that is not one is 400',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ unknown: true })
      const { exapp_token: _token, ...withoutToken } = app.record
      const bad: unknown[] = [
        withoutToken,
        { ...app.record, routes: [{ ...publicRoute, access_level: 3 }] },
        { ...app.record, routes: [{ ...publicRoute, bruteforce_protection: null }] },
        { ...app.record, port: 'http' },
        '[]',
        '{"exapp_token":',
      ]
      for (const body of bad) expectStatus(await push(scene, app.id, body), 400)

      expectText(await scene.newClient().get(app.path('/public')), 404, '404 Not Found')
    },
  },
  {
    row: 101,
    title: 'a record is evicted once, whatever the spelling of its id',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ unknown: true })
      expectEmpty(await push(scene, app.id, app.record))
      const evict = (id: string): Promise<RawOutcome> =>
        scene
          .newClient()
          .send({ method: 'DELETE', target: `${control}/exapp_storage/${id}`, headers: [scene.keyed] })

      expectEmpty(await evict(app.id.toUpperCase()))
      expectText(await evict(app.id), 404, '404: Not Found')

      expectText(await scene.newClient().get(app.path('/public')), 404, '404 Not Found')
      assert.equal(app.metaCalls().length, 1, 'Nextcloud is asked again')
    },
  },
  {
    row: 102,
    title: 'a push ends the memory of "unknown"',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ unknown: true })
      expectText(await scene.newClient().get(app.path('/public')), 404, '404 Not Found')

      expectEmpty(await push(scene, app.id, app.record))

      await expectRoutable(scene, app, 1)
    },
  },
]
