/** Contract 9.2, first half: who the user is, which route decides, and what the ExApp is told. */
import assert from 'node:assert/strict'
import { elapse } from '../../support/deadline.ts'
import type { FakeRoute } from '../../support/fake-nextcloud.ts'
import type { HeaderLine } from '../../support/http1-wire.ts'
import { expectDrop, expectEcho, expectHeader, expectNoHeader, expectText } from '../outcomes.ts'
import type { Row } from '../row.ts'
import { admin, alice, contractRoutes, publicRoute, route, type Scene } from '../scene.ts'

const anonymousAuth = 'OlRPSw=='
const aliceAuth = 'YWxpY2U6VE9L'
const adminAuth = 'YWRtaW46VE9L'

export const userAndRouteRows: readonly Row[] = [
  {
    row: 21,
    title: 'a public route needs no user lookup and says who asks: nobody',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()

      const { headers } = expectEcho(await scene.newClient().get(app.path('/public')))

      assert.equal(app.userCalls().length, 0)
      expectHeader(headers, 'authorization-app-api', anonymousAuth)
      expectHeader(headers, 'ex-app-id', app.id)
      expectHeader(headers, 'ex-app-version', '1.2.3')
      expectHeader(headers, 'aa-version', '32')
    },
  },
  denied(22, 'anonymous on a user route is 403', '/user', undefined),
  allowed(23, 'a user on a user route', '/user', (scene) => scene.newSession(alice), aliceAuth),
  denied(24, 'a user on an admin route is 403', '/admin', (scene) => scene.newSession(alice)),
  allowed(25, 'an admin on an admin route', '/admin', (scene) => scene.newSession(admin), adminAuth),
  denied(26, 'a session Nextcloud refuses (401) is anonymous: 403', '/user', (scene) =>
    scene.newSession(401),
  ),
  {
    row: 26,
    title: 'a refused session is not remembered',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const session = scene.newSession(401)

      for (let turn = 0; turn < 2; turn += 1) {
        expectText(await scene.newClient().get(app.path('/user'), [session]), 403, '403 Forbidden')
      }

      assert.equal(app.userCalls().length, 2)
    },
  },
  {
    row: 27,
    title: 'a failing user lookup on a user route is 401 and not counted',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()

      expectText(await client.get(app.path('/user'), [scene.newSession(500)]), 401, '401 Unauthorized')

      assert.equal(app.received().length, 0)
      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  allowed(
    28,
    'a failing user lookup does not close a public route',
    '/public',
    (scene) => scene.newSession(500),
    anonymousAuth,
  ),
  allowed(
    29,
    'a refused session on a public route is anonymous',
    '/public',
    (scene) => scene.newSession(401),
    anonymousAuth,
  ),
  {
    row: 30,
    title: 'Basic authentication without a cookie is asked about and counts',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const basic = scene.newBasic(admin)

      const { headers } = expectEcho(await scene.newClient().get(app.path('/admin'), [basic]))

      expectHeader(headers, 'authorization-app-api', adminAuth)
      const [call, ...more] = app.userCalls()
      assert.equal(more.length, 0)
      expectHeader(call?.headers ?? [], 'authorization', basic[1])
    },
  },
  asksOnce(31, 'repeated Basic requests within the lifetime make one call (W19)', (scene) =>
    scene.newBasic(admin),
  ),
  asksOnce(32, 'a session is asked about once within the lifetime', (scene) => scene.newSession(admin)),
  {
    row: 33,
    title: 'a session is asked about again after the lifetime',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const session = scene.newSession(alice)

      expectEcho(await scene.newClient().get(app.path('/user'), [session]))
      await elapse(scene.settings.sessionLifetimeMs + 300)
      expectEcho(await scene.newClient().get(app.path('/user'), [session]))

      assert.equal(app.userCalls().length, 2)
    },
  },
  {
    row: 34,
    title: 'one session on two apps is asked about for each (W18)',
    profile: 'default',
    async run(scene) {
      const [foo, bar] = [scene.newApp(), scene.newApp()]
      const session = scene.newSession(alice)

      for (const app of [foo, bar]) expectEcho(await scene.newClient().get(app.path('/user'), [session]))

      assert.deepEqual([foo.userCalls().length, bar.userCalls().length], [1, 1])
    },
  },
  {
    row: 35,
    title: 'with a session lifetime of 0 every request is asked about',
    profile: 'no-session-cache',
    async run(scene) {
      const app = scene.newApp()
      const session = scene.newSession(alice)

      for (let turn = 0; turn < 2; turn += 1) {
        expectEcho(await scene.newClient().get(app.path('/user'), [session]))
      }

      assert.equal(app.userCalls().length, 2)
    },
  },
  noRoute(36, 'a path without a route is 404', contractRoutes, '/zzz', false),
  noRoute(37, 'the key does not exempt a path without a route', contractRoutes, '/zzz', true),
  {
    row: 38,
    title: 'the first matching route decides, also when a later one would allow',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ routes: [route('^/pub', 2), publicRoute] })

      expectText(await scene.newClient().get(app.path('/public')), 403, '403 Forbidden')
    },
  },
  {
    row: 39,
    title: 'a route that is no regular expression is skipped',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ routes: [route('^/pub(', 2), route('*', 2), publicRoute] })

      expectEcho(await scene.newClient().get(app.path('/public')))
    },
  },
  noRoute(40, 'a route without an anchor is anchored at the start', [route('public', 0)], '/public', false),
  noRoute(41, 'routes are case-sensitive', [route('^/PUBLIC', 0)], '/public', false),
  {
    row: 42,
    title: 'any method is forwarded with its body',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()
      for (const method of ['POST', 'PUT', 'DELETE', 'PROPFIND', 'MKCOL', 'REPORT', 'OPTIONS']) {
        const echo = expectEcho(
          await client.send({ method, target: app.path('/public'), body: `by ${method}` }),
        )

        assert.equal(echo.requestLine, `${method} /public HTTP/1.1`)
        assert.equal(echo.body, `by ${method}`)
      }
    },
  },
  {
    row: 43,
    title: 'headers that speak for the gateway are overwritten, also when doubled',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const forged = ['EX-APP-ID', 'EX-APP-VERSION', 'AUTHORIZATION-APP-API', 'AA-VERSION'].flatMap(
        (name): HeaderLine[] => [
          [name, 'forged'],
          [name.toLowerCase(), 'forged twice'],
        ],
      )

      const { headers } = expectEcho(await scene.newClient().get(app.path('/public'), forged))

      expectHeader(headers, 'ex-app-id', app.id)
      expectHeader(headers, 'ex-app-version', '1.2.3')
      expectHeader(headers, 'authorization-app-api', anonymousAuth)
      expectHeader(headers, 'aa-version', '32')
    },
  },
  {
    row: 44,
    title: 'request id, forwarded address and cookies pass unchanged, and nothing is added',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()
      const sent: HeaderLine[] = [
        ['Host', 'cloud.example:8443'],
        ['AA-REQUEST-ID', 'abc123'],
        ['X-Forwarded-For', client.address],
        ['X-Forwarded-Proto', 'https'],
        ['Cookie', 'a=b; nc_session_id=x'],
      ]

      const { headers } = expectEcho(await client.get(app.path('/public'), sent))

      for (const [name, value] of sent) expectHeader(headers, name, value)
      for (const name of ['via', 'forwarded', 'x-real-ip', 'x-forwarded-host']) expectNoHeader(headers, name)
    },
  },
  {
    row: 45,
    title: 'the internal endpoints are dropped for everybody but AppAPI',
    profile: 'default',
    run: (scene) => expectInternal(scene, ['/heartbeat', '/init', '/enabled', '/enabled?enabled=1']),
  },
  {
    row: 46,
    title: 'other spellings of the internal endpoints are dropped too (W13)',
    profile: 'default',
    run: (scene) =>
      expectInternal(scene, ['/heartbeat/', '//init', '/%69nit', '/%65nabled/', '//heartbeat//']),
  },
]

