import { afterEach, expect, test, vi } from 'vitest'
import { printError, printLine, printTable } from './output.ts'

const log = vi.spyOn(console, 'log').mockImplementation(() => {})
const error = vi.spyOn(console, 'error').mockImplementation(() => {})
afterEach(() => vi.clearAllMocks())

test('results go to standard output and failures to standard error', () => {
  printLine('result')
  printError('failure')

  expect(log.mock.calls).toEqual([['result']])
  expect(error.mock.calls).toEqual([['failure']])
})

test('columns of a table are aligned and no line ends in blanks', () => {
  printTable([
    ['ADDRESS', 'FAILURES', 'UNTIL'],
    ['10.0.0.1', '3', 'now'],
    ['2001:db8::/64', '12', ''],
  ])

  expect(log.mock.calls.flat()).toEqual([
    'ADDRESS        FAILURES  UNTIL',
    '10.0.0.1       3         now',
    '2001:db8::/64  12',
  ])
})

test('a table without rows prints nothing', () => {
  printTable([])

  expect(log).not.toHaveBeenCalled()
})
