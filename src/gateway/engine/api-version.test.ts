import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type EngineVersion,
  mapPath,
  mapVersion,
  ownPath,
  parseVersion,
  refusesVersion,
  versionFromHeaders,
} from './api-version.ts'

const range = (minApiVersion: string, apiVersion: string): EngineVersion => ({
  apiVersion,
  minApiVersion,
  engine: 'Docker',
})

test.each([
  ['1.44', range('1.24', '1.51'), '1.44'],
  ['1.44', range('1.12', '1.41'), '1.41'],
  ['1.41', range('1.44', '1.60'), '1.44'],
  ['1.9', range('1.24', '1.51'), '1.24'],
  ['1.100', range('1.24', '1.51'), '1.51'],
  ['2.0', range('1.24', '1.51'), '1.51'],
  ['1.44', range('1.44', '1.44'), '1.44'],
  ['1', range('1.24', '1.51'), '1.24'],
  ['1.44', range('2.0', '2.3'), '2.0'],
])('version %s asked of %o becomes %s', (requested, engine, expected) => {
  expect(mapVersion(requested, engine)).toBe(expected)
})

test('a mapped version is always in the range, and the same where it was', () => {
  const minor = fc.nat({ max: 120 })
  fc.assert(
    fc.property(minor, minor, minor, (requested, one, other) => {
      const [min, max] = [Math.min(one, other), Math.max(one, other)]
      const [, mapped] = mapVersion(`1.${requested}`, range(`1.${min}`, `1.${max}`)).split('.')

      expect(Number(mapped)).toBe(Math.min(max, Math.max(min, requested)))
    }),
  )
})

test.each([
  ['/v1.44/_ping', '/v1.41/_ping'],
  ['/v1.44/images/ghcr.io/a/b%3Ac/json', '/v1.41/images/ghcr.io/a/b%3Ac/json'],
  ['/v1.40/images/v1.99/json', '/v1.40/images/v1.99/json'],
  ['/_ping', '/_ping'],
  ['/images/v1.99/json', '/images/v1.99/json'],
])('only the version of %s changes', (path, expected) => {
  expect(mapPath(path, range('1.24', '1.41'))).toBe(expected)
})

test.each([
  [range('1.12', '1.24'), '/v1.24/volumes/v'],
  [range('1.24', '1.51'), '/v1.44/volumes/v'],
  [range('1.50', '1.60'), '/v1.50/volumes/v'],
])('our own calls ask %o for %s', (engine, expected) => {
  expect(ownPath('/volumes/v', engine)).toBe(expected)
})

test.each([
  [
    { Version: '29.1.0', ApiVersion: '1.52', MinAPIVersion: '1.44', Components: [{ Name: 'Engine' }] },
    { apiVersion: '1.52', minApiVersion: '1.44', engine: 'Docker 29.1.0' },
  ],
  [
    {
      Version: '5.2.0',
      ApiVersion: '1.41',
      MinAPIVersion: '1.24',
      Components: [{ Name: 'Podman Engine' }],
    },
    { apiVersion: '1.41', minApiVersion: '1.24', engine: 'Podman 5.2.0' },
  ],
  // Engines of that age do not say what they accept at least.
  [
    { Version: '1.12.6', ApiVersion: '1.24' },
    { apiVersion: '1.24', minApiVersion: '1.24', engine: 'Docker 1.12.6' },
  ],
  [
    { Version: 'x\u001b[2J', ApiVersion: '1.30' },
    { apiVersion: '1.30', minApiVersion: '1.30', engine: 'Docker x2J' },
  ],
  [{ ApiVersion: '1.30/../x' }, null],
  [{ ApiVersion: 1.3 }, null],
  [{}, null],
  ['OK', null],
  [null, null],
  [undefined, null],
])('%o says %o', (answer, expected) => {
  expect(parseVersion(answer)).toEqual(expected)
})

test('an engine that hides /version is known by the fields of its answers', () => {
  expect(versionFromHeaders('1.51', 'Docker/28.3.3 (linux)')).toEqual({
    apiVersion: '1.51',
    minApiVersion: '1.51',
    engine: 'Docker 28.3.3',
  })
  expect(versionFromHeaders('1.41', 'Libpod/5.2.0 (linux)')?.engine).toBe('Podman 5.2.0')
  expect(versionFromHeaders('', 'nginx')).toBeNull()
})

test('a refused version is told from other bad requests', () => {
  const tooNew = 'client version 1.44 is too new. Maximum supported API version is 1.41'
  expect(refusesVersion(400, tooNew)).toBe(true)
  expect(refusesVersion(400, 'client version 1.20 is too old. Minimum supported …')).toBe(true)
  expect(refusesVersion(500, tooNew)).toBe(false)
  expect(refusesVersion(400, 'invalid reference format')).toBe(false)
})
