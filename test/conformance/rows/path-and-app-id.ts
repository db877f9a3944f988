/** Contract 9.1: which paths name an ExApp, and which are refused before anything is looked up. */
import assert from 'node:assert/strict'
import { expectDrop, expectEcho, expectText } from '../outcomes.ts'
import type { Row } from '../row.ts'
import { contractRoutes, route, type Scene, type TestApp } from '../scene.ts'

interface PathCase {
  readonly row: number
  readonly title: string
  readonly path: (app: TestApp) => string
  readonly expected: 'drop' | 404
  readonly extraRoutes?: readonly string[]
}

const refused: readonly PathCase[] = [
  { row: 1, title: 'the root is no app', path: () => '/', expected: 404 },
  { row: 5, title: 'the bare slash of an app has no route', path: (app) => app.path('/'), expected: 404 },
  { row: 6, title: 'an empty app id', path: () => '/exapps//public', expected: 404 },
  {
    row: 7,
    title: 'a doubled slash before exapps is another path',
    path: (app) => `//exapps/${app.id}/public`,
    expected: 404,
    extraRoutes: ['^//exapps', '^/'],
  },
  {
    row: 8,
    title: 'exapps deeper in the path is another path',
    path: (app) => `/x/exapps/${app.id}/public`,
    expected: 404,
    extraRoutes: ['/x/exapps', '^/'],
  },
  { row: 9, title: 'a parent segment', path: (app) => app.path('/public/../admin'), expected: 'drop' },
  {
    row: 10,
    title: 'a parent segment in escapes',
    path: (app) => app.path('/public/%2e%2E/admin'),
    expected: 'drop',
  },
  {
    row: 11,
    title: 'a parent segment between escaped slashes',
    path: (app) => app.path('/public%2f..%2fadmin'),
    expected: 'drop',
  },
  { row: 12, title: 'a parent segment at the end', path: (app) => app.path('/public/..'), expected: 'drop' },
  {
    row: 17,
    title: 'an escaped letter does not match the raw route',
    path: (app) => app.path('/%70ublic'),
    expected: 404,
  },
]

const passed: readonly { row: number; title: string; sent: string; received: string }[] = [
  {
    row: 2,
    title: 'an app path reaches the app with its query',
    sent: '/public?a=b',
    received: '/public?a=b',
  },
  { row: 4, title: 'an app without a slash receives a valid request line', sent: '', received: '/' },
  { row: 13, title: 'three dots are a name', sent: '/public/.../x', received: '/public/.../x' },
  { row: 14, title: 'a single dot is not normalised', sent: '/public/./x', received: '/public/./x' },
  { row: 15, title: 'dots in the query are data', sent: '/public?x=/../y', received: '/public?x=/../y' },
  {
    row: 16,
    title: 'twice escaped dots keep their escapes',
    sent: '/public/%252e%252e/x',
    received: '/public/%252e%252e/x',
  },
  {
    row: 18,
    title: 'raw UTF-8 in a path arrives percent-encoded',
    sent: `/public/${Buffer.from('é').toString('latin1')}`,
    received: '/public/%c3%a9',
  },
]

async function runRefused(scene: Scene, each: PathCase): Promise<void> {
  const routes = [...contractRoutes, ...(each.extraRoutes ?? []).map((url) => route(url, 0))]
  const app = scene.newApp({ routes })
  const client = scene.newClient()

  const outcome = await client.get(each.path(app))

  if (each.expected === 'drop') expectDrop(outcome)
  else expectText(outcome, 404, '404 Not Found')
  assert.equal(app.received().length, 0, 'nothing reaches the app')
  assert.equal(await client.failures(), 1, 'failures')
}

export const pathAndAppIdRows: readonly Row[] = [
  ...refused.map((each): Row => ({
    row: each.row,
    title: `${each.title}: ${each.expected === 'drop' ? 'dropped' : '404'}, one failure`,
    profile: 'default',
    run: (scene) => runRefused(scene, each),
  })),
  ...passed.map((each): Row => ({
    row: each.row,
    title: each.title,
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const client = scene.newClient()

      const echo = expectEcho(await client.get(app.path(each.sent)))

      assert.equal(echo.requestLine, `GET ${each.received} HTTP/1.1`)
      assert.equal(await client.failures(), 0, 'failures')
    },
  })),
  {
    row: 3,
    title: 'an id in capitals is the same app, asked for in lower case, forwarded as spelled',
    profile: 'default',
    async run(scene) {
      const app = scene.newApp()
      const spelled = app.id.toUpperCase()

      const echo = expectEcho(await scene.newClient().get(`/exapps/${spelled}/public`))

      assert.equal(echo.target, '/public')
      assert.deepEqual(
        echo.headers.filter(([name]) => name.toLowerCase() === 'ex-app-id').map(([, value]) => value),
        [spelled],
      )
      assert.equal(app.metaCalls().length, 1)
    },
  },
  {
    row: 19,
    title: 'a parent segment with the key is dropped and not counted',
    profile: 'default',
    async run(scene) {
      const client = scene.newClient()

      expectDrop(await client.get(scene.newApp().path('/public/../admin'), [scene.keyed]))

      assert.equal(await client.failures(), 0, 'failures')
    },
  },
  {
    row: 20,
    title: 'a path without an app with the key is 404 and not counted',
    profile: 'default',
    async run(scene) {
      const client = scene.newClient()

      expectText(await client.get('/nothing', [scene.keyed]), 404, '404 Not Found')

      assert.equal(await client.failures(), 0, 'failures')
    },
  },
]
