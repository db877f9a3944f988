import { expect, test } from 'vitest'
import { frpError, frpErrors } from './errors.ts'

test.each(Object.entries(frpErrors))('%s says what happened and what to do', (code, entry) => {
  expect(code).toMatch(/^FRP(?:_[A-Z0-9]+)+$/)
  expect(entry.summary).toMatch(/\.$/)
  expect(entry.fix).toMatch(/\.$/)
})

test('an error carries the code and the fix of the catalogue', () => {
  expect(frpError('FRP_PEER_STALLED', '300000 bytes wait')).toMatchObject({
    code: 'FRP_PEER_STALLED',
    message: '300000 bytes wait',
    fix: frpErrors.FRP_PEER_STALLED.fix,
  })
})
