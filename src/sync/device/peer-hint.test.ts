import { describe, expect, test } from 'vitest'
import type { DialOutcome } from '../link/link-hub.ts'
import { peerHint, type PeerSituation } from './peer-hint.ts'
import type { PeerWay } from './peer-ways.ts'

const away: PeerSituation = {
  path: null,
  address: null,
  roundTripMs: null,
  ways: [],
  lanAddresses: [],
  lastReason: undefined,
  silentFolders: [],
  lostFolders: [],
  clockAheadMs: undefined,
  noDiscovery: undefined,
}
const near: PeerSituation = { ...away, path: 'lan', address: '192.0.2.7:1', roundTripMs: 0.4 }

const way = (state?: DialOutcome['state'], message = '', address = '192.0.2.7:1'): PeerWay => ({
  address,
  via: 'said',
  problem: state === undefined ? undefined : { state, message },
})
const refused = 'connect ECONNREFUSED 192.0.2.7:1'

describe('a device that is away', () => {
  test.each<[string, Partial<PeerSituation>, string]>([
    ['was never seen', {}, 'no address of it is known'],
    ['was not tried yet', { ways: [way()] }, 'not reached yet at 192.0.2.7:1'],
    ['has nothing that listens', { ways: [way('unreachable', refused)] }, 'refused at 192.0.2.7:1: harp up'],
    ['is silent', { ways: [way('unreachable', 'no answer in 10000 ms')] }, 'no answer at 192.0.2.7:1'],
    ['has moved', { ways: [way('wrong-device', 'is device 00')] }, 'wrong device at 192.0.2.7:1'],
    ['is a printer', { ways: [way('not-ours', 'EPROTO')] }, 'no Harp answers at 192.0.2.7:1'],
    ['refuses at once', { ways: [way('refused', 'stopping')] }, 'ends the connection at once: stopping'],
    ['takes us for a stranger', { ways: [way('refused', 'no member')] }, 'does not take this device for a'],
    ['was revoked', { ways: [way('refused', 'revoked itself')] }, 'it says that it was revoked itself'],
    ['has revoked us', { lastReason: 'no member any more', ways: [way()] }, 'does not take this device'],
    ['is not for us any more', { lostFolders: ['Music'] }, 'this device was revoked in Music'],
    ['is not looked for', { noDiscovery: 'discovery is off' }, 'on the local network: discovery is off'],
  ])('because it %s', (_what, situation, text) => {
    expect(peerHint({ ...away, ...situation })).toContain(text)
  })

  test('of several outcomes the one that tells most is told', () => {
    const silent = way('unreachable', 'no answer in 10000 ms', '10.0.0.1:1')
    const ways = [silent, way('unreachable', refused, '10.0.0.2:2')]

    expect(peerHint({ ...away, ways })).toContain('connection refused at 10.0.0.2:2')
  })

  test('not all of many addresses are named', () => {
    const ways = [1, 2, 3, 4, 5].map((port) => way('unreachable', refused, `10.0.0.1:${port}`))

    expect(peerHint({ ...away, ways })).toContain('10.0.0.1:1, 10.0.0.1:2, 10.0.0.1:3, 2 more')
  })
})

describe('a device that is connected', () => {
  test('well, or over the only address there is', () => {
    expect(peerHint(near)).toBeNull()
    expect(peerHint({ ...near, path: 'direct', roundTripMs: 80 })).toBeNull()
    expect(peerHint({ ...near, clockAheadMs: -59_000 })).toBeNull()
  })

  test.each<[string, Partial<PeerSituation>, string]>([
    ['far though it is near', { path: 'direct', lanAddresses: ['10.0.0.9:2'] }, 'near, at 10.0.0.9:2'],
    ['over a slow network', { roundTripMs: 250 }, 'slow: 250 ms'],
    ['with another clock', { clockAheadMs: -90_000 }, "90 s behind this one's"],
    ['without a folder', { silentFolders: ['Music'] }, 'Music is not exchanged'],
  ])('%s', (_what, situation, text) => {
    expect(peerHint({ ...near, ...situation })).toContain(text)
  })
})
