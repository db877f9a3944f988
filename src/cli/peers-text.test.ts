import { expect, test } from 'vitest'
import { samplePeer, sampleStatus } from '../../test/sync/support/fake-daemon.ts'
import type { DeviceStatus, PeerInfo } from '../sync/index.ts'
import { peerListLines } from './peers-text.ts'
import { statusLines } from './status-text.ts'

const now = Date.parse('2026-01-31T11:05:00.000Z')
const away: PeerInfo = {
  ...samplePeer,
  name: 'nas\u001b[31m',
  connected: false,
  address: null,
  path: null,
  dialled: null,
  roundTripMs: null,
  bytesIn: 0,
  bytesOut: 0,
  addresses: [
    { address: '10.0.0.3:22783', via: 'beacon', problem: 'connect ECONNREFUSED 10.0.0.3:22783' },
    { address: '10.0.0.4:22783', via: 'member', problem: null },
  ],
  hint: 'connection refused at 10.0.0.3:22783: harp up does not run there, or has another port',
}

test('who is connected comes first; who is not has why, and the addresses that were tried', () => {
  expect(peerListLines([away, samplePeer], now)).toEqual([
    'desktop (AAAAAAA)   lan 192.0.2.7:22783, 0.4 ms  2.0 KiB in, 1.0 MiB out  Music (write)',
    'nas [31m (AAAAAAA)  away for 2h                                           Music (write)',
    '  → connection refused at 10.0.0.3:22783: harp up does not run there, or has another port',
    '    10.0.0.3:22783 (heard on the network): connect ECONNREFUSED 10.0.0.3:22783',
    '    10.0.0.4:22783 (from another member)',
  ])
})

test('nobody yet', () => {
  expect(peerListLines([], now)).toEqual(['Nobody shares a folder with this device yet: harp invite FOLDER'])
})

const statusWith = (discovery: Partial<DeviceStatus['discovery']>): string =>
  statusLines({ ...sampleStatus, discovery: { ...sampleStatus.discovery, ...discovery } }).join('\n')

test('that devices cannot be found is said, unless nobody wants that', () => {
  const errors = [{ code: 'DISCOVERY_MULTICAST', path: '', message: 'refused', fix: 'allow it' }]
  const place = { name: 'eth0', address: '192.0.2.4', beacons: 'ENODEV', mdns: 'EACCES' }

  expect(statusWith({})).not.toContain('!  ')
  expect(statusWith({ errors })).toContain('  ! refused. Fix: allow it [DISCOVERY_MULTICAST]')
  expect(statusWith({ interfaces: [place] })).toContain('eth0: devices are not found there')
  expect(statusWith({ interfaces: [{ ...place, mdns: null }] })).not.toContain('eth0')
  expect(statusWith({ enabled: false, errors })).not.toContain('refused')
})

test('a cache shows what it holds instead of files', () => {
  const cache = {
    quotaBytes: 2 ** 31,
    usedBytes: 2 ** 30,
    chunks: 12_345,
    hitBytes: 3_000,
    missBytes: 1_000,
    evictedBytes: 2_048,
  }
  const [folder] = sampleStatus.folders
  const cached = { ...folder!, files: 0, bytes: 0, needFiles: 0, needBytes: 4_096, cache }

  const text = statusLines({ ...sampleStatus, folders: [cached] }).join('\n')

  expect(text).toContain('Music  syncing, 2.0 KiB/s, about 4.0 KiB to get  /home/ann/Music')
  expect(text).toContain(
    'cache: 1.0 GiB of 2.0 GiB in 12,345 chunks; 75 % of 3.9 KiB asked for was here; 2.0 KiB',
  )
})
