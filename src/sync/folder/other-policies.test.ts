import { expect, test } from 'vitest'
import { UpDevice } from '../../../test/sync/support/up-device.ts'
import { OtherPolicies } from './other-policies.ts'

test('the policy of who was let in counts at once, for what is written from then on', () => {
  const own = new UpDevice().found()
  const clock = { wall: () => Date.now(), monotonic: () => 0 }
  const others = new OtherPolicies({ replica: own.replica, presence: () => undefined, clock })
  expect(others.whenReplaced('current')).toBe('current')
  // Of who has said nothing yet it is believed that it keeps all.
  const anna = new UpDevice().join(own)
  expect(others.whenReplaced('current')).toBe('staggered')
  for (const each of [own, anna]) each.close()
})