function allowed(
  row: number,
  title: string,
  path: string,
  identity: (scene: Scene) => HeaderLine,
  auth: string,
): Row {
  return {
    row,
    title,
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()

      const { headers } = expectEcho(await client.get(app.path(path), [identity(scene)]))

      expectHeader(headers, 'authorization-app-api', auth)
      assert.equal(await client.failures(), 0, 'failures')
    },
  }
}

function denied(
  row: number,
  title: string,
  path: string,
  identity: ((scene: Scene) => HeaderLine) | undefined,
): Row {
  return {
    row,
    title: `${title}, one failure`,
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()

      const outcome = await client.get(app.path(path), identity === undefined ? [] : [identity(scene)])

      expectText(outcome, 403, '403 Forbidden')
      assert.equal(app.received().length, 0)
      assert.equal(await client.failures(), 1, 'failures')
    },
  }
}

function asksOnce(row: number, title: string, identity: (scene: Scene) => HeaderLine): Row {
  return {
    row,
    title,
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const line = identity(scene)

      for (let turn = 0; turn < 2; turn += 1) {
        const { headers } = expectEcho(await scene.newClient().get(app.path('/admin'), [line]))
        expectHeader(headers, 'authorization-app-api', adminAuth)
      }

      assert.equal(app.userCalls().length, 1)
    },
  }
}

function noRoute(
  row: number,
  title: string,
  routes: readonly FakeRoute[],
  path: string,
  withKey: boolean,
): Row {
  return {
    row,
    title: `${title}: 404, one failure`,
    profile: 'default',
    async run(scene) {
      const app = scene.newApp({ routes })
      const client = scene.newClient()

      expectText(await client.get(app.path(path), withKey ? [scene.keyed] : []), 404, '404 Not Found')

      assert.equal(app.received().length, 0)
      assert.equal(await client.failures(), 1, 'failures')
    },
  }
}

async function expectInternal(scene: Scene, paths: readonly string[]): Promise<void> {
  const app = scene.newApp({ routes: [route('.*', 0)] })
  for (const path of paths) {
    const client = scene.newClient()

    expectDrop(await client.get(app.path(path), [scene.newSession(admin)]))

    assert.equal(await client.failures(), 1, `failures after ${path}`)
  }
  assert.equal(app.received().length, 0, 'nothing reaches the app')
}
