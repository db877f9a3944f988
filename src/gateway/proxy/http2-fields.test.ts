import { expect, test } from 'vitest'
import type { ResponseHead } from '../../codec/http1/response-head.ts'
import { http2Fields, toFields, toHeaders } from './http2-fields.ts'

function answer(fields: readonly string[], connectionOptions: readonly string[] = []): ResponseHead {
  return {
    status: 200,
    reason: 'OK',
    minorVersion: 1,
    fields,
    framing: { kind: 'none' },
    keepAlive: true,
    connectionOptions,
    upgrade: null,
    keepAliveSeconds: null,
  }
}

test('fields of an answer keep their order and their duplicates', () => {
  const fields = ['set-cookie', 'a=1', 'x', '1', 'set-cookie', 'b=2']

  expect(http2Fields(answer(fields))).toEqual(fields)
})

test('fields that HTTP/2 forbids stay behind, values that look like them do not', () => {
  const fields = [
    'te',
    'gzip',
    'x',
    'te',
    'http2-settings',
    'AAA',
    'connection',
    'y',
    'y',
    '1',
    'upgrade',
    'z',
  ]

  expect(http2Fields(answer(fields, ['y']))).toEqual(['x', 'te'])
})

test('a field may have any name, also that of an object member', () => {
  const headers = toHeaders(['constructor', 'a', '__proto__', 'b', 'x', '1', 'x', '2'])

  expect(Object.entries(headers)).toEqual([
    ['constructor', ['a']],
    ['__proto__', ['b']],
    ['x', ['1', '2']],
  ])
})

test('request trailers that HTTP/1.1 could not carry are left out', () => {
  expect(toFields({ 'x-sum': '1', 'x-many': ['2', '3'], 'x-bad': 'a\r\nb: c', ':status': '200' })).toEqual([
    'x-sum',
    '1',
    'x-many',
    '2',
    'x-many',
    '3',
  ])
})
