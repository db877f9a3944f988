import { expect, test } from 'vitest'
import type { Route } from './exapp-record.ts'
import { compileRoutePattern } from './route-pattern/route-pattern.ts'
import { RoutePolicy } from './route-policy.ts'

function route(
  pattern: string,
  accessLevel: 0 | 1 | 2 = 0,
  bruteForceStatuses: readonly number[] = [],
): Route {
  return { pattern: compileRoutePattern(pattern), accessLevel, bruteForceStatuses }
}

test('the first route that matches decides', () => {
  const policy = new RoutePolicy([route('^/a/admin', 2), route('^/a', 1, [401])])

  expect(policy.requirementFor('/a/admin/x')).toMatchObject({ accessLevel: 2 })
  expect(policy.requirementFor('/a/x')).toEqual({ kind: 'route', accessLevel: 1, bruteForceStatuses: [401] })
  expect(policy.requirementFor('/b')).toEqual({ kind: 'no-route' })
})

test('the stricter of the raw and the decoded path counts, and the statuses of both', () => {
  const policy = new RoutePolicy([route('^/secret', 2, [401]), route('^/.*', 0, [418])])

  expect(policy.requirementFor('/%73ecret')).toEqual({
    kind: 'route',
    accessLevel: 2,
    bruteForceStatuses: [418, 401],
  })
})

test('a remembered answer is the answer, for long paths too', () => {
  const policy = new RoutePolicy([route('^/a')])
  const long = `/a${'x'.repeat(5_000)}`

  for (const path of ['/a', '/b', long]) {
    expect(policy.requirementFor(path)).toEqual(policy.requirementFor(path))
  }
  expect(policy.requirementFor(long).kind).toBe('route')
})

test('a thousand costly patterns together are cut off like one', () => {
  const policy = new RoutePolicy(Array.from({ length: 1_000 }, (_, index) => route(`^(?=(a|aa)+$)${index}`)))

  const requirement = policy.requirementFor(`${'a'.repeat(18)}!`)

  expect(requirement.kind).toBe('budget')
})

test('many paths leave a bounded memory', () => {
  const policy = new RoutePolicy([route('^/a')])

  for (let index = 0; index < 10_000; index++) policy.requirementFor(`/a/${index}`)

  expect(policy.rememberedPaths).toBe(512)
})
