import { describe, expect, test } from 'vitest'
import { decide, type AccessRequest, type AppLookup, type Decision, type Facts } from './decision.ts'
import type { ExAppRecord, HostLookup, UserLookup } from './exapp-record.ts'
import { RoutePolicy } from './route-policy.ts'
import { compileRoutePattern } from './route-pattern/route-pattern.ts'

/** The app of the contract's section 9. */
const record: ExAppRecord = {
  appId: 'foo',
  token: 'TOK',
  version: '1.2.3',
  host: '127.0.0.1',
  port: 23_000,
  routes: (
    [
      ['^/public', 0, []],
      ['^/bp', 0, [401, 418]],
      ['^/user', 1, []],
      ['^/admin', 2, []],
      ['^$', 0, []],
    ] as const
  ).map(([pattern, accessLevel, bruteForceStatuses]) => ({
    pattern: compileRoutePattern(pattern),
    accessLevel,
    bruteForceStatuses,
  })),
}

function known(app: ExAppRecord): AppLookup {
  const policy = new RoutePolicy(app.routes)
  return { kind: 'known', app: { record: app, requirementFor: (path) => policy.requirementFor(path) } }
}

const foo = known(record)
const here: HostLookup = { kind: 'resolved', address: '127.0.0.1' }
const alice: UserLookup = { kind: 'user', userId: 'alice', accessLevel: 1 }
const admin: UserLookup = { kind: 'user', userId: 'admin', accessLevel: 2 }
const nobody: UserLookup = { kind: 'anonymous' }
const unavailable: UserLookup = { kind: 'unavailable' }
const appApi = { authorization: 'c2lnbmVk', version: '9.9.9', host: '127.0.0.9', port: '23009' }

const plain: AccessRequest = {
  method: 'GET',
  path: '/',
  key: 'absent',
  appApi: null,
  enginePort: '',
  hasCredentials: false,
  isBanned: false,
}

interface Row {
  readonly row: string
  readonly request: Partial<AccessRequest>
  readonly facts?: Facts
  /** Reason, and `+1` where the client is charged; or what is forwarded. */
  readonly expected: string
}

function summarize(decision: Decision): string {
  switch (decision.kind) {
    case 'refuse':
      return decision.failure ? `${decision.reason} +1` : decision.reason
    case 'forward':
      return `${decision.reason} ${decision.appId} ${decision.targetPath} ${decision.authorization} ${decision.version} ${decision.address}:${decision.port}`
    case 'control':
      return `control ${decision.path}`
    case 'engine':
      return `engine ${decision.port} ${decision.path}`
  }
}

/** Answers every need from the row's facts; a fact that the row does not give must not be asked for. */
function run(request: AccessRequest, facts: Facts): string {
  let given: Facts = {}
  for (let step = 0; step < 5; step++) {
    const decision = decide(request, given)
    if (decision.kind !== 'need') return summarize(decision)
    const fact = facts[decision.fact]
    if (fact === undefined) return `asked for ${decision.fact}`
    given = { ...given, [decision.fact]: fact }
  }
  return 'no decision'
}

const anonymous = 'OlRPSw== 1.2.3 127.0.0.1:23000'
const facts = { app: foo, host: here }

const pathRows: Row[] = [
  { row: '1 no app id', request: { path: '/' }, expected: 'no-app-id +1' },
  {
    row: '2 public',
    request: { path: '/exapps/foo/public' },
    facts,
    expected: `forward-public foo /public ${anonymous}`,
  },
  {
    row: '3 spelling',
    request: { path: '/exapps/FOO/public' },
    facts,
    expected: `forward-public FOO /public ${anonymous}`,
  },
  {
    row: '4 empty target',
    request: { path: '/exapps/foo' },
    facts,
    expected: `forward-public foo / ${anonymous}`,
  },
  { row: '5 slash target', request: { path: '/exapps/foo/' }, facts, expected: 'no-route +1' },
  { row: '6 empty id', request: { path: '/exapps//public' }, expected: 'no-app-id +1' },
  { row: '7 double slash', request: { path: '//exapps/foo/public' }, expected: 'no-app-id +1' },
  { row: '8 prefix before', request: { path: '/x/exapps/foo/public' }, expected: 'no-app-id +1' },
  { row: '9 parent', request: { path: '/exapps/foo/public/../admin' }, expected: 'parent-segment +1' },
  {
    row: '10 escaped parent',
    request: { path: '/exapps/foo/public/%2e%2E/admin' },
    expected: 'parent-segment +1',
  },
  {
    row: '11 escaped slashes',
    request: { path: '/exapps/foo/public%2f..%2fadmin' },
    expected: 'parent-segment +1',
  },
  { row: '12 parent at the end', request: { path: '/exapps/foo/public/..' }, expected: 'parent-segment +1' },
  {
    row: '13 three dots',
    request: { path: '/exapps/foo/public/.../x' },
    facts,
    expected: `forward-public foo /public/.../x ${anonymous}`,
  },
  {
    row: '14 single dot',
    request: { path: '/exapps/foo/public/./x' },
    facts,
    expected: `forward-public foo /public/./x ${anonymous}`,
  },
  {
    row: '16 double escape',
    request: { path: '/exapps/foo/public/%252e%252e/x' },
    facts,
    expected: `forward-public foo /public/%252e%252e/x ${anonymous}`,
  },
  { row: '17 escaped letter', request: { path: '/exapps/foo/%70ublic' }, facts, expected: 'no-route +1' },
  {
    row: '18 non-ASCII',
    request: { path: '/exapps/foo/public/%c3%a9' },
    facts,
    expected: `forward-public foo /public/%c3%a9 ${anonymous}`,
  },
  {
    row: '19 parent with key',
    request: { path: '/exapps/foo/public/../admin', key: 'valid' },
    expected: 'parent-segment',
  },
  { row: '20 no app id with key', request: { path: '/nothing', key: 'valid' }, expected: 'no-app-id' },
  { row: 'W26 id grammar', request: { path: '/exapps/f%6fo/public' }, expected: 'app-id-grammar +1' },
  {
    row: 'W26 id grammar with key',
    request: { path: '/exapps/a.b/public', key: 'valid' },
    expected: 'app-id-grammar',
  },
]

