import { expect, test } from 'vitest'
import { detectConnection, detectStream } from './first-bytes.ts'

test.each([
  ['', { kind: 'need-more' }],
  ['\x16', { kind: 'tls', skip: 0 }],
  ['\x17', { kind: 'tls', skip: 1 }],
  ['\x17\x16\x03\x01', { kind: 'tls', skip: 1 }],
  ['G', { kind: 'need-more' }],
  ['GET /~!fr', { kind: 'need-more' }],
  ['GET /~!frp', { kind: 'websocket' }],
  ['GET /~!frp HTTP/1.1\r\n', { kind: 'websocket' }],
  ['GET / HTTP/1.1\r\n', { kind: 'plain' }],
  ['GE/', { kind: 'plain' }],
  ['POST ', { kind: 'plain' }],
  ['o', { kind: 'plain' }],
  ['\0', { kind: 'plain' }],
  ['F', { kind: 'plain' }],
])('a connection that starts with %j', (text, expected) => {
  expect(detectConnection(Buffer.from(text, 'latin1'))).toEqual(expected)
})

test.each([
  ['', 'need-more'],
  ['\0', 'yamux'],
  ['o', 'v1'],
  ['w\0\0', 'v1'],
  ['v', 'v1'],
  ['F', 'need-more'],
  ['FRP\0\x02\r', 'need-more'],
  ['FRP\0\x02\r\n', 'v2'],
  ['FRP\0\x02\r\n\0\x10', 'v2'],
  ['FRP\0\x03', 'unknown'],
  ['p', 'unknown'],
  ['\x16', 'unknown'],
  ['G', 'unknown'],
])('a stream that starts with %j', (text, expected) => {
  expect(detectStream(Buffer.from(text, 'latin1'))).toBe(expected)
})
