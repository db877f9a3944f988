import { expect, test } from 'vitest'
import { engineRow } from './engines.ts'

const engine = {
  port: 24_001,
  via: 'tunnel',
  reachable: true,
  version: { apiVersion: '1.51', minApiVersion: '1.24', engine: 'Docker 28.3.3' },
  lastError: null,
  busy: 2,
  waiting: 1,
} as const

test('an engine that answers has its version and the range of its API', () => {
  expect(engineRow(engine)).toEqual(['24001', 'tunnel', 'Docker 28.3.3', '1.24-1.51', 'yes', '2/1', '-'])
})

test('one that never answered has its error, on one line', () => {
  const lastError = { at: '2026-01-01T00:00:00.000Z', problem: 'no\nanswer\u001b[31m' }

  expect(engineRow({ ...engine, reachable: false, version: null, lastError })).toEqual([
    '24001',
    'tunnel',
    '-',
    '-',
    'no',
    '2/1',
    '2026-01-01T00:00:00.000Z no answer [31m',
  ])
  expect(engineRow({ ...engine, reachable: null })[4]).toBe('-')
})
