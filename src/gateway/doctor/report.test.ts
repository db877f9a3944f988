import { expect, test } from 'vitest'
import { fail, ok, skip, warn } from './check.ts'
import { formatReport, isHealthy, reportToJson, type Report } from './report.ts'

const report: Report = {
  groups: [
    {
      hop: 'gateway',
      title: 'Gateway',
      checks: [ok('listener', 'answers'), warn('clock', 'late', 'set it')],
    },
    {
      hop: 'app',
      title: 'App foo',
      checks: [fail('port', 'closed', 'open it'), skip('heartbeat', 'no port')],
    },
  ],
}

test('a person sees a tree with the fix under what is wrong, and the broken hop at the end', () => {
  expect(formatReport(report)).toEqual([
    'Gateway',
    '  ✓ listener: answers',
    '  ! clock: late',
    '      → set it',
    '',
    'App foo',
    '  ✗ port: closed',
    '      → open it',
    '  - heartbeat: no port',
    '',
    '1 broken (App foo), 1 ok, 1 to look at, 1 not checked.',
  ])
})

test('a program sees one value with every check and its hop', () => {
  expect(reportToJson(report)).toEqual({
    ok: false,
    checks: [
      { hop: 'gateway', name: 'listener', status: 'ok', detail: 'answers', fix: null },
      { hop: 'gateway', name: 'clock', status: 'warn', detail: 'late', fix: 'set it' },
      { hop: 'app', name: 'port', status: 'fail', detail: 'closed', fix: 'open it' },
      { hop: 'app', name: 'heartbeat', status: 'skip', detail: 'no port', fix: null },
    ],
  })
})

test('warnings and what was not checked break nothing', () => {
  const checks = [warn('clock', 'late', 'set it'), skip('app', 'not named')]
  const well: Report = { groups: [{ hop: 'app', title: 'App', checks }] }

  expect(isHealthy(well)).toBe(true)
  expect(formatReport(well).at(-1)).toBe('All is well: 0 ok, 1 to look at, 1 not checked.')
})
