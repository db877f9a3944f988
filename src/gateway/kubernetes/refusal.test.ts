import { expect, test } from 'vitest'
import { forbidden } from '../../../test/support/kubernetes-status.ts'
import { refusalText } from './refusal.ts'

const what = "Error creating deployment 'nc-app-foo'"

test.each([
  [
    { verb: 'create', resource: 'deployments', group: 'apps', namespace: 'apps' },
    'forbidden: needs create on deployments in namespace apps',
  ],
  [
    { verb: 'get', resource: 'services', group: '', namespace: 'apps', name: 'nc-app-foo' },
    'forbidden: needs get on services in namespace apps',
  ],
  [{ verb: 'list', resource: 'nodes', group: '' }, 'forbidden: needs list on nodes in the whole cluster'],
])('a missing right is named, within what Nextcloud shows: %j', (attempt, cause) => {
  const text = refusalText(what, 403, forbidden(attempt))

  expect(text).toBe(`${what}: Status 403, ${cause}`)
  expect(text.length).toBeLessThanOrEqual(120)
})

test('other refusals are told in the words of the server, in one line and bounded', () => {
  const quota = { message: 'pods "x" is forbidden:\n exceeded quota' }

  expect(refusalText(what, 403, quota)).toBe(`${what}: Status 403, pods "x" is forbidden: exceeded quota`)
  expect(refusalText(what, 500, { message: 'x'.repeat(5_000) })).toHaveLength(what.length + 314)
  expect(refusalText(what, 401, {})).toBe(`${what}: Status 401, the API server does not accept the token`)
})

test('what is no Status is no reason', () => {
  expect(refusalText(what, 502, undefined)).toBe(`${what}: Status 502`)
  expect(refusalText(what, 502, { message: 7 })).toBe(`${what}: Status 502`)
})

test('values that were sent are not told', () => {
  const body = { message: 'spec.env[0].value: Invalid value: "s3cretvalue"' }

  expect(refusalText(what, 422, body, ['s3cretvalue', ''])).not.toContain('s3cret')
})

test('not even the rest of a value that holds another, or one that is quoted', () => {
  const message = String.raw`bad env: longvalue, "two\nlines"`

  expect(refusalText(what, 422, { message }, ['long', 'longvalue', 'two\nlines'])).toBe(
    `${what}: Status 422, bad env: [secret], "[secret]"`,
  )
})
