import { expect, test } from 'vitest'
import { readHttp2Request } from './http2-request-head.ts'

const get = [
  ':method',
  'GET',
  ':scheme',
  'https',
  ':authority',
  'cloud.example.com',
  ':path',
  '/exapps/a/x?y=1',
]

function read(headers: string[], endsStream = true) {
  return readHttp2Request(headers, endsStream, () => 'KEY')
}

test('pseudo-headers become the request line and Host, cookie crumbs one field', () => {
  const { head, isTunnel } = read([...get, 'cookie', 'a=1', 'x-y', ' z\t', 'cookie', 'b=2', 'host', 'other'])

  expect(head).toMatchObject({
    method: 'GET',
    target: '/exapps/a/x?y=1',
    framing: { kind: 'none' },
    upgrade: null,
  })
  expect(head.fields).toEqual(['host', 'cloud.example.com', 'x-y', 'z', 'cookie', 'a=1; b=2'])
  expect(isTunnel).toBe(false)
})

test.each([
  ['a length', ['content-length', '5'], { kind: 'length', bytes: 5 }],
  ['no length', [], { kind: 'chunked' }],
])('a body with %s is framed so for the app', (_, extra, framing) => {
  expect(read([...get, ...extra], false).head.framing).toEqual(framing)
})

test('an extended CONNECT is a WebSocket upgrade with a key of ours', () => {
  const { head, isTunnel } = read(
    [
      ':method',
      'CONNECT',
      ':protocol',
      'websocket',
      ':scheme',
      'https',
      ':authority',
      'h',
      ':path',
      '/exapps/a/s',
    ],
    false,
  )

  expect(isTunnel).toBe(true)
  expect(head).toMatchObject({ method: 'GET', upgrade: 'websocket', framing: { kind: 'none' } })
  expect(head.fields).toEqual(['host', 'h', 'sec-websocket-key', 'KEY'])
})

test.each([
  ['a line in a value', [...get, 'x', 'a\r\nb: c']],
  ['a line in a path', [':method', 'GET', ':scheme', 'h', ':authority', 'h', ':path', '/a HTTP/1.1\r\nx: y']],
  ['a space in a path', [':method', 'GET', ':scheme', 'h', ':authority', 'h', ':path', '/a b']],
  ['no path', [':method', 'GET', ':scheme', 'h', ':authority', 'h']],
  ['a path that is no path', [':method', 'GET', ':scheme', 'h', ':authority', 'h', ':path', 'x']],
  ['a method that is no token', [':method', 'GET x', ':scheme', 'h', ':authority', 'h', ':path', '/']],
  ['a plain CONNECT', [':method', 'CONNECT', ':authority', 'h:1', ':path', '/']],
  ['the preface as a method', [':method', 'PRI', ':scheme', 'h', ':authority', 'h', ':path', '/']],
  ['a colon in a name', [...get, 'x:y', 'z']],
  ['transfer-encoding', [...get, 'transfer-encoding', 'chunked']],
  ['connection', [...get, 'connection', 'close']],
  ['two lengths', [...get, 'content-length', '1', 'content-length', '1']],
  ['a signed length', [...get, 'content-length', '+1']],
  ['a duplicate pseudo-header', [...get, ':path', '/b']],
  ['no authority', [':method', 'GET', ':scheme', 'h', ':path', '/']],
  ['a malformed authority', [':method', 'GET', ':scheme', 'h', ':authority', 'a b', ':path', '/']],
  ['two hosts', [':method', 'GET', ':scheme', 'h', ':path', '/', 'host', 'a', 'host', 'b']],
  ['an unknown expectation', [...get, 'expect', 'the-unexpected']],
  ['too many fields', [...get, ...Array.from({ length: 102 }, (_, index) => [`x${index}`, 'y']).flat()]],
  ['too much', [...get, 'x', 'y'.repeat(16_000)]],
])('%s is refused', (_, headers) => {
  expect(() => read(headers, false)).toThrow(expect.objectContaining({ name: 'Http1Error' }))
})
