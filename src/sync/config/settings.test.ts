import { describe, expect, test } from 'vitest'
import { parseRate, parseTime } from './amounts.ts'
import { readSyncEnvironment } from './env.ts'
import { parseName, readSettings } from './settings.ts'

test('with nothing given the documented defaults are in effect', () => {
  expect(readSettings({})).toEqual({
    listen: { host: '::', port: 22_783 },
    isListenOptional: true,
    name: undefined,
    hashers: 2,
    maxUpload: undefined,
    maxDownload: undefined,
    keep: 'all',
    rescanMs: 3_600_000,
    scrubRate: 2_097_152,
    discovery: { beacons: true, mdns: true, loopback: false },
    admin: undefined,
    logLevel: undefined,
  })
})

test('the environment is followed, and a flag goes before it', () => {
  const environment = {
    HARP_LISTEN: '127.0.0.1:1',
    HARP_KEEP: 'current',
    HARP_MAX_UPLOAD: '1M',
    HARP_NAME: 'a',
  }
  const flags = {
    HARP_LISTEN: ':0',
    HARP_MAX_DOWNLOAD: '1.5K',
    HARP_RESCAN: '10s',
    HARP_SCRUB: 'off',
    HARP_LOG_LEVEL: 'warning',
  }

  expect(readSettings(environment, flags)).toMatchObject({
    listen: { host: '::', port: 0 },
    isListenOptional: false,
    name: 'a',
    keep: 'current',
    maxUpload: 1_048_576,
    maxDownload: 1_536,
    rescanMs: 10_000,
    scrubRate: 0,
    logLevel: 'warn',
  })
})

test('an empty value counts as not given, and 0 is no limit', () => {
  expect(readSettings({ HARP_LISTEN: ' ', HARP_MAX_UPLOAD: '0' })).toMatchObject({
    isListenOptional: true,
    maxUpload: undefined,
  })
})

test.each([
  [{ HARP_LISTEN: 'nowhere' }, 'HARP_LISTEN'],
  [{ HARP_LISTEN: '1.2.3.4:70000' }, 'HARP_LISTEN'],
  [{ HARP_NAME: 'a\u001b[31m' }, 'HARP_NAME'],
  [{ HARP_HASHERS: '0' }, 'HARP_HASHERS'],
  [{ HARP_HASHERS: '65' }, 'HARP_HASHERS'],
  [{ HARP_MAX_UPLOAD: '10 MB' }, 'HARP_MAX_UPLOAD'],
  [{ HARP_KEEP: 'some' }, 'HARP_KEEP'],
  [{ HARP_RESCAN: '9s' }, 'HARP_RESCAN'],
  [{ HARP_SCRUB: 'never' }, 'HARP_SCRUB'],
  [{ HARP_RESCAN: '3600' }, 'HARP_RESCAN'],
  [{ HARP_LOG_LEVEL: 'loud' }, 'HARP_LOG_LEVEL'],
  [{ HARP_DISCOVERY: 'maybe' }, 'HARP_DISCOVERY'],
  [{ HARP_ADMIN_ADDRESS: 'on' }, 'HARP_ADMIN_ADDRESS'],
])('%j is wrong usage that names %s', (environment, name) => {
  const refused = expect.objectContaining({ code: 'SYNC_USAGE', message: expect.stringContaining(name) })

  expect(() => readSettings(environment)).toThrow(refused)
})

test.each([
  ['off', undefined],
  [':9100', { host: '127.0.0.1', port: 9_100 }],
  ['0.0.0.0:9100', { host: '0.0.0.0', port: 9_100 }],
  ['[::1]:9100', { host: '::1', port: 9_100 }],
])('metrics at %s', (given, admin) => {
  expect(readSettings({ HARP_ADMIN_ADDRESS: given }).admin).toEqual(admin)
})

test('a bad flag is named as the flag', () => {
  const refused = expect.objectContaining({ message: expect.stringContaining('--keep') })

  expect(() => readSettings({}, { HARP_KEEP: 'x' })).toThrow(refused)
})

test('only what sync looks at is taken from the environment', () => {
  const environment = readSyncEnvironment({ HARP_HOME: '/h', HOME: '/u', HP_SHARED_KEY: 'k', PATH: '/bin' })

  expect(Object.entries(environment).filter(([, value]) => value !== undefined)).toEqual([
    ['HARP_HOME', '/h'],
    ['HOME', '/u'],
  ])
})

describe('amounts', () => {
  test.each([
    ['90s', 90_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
    ['5', undefined],
    ['-1h', undefined],
    ['1w', undefined],
  ])('the time %s', (text, ms) => expect(parseTime(text)).toBe(ms))

  test.each([
    ['512', 512],
    ['512k', 524_288],
    ['2G', 2_147_483_648],
    ['1.5M', 1_572_864],
    ['1T', undefined],
    ['K', undefined],
    ['-1', undefined],
  ])('the rate %s', (text, rate) => expect(parseRate(text)).toBe(rate))
})

test.each([
  ['  Music ', 'Music'],
  ['Cafe\u0301', 'Café'],
  ['', undefined],
  ['a\nb', undefined],
  ['a\u202eb', undefined],
  ['x'.repeat(64), 'x'.repeat(64)],
  ['x'.repeat(65), undefined],
])('the name %j', (text, name) => expect(parseName(text)).toBe(name))
