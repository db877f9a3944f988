import { beforeEach, expect, test } from 'vitest'
import { Secret } from '../../base/secret.ts'
import { parseNetwork } from '../../net/address.ts'
import { BruteForce } from '../access/brute-force.ts'
import type { RequireTokens } from '../config/config.ts'
import { privilegeKey } from '../frp/auth.ts'
import type { Login } from '../frp/messages.ts'
import type { TokenGrant } from '../tokens/token-store.ts'
import { LoginJudge, type Verdict } from './login-judge.ts'

const clock = { monotonic: () => 0, wall: () => 0 }
const grant: TokenGrant = { id: 'k1', kind: 'app', name: 'app', port: null }
const peer = '192.0.2.7'
let bruteForce: BruteForce
let used: string[]

beforeEach(() => {
  bruteForce = new BruteForce({ count: 3, windowMs: 1_000, ipv6PrefixBits: 64, maxAddresses: 10, clock })
  used = []
})

function judge(
  login: Partial<Login>,
  options: { requireTokens?: RequireTokens; trusted?: string; from?: string } = {},
): Verdict {
  const network = options.trusted === undefined ? undefined : parseNetwork(options.trusted)?.network
  const judgement = new LoginJudge({
    sharedKey: new Secret('sekret'),
    tokens: {
      verify: (text) => (text === 'good-token' ? grant : null),
      recordUse: (id, from) => used.push(`${id} ${from}`),
    },
    requireTokens: options.requireTokens ?? 'none',
    bruteForce,
    trustedProxies: network === undefined ? [] : [network],
  })
  const timestamp = 1_795_219_844
  return judgement.judge(
    {
      kind: 'Login',
      version: '0.61.1',
      hostname: '',
      os: 'linux',
      arch: 'amd64',
      user: '',
      privilegeKey: privilegeKey('', timestamp),
      timestamp,
      runId: '',
      clientId: '',
      metas: { token: 'sekret' },
      poolCount: 1,
      ...login,
    },
    options.from ?? peer,
  )
}

const failures = (address = peer): number => {
  let count = 0
  while (!bruteForce.isBanned(address)) {
    bruteForce.recordFailure(address)
    count++
  }
  return 3 - count
}

test('the shared key admits, without a token’s rights', () => {
  expect(judge({})).toEqual({ kind: 'admitted', identity: { grant: null } })
  expect(failures()).toBe(0)
})

test('a token admits with its rights, and its use is noted', () => {
  expect(judge({ metas: { token: 'good-token' } })).toEqual({ kind: 'admitted', identity: { grant } })
  expect(used).toEqual([`k1 ${peer}`])
})

test.each([
  ['a wrong one', { token: 'wrong' }, 'wrong-token'],
  ['none', {}, 'no-token'],
  ['an empty one', { token: '' }, 'no-token'],
])('%s is refused and counts as a failure', (_what, metas, cause) => {
  expect(judge({ metas: metas as Record<string, string> })).toMatchObject({ kind: 'refused', cause })
  expect(failures()).toBe(1)
})

test('too many failures ban the address, even with the right key, and the reason says banned', () => {
  for (let count = 0; count < 3; count++) judge({ metas: { token: 'wrong' } })

  expect(judge({})).toMatchObject({
    kind: 'refused',
    cause: 'banned',
    reason: expect.stringContaining('banned') as string,
  })
  expect(judge({}, { from: '192.0.2.8' }).kind).toBe('admitted')
})

test('all clients behind a trusted proxy have its address, so it is never charged', () => {
  const options = { trusted: '192.0.2.0/24' }
  for (let count = 0; count < 5; count++) judge({ metas: { token: 'wrong' } }, options)

  expect(judge({}, options).kind).toBe('admitted')
})

test('a token that was revoked is refused without a failure: its client goes on trying, and others share its address', () => {
  const revoked = `harp_app_${'A'.repeat(32)}`

  expect(judge({ metas: { token: revoked } })).toMatchObject({
    cause: 'wrong-token',
    reason: expect.stringContaining('revoked') as string,
  })
  expect(failures()).toBe(0)
})

test('with tokens required for all the shared key is refused, without a failure', () => {
  expect(judge({}, { requireTokens: 'all' })).toMatchObject({ kind: 'refused', cause: 'token-required' })
  expect(judge({ metas: { token: 'good-token' } }, { requireTokens: 'all' }).kind).toBe('admitted')
  expect(judge({}, { requireTokens: 'engines' }).kind).toBe('admitted')
  expect(failures()).toBe(0)
})

test('a key of frp’s own auth.token is told in frp’s words', () => {
  expect(judge({ privilegeKey: privilegeKey('s3cret', 1_795_219_844) })).toMatchObject({
    reason: "token in login doesn't match token from configuration",
  })
})

test('a token named like a property of every object is no token', () => {
  expect(judge({ metas: JSON.parse('{"__proto__": "sekret"}') as Record<string, string> })).toMatchObject({
    cause: 'no-token',
  })
})