const cookie = { hasCredentials: true }
const userRows: Row[] = [
  {
    row: '21 no cookie: nobody is asked',
    request: { path: '/exapps/foo/public' },
    facts,
    expected: `forward-public foo /public ${anonymous}`,
  },
  {
    row: '22 user route, no cookie',
    request: { path: '/exapps/foo/user' },
    facts,
    expected: 'route-denied +1',
  },
  {
    row: '23 user route, user',
    request: { path: '/exapps/foo/user', ...cookie },
    facts: { ...facts, user: alice },
    expected: 'forward-user foo /user YWxpY2U6VE9L 1.2.3 127.0.0.1:23000',
  },
  {
    row: '24 admin route, user',
    request: { path: '/exapps/foo/admin', ...cookie },
    facts: { ...facts, user: alice },
    expected: 'route-denied +1',
  },
  {
    row: '25 admin route, admin',
    request: { path: '/exapps/foo/admin', ...cookie },
    facts: { ...facts, user: admin },
    expected: 'forward-user foo /admin YWRtaW46VE9L 1.2.3 127.0.0.1:23000',
  },
  {
    row: '26 refused session',
    request: { path: '/exapps/foo/user', ...cookie },
    facts: { ...facts, user: nobody },
    expected: 'route-denied +1',
  },
  {
    row: '27 Nextcloud fails',
    request: { path: '/exapps/foo/user', ...cookie },
    facts: { ...facts, user: unavailable },
    expected: 'user-unavailable',
  },
  {
    row: '28 Nextcloud fails on a public route',
    request: { path: '/exapps/foo/public', ...cookie },
    facts: { ...facts, user: unavailable },
    expected: `forward-public foo /public ${anonymous}`,
  },
  {
    row: '29 refused session on a public route',
    request: { path: '/exapps/foo/public', ...cookie },
    facts: { ...facts, user: nobody },
    expected: `forward-public foo /public ${anonymous}`,
  },
  { row: '36 no route', request: { path: '/exapps/foo/zzz' }, facts, expected: 'no-route +1' },
  {
    row: '37 no route with key',
    request: { path: '/exapps/foo/zzz', key: 'valid' },
    facts,
    expected: 'no-route +1',
  },
  {
    row: '42 any method',
    request: { method: 'PROPFIND', path: '/exapps/foo/public' },
    facts,
    expected: `forward-public foo /public ${anonymous}`,
  },
  ...[
    'heartbeat',
    'init',
    'enabled',
    'heartbeat/',
    '/init',
    '%69nit',
    './enabled',
    'enabled/.',
    'heartbeat%2F',
  ].map((path) => ({
    row: `45, 46 internal endpoint ${path}`,
    request: { path: `/exapps/foo/${path}`, ...cookie },
    facts: { ...facts, user: admin },
    expected: 'internal-endpoint +1',
  })),
  {
    row: '48 unknown app',
    request: { path: '/exapps/bar/x' },
    facts: { app: { kind: 'unknown' } },
    expected: 'app-unknown +1',
  },
  {
    row: '49 unknown app with key',
    request: { path: '/exapps/bar/x', key: 'valid' },
    facts: { app: { kind: 'unknown' } },
    expected: 'app-unknown',
  },
  {
    row: '51 metadata fails',
    request: { path: '/exapps/bar/x' },
    facts: { app: { kind: 'unavailable' } },
    expected: 'nextcloud-unavailable',
  },
  {
    row: '52 metadata broken',
    request: { path: '/exapps/bar/x' },
    facts: { app: { kind: 'invalid' } },
    expected: 'record-invalid',
  },
  {
    row: '53 host unresolved',
    request: { path: '/exapps/foo/public' },
    facts: { app: foo, host: { kind: 'unresolved' } },
    expected: 'host-unresolved',
  },
]

