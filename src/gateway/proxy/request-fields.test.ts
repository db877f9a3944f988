import { expect, test } from 'vitest'
import { defaultHttp1Limits } from '../../codec/http1/limits.ts'
import { parseRequestHead } from '../../codec/http1/request-head.ts'
import { hasSessionCookie, readRequestFields, userContext, type RequestFields } from './request-fields.ts'

function read(lines: string[], options = { stripSessionCookies: false }): RequestFields {
  const head = parseRequestHead(
    `GET / HTTP/1.1\r\n${['Host: h', ...lines].join('\r\n')}\r\n`,
    defaultHttp1Limits,
  )
  return readRequestFields(head, options)
}

function forwarded(lines: string[], options = { stripSessionCookies: false }): string[] {
  return read(lines, options)
    .forwarded.split('\r\n')
    .filter((line) => line !== '' && line !== 'host: h')
}

test('secrets and addresses that are not the app’s business end at the gateway (W6)', () => {
  expect(
    forwarded([
      'harp-shared-key: s',
      'docker-engine-port: 24000',
      'ex-app-host: h',
      'ex-app-port: 1',
      'x: y',
    ]),
  ).toEqual(['x: y'])
})

test('fields that the gateway sets cannot come from a client, in either spelling', () => {
  expect(
    forwarded([
      'EX-APP-ID: a',
      'ex-app-id: b',
      'EX-APP-VERSION: 1',
      'AUTHORIZATION-APP-API: x',
      'AA-VERSION: 1',
      'AUTHORIZATION_APP_API: x',
      'ex_app_id: z',
      'Aa-Version: 3',
      'HARP_SHARED_KEY: s',
    ]),
  ).toEqual([])
})

test('hop-by-hop fields and what Connection names are dropped, Host is not', () => {
  expect(
    forwarded([
      'Connection: close, X-Hop, host, cookie',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: x',
      'X-Hop: 1',
      'X-End: 2',
      'Cookie: a=b',
      'Upgrade: x',
      'HTTP2-Settings: AAA',
    ]),
  ).toEqual(['x-end: 2'])
  expect(read(['Connection: host']).forwarded).toContain('host: h')
})

test('cookies, authorization and forwarding headers pass unchanged by default (row 44)', () => {
  const lines = [
    'cookie: oc_sessionPassphrase=x; a=b',
    'authorization: Basic eA==',
    'x-forwarded-for: 1.1.1.1',
    'aa-request-id: 7',
  ]

  expect(forwarded(lines)).toEqual(lines)
})

test('session cookies can be kept from apps', () => {
  const cookie =
    'Cookie: a=b; oc_sessionPassphrase=x; nc_session_id=1; ocab12cd34ef=y; __Host-nc_sameSiteCookielax=true; c=d'

  expect(forwarded([cookie], { stripSessionCookies: true })).toEqual(['cookie: a=b; c=d'])
  expect(forwarded(['Cookie: nc_token=1'], { stripSessionCookies: true })).toEqual([])
  expect(read([cookie], { stripSessionCookies: true }).cookie).toContain('oc_sessionPassphrase=x')
})

test('six AppAPI headers make an AppAPI request, five do not', () => {
  const six = [
    'ex-app-id: a',
    'ex-app-version: 1',
    'ex-app-host: h',
    'ex-app-port: 2',
    'authorization-app-api: x',
    'harp-shared-key: s',
  ]

  expect(read(six).appApi).toEqual({ authorization: 'x', version: '1', host: 'h', port: '2' })
  for (const missing of six) expect(read(six.filter((line) => line !== missing)).appApi).toBeNull()
})

test('the last of repeated single-valued headers counts, forwarding chains are joined', () => {
  const fields = read([
    'harp-shared-key: a',
    'harp-shared-key: b',
    'X-Forwarded-For: 1.1.1.1',
    'X-Forwarded-For: 2.2.2.2',
    'Cookie: a=1',
    'Cookie: b=2',
  ])

  expect(fields.sharedKey).toBe('b')
  expect(fields.xForwardedFor).toBe('1.1.1.1,2.2.2.2')
  expect(fields.cookie).toBe('a=1; b=2')
})

test('TE reaches the app only as the one value that may pass', () => {
  expect(forwarded(['TE: gzip, trailers'])).toEqual(['te: trailers', 'connection: te'])
  expect(forwarded(['TE: gzip'])).toEqual([])
})

test.each([
  ['oc_sessionPassphrase=x', true],
  ['a=b; oc_sessionPassphrase=x', true],
  ['oc_sessionPassphrase=', false],
  ['oc_sessionPassphrase=; oc_sessionPassphrase=x', false],
  ['x_oc_sessionPassphrase=x', false],
  ['OC_SESSIONPASSPHRASE=x', false],
])('session cookie in %s: %s', (cookie, expected) => {
  expect(hasSessionCookie(cookie)).toBe(expected)
})

test('Nextcloud gets only what identifies a user (W20)', () => {
  const fields = [
    'host',
    'h',
    'user-agent',
    'ua',
    'expect',
    '100-continue',
    'range',
    'bytes=0-',
    'x-forwarded-for',
    '1.1.1.1',
    'x-forwarded-proto',
    'https',
    'content-type',
    'a',
    'requesttoken',
    't',
    'transfer-encoding',
    'chunked',
  ]

  expect(userContext(fields, null)).toEqual({
    'user-agent': 'ua',
    'x-forwarded-for': '1.1.1.1',
    'x-forwarded-proto': 'https',
    requesttoken: 't',
  })
})

test('who is no trusted proxy does not choose the address that Nextcloud charges', () => {
  const fields = ['x-forwarded-for', '203.0.113.9', 'x-real-ip', '203.0.113.9', 'user-agent', 'ua']

  expect(userContext(fields, '9.9.9.9')).toEqual({ 'user-agent': 'ua', 'x-forwarded-for': '9.9.9.9' })
})
