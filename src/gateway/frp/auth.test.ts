import { expect, test } from 'vitest'
import { privilegeKey, verifyPrivilegeKey } from './auth.ts'

test.each([
  ['', 1_795_219_844, '0145100485e3faf522ef2b49a4ab4104'],
  ['s3cret', 1_795_219_850, 'f0890be4fa1fcd145eb81a4f6469146c'],
])('token %j at %d proves itself with %s', (authToken, timestamp, key) => {
  expect(privilegeKey(authToken, timestamp)).toBe(key)
  expect(verifyPrivilegeKey(authToken, timestamp, key)).toBe(true)
})

test.each([
  ['nothing', ''],
  ['another key', privilegeKey('other', 5)],
  ['a part', privilegeKey('s3cret', 5).slice(0, 31)],
  ['more', `${privilegeKey('s3cret', 5)}0`],
  ['the same in capitals', privilegeKey('s3cret', 5).toUpperCase()],
  ['the same in letters of another alphabet', privilegeKey('s3cret', 5).replace(/\d/, '\u0130')],
])('%s is refused', (_what, candidate) => {
  expect(verifyPrivilegeKey('s3cret', 5, candidate)).toBe(false)
})