const signed = { appApi, key: 'valid' as const }
const appApiRows: Row[] = [
  {
    row: '59 signed',
    request: { path: '/exapps/foo/heartbeat', ...signed },
    facts,
    expected: 'forward-signed foo /heartbeat c2lnbmVk 1.2.3 127.0.0.1:23000',
  },
  {
    row: '60 signed, unknown app',
    request: { path: '/exapps/bar/heartbeat', ...signed },
    facts: { app: { kind: 'unknown' }, host: here },
    expected: 'forward-signed bar /heartbeat c2lnbmVk 9.9.9 127.0.0.1:23009',
  },
  {
    row: '61 signed, metadata fails',
    request: { path: '/exapps/boom/init', ...signed },
    facts: { app: { kind: 'unavailable' }, host: here },
    expected: 'forward-signed boom /init c2lnbmVk 9.9.9 127.0.0.1:23009',
  },
  {
    row: '62 signed, bad port',
    request: { path: '/exapps/bar2/init', key: 'valid', appApi: { ...appApi, port: 'xx' } },
    facts: { app: { kind: 'unknown' } },
    expected: 'app-api-port',
  },
  {
    row: '63 wrong key',
    request: { path: '/exapps/foo/heartbeat', key: 'wrong', appApi },
    expected: 'app-api-key +1',
  },
  {
    row: '64 signed by nobody',
    request: { path: '/exapps/foo/public', key: 'valid', appApi: { ...appApi, authorization: '' } },
    facts,
    expected: `forward-public foo /public ${anonymous}`,
  },
  {
    row: '65 five of six',
    request: { path: '/exapps/foo/heartbeat', key: 'valid' },
    facts,
    expected: 'internal-endpoint +1',
  },
  {
    row: '66 no route needed',
    request: { path: '/exapps/foo/zzz', ...signed },
    facts,
    expected: 'forward-signed foo /zzz c2lnbmVk 1.2.3 127.0.0.1:23000',
  },
]

const controlRows: Row[] = [
  {
    row: '69 banned with key',
    request: { path: '/exapps/app_api/info', key: 'valid', isBanned: true },
    expected: 'control /info',
  },
  { row: '68 banned', request: { path: '/exapps/foo/public', isBanned: true }, expected: 'banned' },
  { row: '82 no key', request: { path: '/exapps/app_api/info' }, expected: 'control-key +1' },
  {
    row: '80 wrong key',
    request: { path: '/exapps/app_api/info', key: 'wrong' },
    expected: 'control-key +1',
  },
  { row: '83 key', request: { path: '/exapps/app_api/info', key: 'valid' }, expected: 'control /info' },
  {
    row: '84 engine port on a control route',
    request: { path: '/exapps/app_api/info', key: 'valid', enginePort: '24000' },
    expected: 'engine-forbidden',
  },
  {
    row: 'docker routes keep the port for themselves',
    request: {
      method: 'POST',
      path: '/exapps/app_api/docker/exapp/create',
      key: 'valid',
      enginePort: '24000',
    },
    expected: 'control /docker/exapp/create',
  },
  {
    row: '87 case',
    request: { path: '/exapps/APP_API/info', key: 'valid' },
    facts: { app: { kind: 'unknown' } },
    expected: 'app-unknown',
  },
  {
    row: '96 garbage port',
    request: { path: '/exapps/app_api/v1.44/_ping', key: 'valid', enginePort: 'abc' },
    expected: 'engine-port-invalid',
  },
  {
    row: 'W4 foreign port',
    request: { path: '/exapps/app_api/v1.44/_ping', key: 'valid', enginePort: '6379' },
    expected: 'engine-port-forbidden',
  },
  ...(
    [
      ['GET', '/v1.44/_ping', true],
      ['HEAD', '/v1.44/_ping', true],
      ['GET', '/_ping', true],
      ['GET', '/v1.44/images/ghcr.io/a/b:c/json', true],
      ['GET', '/v1.44/images/localhost:5000/a/b@sha256:0123456789abcdef0123456789abcdef/json', true],
      ['GET', '/v1.44/images/a%3Ab/json', true],
      ['GET', '/v1.44/containers/nc_app_foo/json', true],
      ['GET', '/v1.44/containers/nc_app_foo/logs', true],
      ['POST', '/v1.44/images/create', true],
      ['GET', '/v1.44/containers/other/json', false],
      ['GET', '/v1.44/containers/nc_app_/json', false],
      ['GET', '/v1.44/images/x/jsonfoo', false],
      ['GET', '/v1.44/images/x%2fy/json', false],
      ['GET', '/v1.44/images/x//y/json', false],
      ['GET', '/v1.44/_pingx', false],
      ['GET', '/v../_ping', false],
      ['POST', '/v1.44/images/createfoo', false],
      ['POST', '/v1.44/_ping', false],
      ['POST', '/v1.44/containers/create', false],
      ['GET', '/v1.44/version', false],
      ['GET', '/v1.44/info', false],
      ['DELETE', '/v1.44/containers/nc_app_foo', false],
    ] as const
  ).map(([method, path, isAllowed]) => ({
    row: `88-95, W5 ${method} ${path}`,
    request: { method, path: `/exapps/app_api${path}`, key: 'valid' as const, enginePort: '24000' },
    expected: isAllowed ? `engine 24000 ${path}` : 'engine-forbidden',
  })),
]

