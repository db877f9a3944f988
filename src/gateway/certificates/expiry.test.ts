import { expect, test } from 'vitest'
import { daysLeft, isTimeToRenew, judgeExpiry } from './expiry.ts'

const day = 86_400_000
const now = Date.UTC(2026, 0, 1)
const at = (days: number): Date => new Date(now + days * day)

test.each([
  ['valid for long', -10, 91, 'ok', /^$/],
  ['90 days left: nothing to say yet', -10, 90, 'ok', /^$/],
  ['less than 90 days left', -10, 89.9, 'warn', /certs renew/],
  ['its last hour', -10, 0.04, 'warn', /certs renew/],
  ['over', -10, 0, 'fail', /certs renew/],
  ['not valid yet', 1, 100, 'fail', /clock/],
] as const)('%s', (_what, from, to, status, fix) => {
  const verdict = judgeExpiry({ certificate: 'server', validFrom: at(from), validTo: at(to) }, now)

  expect(verdict.status).toBe(status)
  expect(verdict.detail).toContain('server')
  expect(verdict.fix ?? '').toMatch(fix)
})

test('days left are whole ones, and below zero once it is over', () => {
  expect([daysLeft({ validTo: at(1.9) }, now), daysLeft({ validTo: at(-0.1) }, now)]).toEqual([1, -1])
})

test.each([
  ['a long life: 30 days before its end', 5000, 31, false],
  ['a long life: 30 days before its end', 5000, 29, true],
  ['a short life: its last third', 9, 3.1, false],
  ['a short life: its last third', 9, 2.9, true],
  ['over', 9, -1, true],
])('renewal: %s', (_what, life, left, expected) => {
  expect(isTimeToRenew({ validFrom: at(left - life), validTo: at(left) }, now)).toBe(expected)
})
