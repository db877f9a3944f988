import { expect, test } from 'vitest'
import { isAllowedEngineCall, isPull, isPullQuery, parseEnginePort } from './engine-allow-list.ts'

test.each([
  ['GET', '/_ping'],
  ['HEAD', '/v1.44/_ping'],
  ['GET', '/v1.44/images/ghcr.io/a/b:c/json'],
  ['GET', '/v1.44/images/ghcr.io/a/b%3Ac/json'],
  ['GET', '/images/registry:5000/a/json'],
  ['GET', '/images/[::1]:5000/a/json'],
  ['GET', `/images/a%40sha256%3A${'0'.repeat(64)}/json`],
  ['GET', '/v1.44/containers/nc_app_foo/json'],
  ['HEAD', '/v1.44/containers/nc_app_foo/json'],
  ['GET', '/v1.44/containers/nc_app_foo/logs'],
  ['POST', '/v1.44/images/create'],
  ['POST', '/images/create'],
])('%s %s passes', (method, path) => {
  expect(isAllowedEngineCall(method, path)).toBe(true)
})

test.each([
  ['POST', '/_ping'],
  ['GET', '/v1.44/_ping/'],
  ['GET', '//_ping'],
  ['GET', '/v1.44/v1.44/_ping'],
  ['GET', '/v/_ping'],
  ['GET', '/v1.44'],
  ['GET', '/v1.44/version'],
  ['GET', '/info'],
  ['GET', '/images/json'],
  ['GET', '/images/x/jsonfoo'],
  ['GET', '/images/x/history'],
  ['GET', '/images/../containers/other/json'],
  ['GET', '/images/x%2f..%2f..%2fcontainers%2fother/json'],
  ['GET', '/images/%78/json'],
  ['GET', '/images/x%00/json'],
  ['GET', '/images/X Y/json'],
  ['GET', '/containers/other/json'],
  ['GET', '/containers/nc_app_/json'],
  ['GET', '/containers/nc_app_a/b/json'],
  ['GET', '/containers/nc_app_a/json\n'],
  ['GET', '/containers/nc_app_a/archive'],
  ['GET', '/containers/nc_app_a/export'],
  ['DELETE', '/containers/nc_app_a'],
  ['POST', '/containers/create'],
  ['POST', '/images/createfoo'],
  ['GET', '/images/create'],
  ['PUT', '/images/create'],
  ['get', '/_ping'],
])('%s %s does not', (method, path) => {
  expect(isAllowedEngineCall(method, path)).toBe(false)
})

test('a long name is judged at once', () => {
  const path = `/images/${'a-'.repeat(8_000)}!/json`

  expect(isAllowedEngineCall('GET', path)).toBe(false)
})

test.each([
  ['24000', { kind: 'port', port: 24_000 }],
  ['24099', { kind: 'port', port: 24_099 }],
  ['23999', { kind: 'forbidden' }],
  ['24100', { kind: 'forbidden' }],
  ['8200', { kind: 'forbidden' }],
  ['0', { kind: 'invalid' }],
  ['65536', { kind: 'invalid' }],
  ['abc', { kind: 'invalid' }],
  ['24000 ', { kind: 'invalid' }],
  ['+24000', { kind: 'invalid' }],
])('the engine port %s is %o', (text, expected) => {
  expect(parseEnginePort(text)).toEqual(expected)
})

test.each([
  ['?fromImage=x', true],
  ['?fromImage=ghcr.io%2Fa%2Fb%3Ac', true],
  ['?fromImage=x&tag=1&platform=linux%2Farm64', true],
  ['', false],
  ['?tag=1', false],
  ['?fromImage=', false],
  ['?fromImage=&fromImage=x', false],
  ['?fromSrc=http%3A%2F%2F10.0.0.1%2Fimage.tar', false],
  ['?fromImage=x&fromSrc=-', false],
  ['?fromImage=x&%66romSrc=-', false],
  ['?fromImage=;fromSrc=http://10.0.0.1/image.tar', false],
  ['?fromImage=x&tag=1;fromSrc=-', false],
  ['?fromImage=dir:/etc', false],
  ['?fromImage=docker-archive:/srv/image.tar', false],
])('a pull with %s: %s', (query, expected) => {
  expect(isPullQuery(query)).toBe(expected)
})

test('pulls are told from readings', () => {
  expect(['/v1.44/images/create', '/images/create', '/images/create/json'].map(isPull)).toEqual([
    true,
    true,
    false,
  ])
})
