import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeOnce,
  escapeNonAscii,
  hasParentSegment,
  isInternalEndpoint,
  pathForms,
  splitTarget,
} from './request-path.ts'

test.each([
  ['/a/../b', true],
  ['/a/..', true],
  ['../a', true],
  ['/a/%2e%2E/b', true],
  ['/a%2f..%2fb', true],
  ['/a/.%2e', true],
  ['/a/.../b', false],
  ['/a/./b', false],
  ['/a/..b', false],
  ['/a/b..', false],
  ['/a/%252e%252e/b', false],
  ['/a/..;/b', false],
])('parent segment in %s: %s', (path, expected) => {
  expect(hasParentSegment(path)).toBe(expected)
})

test('any path whose once-decoded segments include `..` is caught', () => {
  const piece = fc.constantFrom('a', '.', '..', '%2e', '%2E', '/', '%2f', '%2F', 'b')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const path = `/${pieces.join('')}`
      expect(hasParentSegment(path)).toBe(decodeOnce(path).split('/').includes('..'))
    }),
  )
})

test.each([
  ['/heartbeat', true],
  ['/init/', true],
  ['//enabled', true],
  ['/%69nit', true],
  ['/./heartbeat/.', true],
  ['/heartbeat%2f', true],
  ['/heartbeats', false],
  ['/x/init', false],
  ['/Init', false],
  ['/%2569nit', false],
  ['/', false],
  ['', false],
])('%s is an internal endpoint: %s', (path, expected) => {
  expect(isInternalEndpoint(path)).toBe(expected)
})

test.each([
  ['/plain', null, false],
  ['/my%20file', '/my file', false],
  ['/%c3%a9', '/é', false],
  ['/%e9', '/\u00e9', false],
  ['/%61', '/a', true],
  ['/a%2Fb', '/a/b', true],
  ['/a%5cb', '/a\\b', true],
  ['/a%2eb', '/a.b', true],
  ['/100%', null, false],
  ['/%zz', null, false],
  ['/%2570', '/%70', false],
])('the forms of %s are decoded %s, which must match: %s', (path, decoded, decodedMustMatch) => {
  expect(pathForms(path)).toEqual({ raw: path, decoded, decodedMustMatch })
})

test('every escape of an unreserved character or slash demands a match, no other does', () => {
  for (let code = 0; code < 256; code++) {
    const escape = `%${code.toString(16).padStart(2, '0')}`
    const isRevealing = /[A-Za-z0-9\-._~/\\]/.test(String.fromCharCode(code))
    expect({ escape, mustMatch: pathForms(`/${escape}`).decodedMustMatch }).toEqual({
      escape,
      mustMatch: isRevealing,
    })
  }
})

test('bytes above ASCII become lower-case escapes, a query keeps its mark', () => {
  expect(escapeNonAscii('/caf\u00c3\u00a9')).toBe('/caf%c3%a9')
  expect(splitTarget('/a?b?c')).toEqual({ path: '/a', query: '?b?c' })
  expect(splitTarget('/a')).toEqual({ path: '/a', query: '' })
})
