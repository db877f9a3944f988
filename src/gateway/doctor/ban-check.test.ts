import { expect, test } from 'vitest'
import { parseNetwork } from '../../net/address.ts'
import { judgeBans } from './ban-check.ts'

const trusted = [parseNetwork('203.0.113.0/24')?.network ?? []].flat()
const ban = (address: string) => ({ address, failures: 10, until: '2026-01-01T00:00:00.000Z' })

test('nobody banned is fine', () => {
  expect(judgeBans([], trusted).status).toBe('ok')
})

test.each(['172.18.0.5', '192.168.1.1', '10.1.2.3', '127.0.0.1', 'fd00::/64', '::/64', 'fe80::/64'])(
  'a ban of %s looks like a banned reverse proxy',
  (address) => {
    const check = judgeBans([ban('198.51.100.1'), ban(address)], trusted)

    expect(check).toMatchObject({ status: 'warn', detail: expect.stringContaining('local network') })
    expect(check.fix).toContain('HP_TRUSTED_PROXY_IPS=203.0.113.0/24,')
  },
)

test('a banned trusted proxy was trusted too late', () => {
  const check = judgeBans([ban('203.0.113.9')], trusted)

  expect(check).toMatchObject({ status: 'warn', fix: expect.stringContaining('restart the gateway') })
})

test('banned strangers are listed, a few of them', () => {
  const many = Array.from({ length: 7 }, (_, index) => ban(`198.51.100.${index}`))

  const check = judgeBans(many, trusted)

  expect(check.detail).toContain('198.51.100.4 and 2 more')
})