describe.each([
  ['9.1 path and app id', pathRows],
  ['9.2 users and routes', userRows],
  ['9.3 AppAPI-signed', appApiRows],
  ['9.4 bans, 9.5 control', controlRows],
])('%s', (_, rows) => {
  test.each(rows)('row $row', ({ request, facts: given, expected }) => {
    expect(run({ ...plain, ...request }, given ?? {})).toBe(expected)
  })
})

test('the decoded path may be protected more strictly than the raw one (W15)', () => {
  const app = known({
    ...record,
    routes: [
      { pattern: compileRoutePattern('^/admin'), accessLevel: 2, bruteForceStatuses: [] },
      { pattern: compileRoutePattern('^/.*'), accessLevel: 0, bruteForceStatuses: [] },
    ],
  })

  const decision = run({ ...plain, path: '/exapps/foo/%61dmin' }, { app, host: here })

  expect(decision).toBe('route-denied +1')
})

test('an escaped slash must lead to an allowed path too (W15)', () => {
  const app = known({
    ...record,
    routes: [{ pattern: compileRoutePattern('^/files/[^/]+$'), accessLevel: 0, bruteForceStatuses: [] }],
  })

  expect(run({ ...plain, path: '/exapps/foo/files/a%2Fdelete' }, { app, host: here })).toBe('no-route +1')
  expect(run({ ...plain, path: '/exapps/foo/files/my%20file' }, { app, host: here })).toContain(
    'forward-public',
  )
})

test('a pattern that runs out of steps refuses without a charge (W14)', () => {
  const app: AppLookup = {
    kind: 'known',
    app: { record, requirementFor: () => ({ kind: 'budget', pattern: '(a+)+' }) },
  }

  expect(run({ ...plain, path: '/exapps/foo/aaa' }, { app, host: here })).toBe('route-budget')
})

test('the first matching route decides even if a later one would allow (row 38)', () => {
  const app = known({
    ...record,
    routes: [
      { pattern: compileRoutePattern('^/x'), accessLevel: 2, bruteForceStatuses: [] },
      { pattern: compileRoutePattern('^/x/open'), accessLevel: 0, bruteForceStatuses: [] },
    ],
  })

  expect(run({ ...plain, path: '/exapps/foo/x/open' }, { app, host: here })).toBe('route-denied +1')
})

describe('an engine is no app', () => {
  const request: AccessRequest = { ...plain, path: '/exapps/foo/public' }
  const resolved = (address: string): HostLookup => ({ kind: 'resolved', address })
  const at = (port: number, host: HostLookup): string =>
    run(request, { app: known({ ...record, port }), host })

  test.each(['127.0.0.1', '127.9.9.9', '::1', '0.0.0.0', '::', '::ffff:127.0.0.1', '::ffff:0.0.0.0'])(
    'a record that claims an engine’s port at %s is refused',
    (address) => {
      expect(at(24_000, resolved(address))).toBe('app-at-engine')
      expect(at(24_099, resolved(address))).toBe('app-at-engine')
    },
  )

  test('so are AppAPI’s headers, even with the key', () => {
    const claim = { ...appApi, host: '127.0.0.1', port: '24000' }

    expect(run({ ...request, key: 'valid', appApi: claim }, { app: { kind: 'unknown' }, host: here })).toBe(
      'app-at-engine',
    )
  })

  test('the same port on another machine, and the ports beside it, are apps', () => {
    expect(at(24_000, resolved('192.0.2.1'))).toContain('192.0.2.1:24000')
    expect(at(23_999, here)).toContain('127.0.0.1:23999')
    expect(at(24_100, here)).toContain('127.0.0.1:24100')
  })
})
