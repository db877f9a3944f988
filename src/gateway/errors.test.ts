import { expect, test } from 'vitest'
import { gatewayError, gatewayErrors } from './errors.ts'

test.each(Object.entries(gatewayErrors))('%s says what happened and what to do', (code, entry) => {
  expect(code).toMatch(/^[A-Z]+(?:_[A-Z]+)+$/)
  expect(entry.summary).toMatch(/\.$/)
  expect(entry.fix).toMatch(/\.$/)
})

test('an error carries the code, the fix of the catalogue, and its cause', () => {
  const cause = new Error('EADDRINUSE')

  const error = gatewayError('LISTEN_FAILED', 'port 8780 is taken', { cause, retryable: true })

  expect(error).toMatchObject({
    code: 'LISTEN_FAILED',
    message: 'port 8780 is taken',
    fix: gatewayErrors.LISTEN_FAILED.fix,
    retryable: true,
    cause,
  })
})
