import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LanDevice, plug, Segment } from '../../../test/sync/support/model-lan.ts'
import { seededBytes } from '../../../test/sync/support/seeded-bytes.ts'
import { createDeviceKeys, type DeviceKeys } from '../crypto/identity.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { toHex } from '../ids.ts'
import { decodeBeacon, encodeBeacon } from './beacon-codec.ts'

const random = seededBytes('discovery')
const people = Array.from({ length: 5 }, () => createDeviceKeys(nodeSuite, random))
const [annKeys, bobKeys, eveKeys] = people as [DeviceKeys, DeviceKeys, DeviceKeys]

let lan: Segment
let started: LanDevice[]

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 })
  lan = new Segment()
  started = []
})

afterEach(async () => {
  await Promise.all(started.map(({ discovery }) => discovery.stop()))
  expect(lan.ears).toBe(0)
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

type Options = ConstructorParameters<typeof LanDevice>[2]

function device(
  keys: DeviceKeys,
  host: number,
  members: readonly DeviceKeys[],
  options?: Options,
): LanDevice {
  const made = new LanDevice(keys, [plug('eth0', lan, `192.0.2.${host}`)], options)
  made.members = members
  started.push(made)
  return made
}

const seconds = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * 1_000)

test.each([
  ['beacons', { beacons: true, mdns: false }, ['192.0.2.2:1000', '[fe80::2%eth0]:1000']],
  ['mdns', { beacons: false, mdns: true }, ['192.0.2.2:1000']],
])(
  'two members find each other by %s within a second, whoever was there first',
  async (_name, ways, addresses) => {
    const ann = device(annKeys, 1, [bobKeys], { ways })
    const bob = device(bobKeys, 2, [annKeys], { ways })
    ann.discovery.start()
    await seconds(60)
    bob.discovery.start()
    await seconds(1)

    expect(bob.seen(annKeys.deviceId).length).toBe(addresses.length)
    expect(ann.seen(bobKeys.deviceId)).toEqual(addresses)
    expect(ann.sightings[0]).toMatchObject({ via: ways.mdns ? 'mdns' : 'beacon', interfaceName: 'eth0' })
  },
)

test('a beacon whose first ones were lost is heard by its next', async () => {
  const ann = device(annKeys, 1, [bobKeys])
  const bob = device(bobKeys, 2, [annKeys])
  lan.isMute = true
  ann.discovery.start()
  bob.discovery.start()
  await seconds(10)
  expect(ann.sightings).toEqual([])
  lan.isMute = false
  await seconds(40)

  expect(ann.seen(bobKeys.deviceId)).not.toEqual([])
})

test('a stranger and a device of another folder see nobody, and are answered by nobody', async () => {
  const ann = device(annKeys, 1, [bobKeys])
  const eve = device(eveKeys, 3, [annKeys, bobKeys])
  ann.discovery.start()
  await seconds(10)
  const before = lan.of('ipv4', '192.0.2.1').length
  eve.discovery.start()
  await seconds(5)

  expect(eve.sightings).toEqual([])
  expect(ann.sightings).toEqual([])
  expect(lan.of('ipv4', '192.0.2.1').length).toBe(before)
})

test('who is no member any more is not seen from then on, and not told', async () => {
  const ann = device(annKeys, 1, [bobKeys, eveKeys])
  const eve = device(eveKeys, 3, [annKeys])
  ann.discovery.start()
  await seconds(5)
  ann.members = [bobKeys]
  ann.discovery.membersChanged()
  await seconds(5)
  eve.discovery.start()
  await seconds(60)

  expect([eve.sightings, ann.sightings]).toEqual([[], []])
})

test('a new member is looked for at once', async () => {
  const ann = device(annKeys, 1, [eveKeys])
  const bob = device(bobKeys, 2, [annKeys])
  ann.discovery.start()
  bob.discovery.start()
  await seconds(6)
  expect(bob.sightings).toEqual([])
  ann.members = [bobKeys, eveKeys]
  ann.discovery.membersChanged()
  await seconds(1)

  expect([ann.seen(bobKeys.deviceId).length, bob.seen(annKeys.deviceId).length]).toEqual([2, 2])
})

test('without other members, and when it is off, nothing is opened or said', async () => {
  const ann = device(annKeys, 1, [])
  const bob = device(bobKeys, 2, [annKeys], { ways: { beacons: false, mdns: false } })
  ann.discovery.start()
  bob.discovery.start()
  await seconds(60)

  expect([lan.ears, lan.said.length]).toEqual([0, 0])
  expect(bob.discovery.report).toMatchObject({ isOn: false, interfaces: [], problem: undefined })
  ann.members = [bobKeys]
  ann.discovery.membersChanged()
  await seconds(1)
  expect(lan.said.length).toBeGreaterThan(0)
  ann.members = []
  ann.discovery.membersChanged()
  await seconds(1)
  expect(lan.ears).toBe(0)
})

test('at rest it says a beacon in half a minute by each family, and asks every five minutes', async () => {
  const ann = device(annKeys, 1, [bobKeys])
  ann.discovery.start()
  await seconds(10)
  const counts = (): number[] => [lan.of('ipv4').length, lan.of('ipv6').length, lan.of('query').length]
  const before = counts()
  await seconds(600)
  const [ipv4 = 0, ipv6 = 0, queries = 0] = counts().map((count, index) => count - (before[index] ?? 0))

  for (const beacons of [ipv4, ipv6]) {
    expect(beacons).toBeGreaterThanOrEqual(16)
    expect(beacons).toBeLessThanOrEqual(25)
  }
  expect(queries).toBeLessThanOrEqual(3)
})

test('who repeats a beacon gets one answer a second at most', async () => {
  const ann = device(annKeys, 1, [bobKeys])
  const bob = device(bobKeys, 2, [annKeys])
  ann.discovery.start()
  await seconds(10)
  bob.discovery.start()
  await seconds(0.01)
  const [said] = lan.of('ipv4', '192.0.2.2')
  await bob.discovery.stop()
  await seconds(5)
  const before = lan.of('ipv4', '192.0.2.1').length
  for (let count = 0; count < 50; count++) {
    lan.beacon('192.0.2.66', 'ipv4', said!.bytes)
    await seconds(0.1)
  }

  const answers = lan.of('ipv4', '192.0.2.1').length - before
  expect(answers).toBeGreaterThanOrEqual(4)
  expect(answers).toBeLessThanOrEqual(6)
})

test('of a flood, a hundred datagrams a second are looked at', async () => {
  const ann = device(annKeys, 1, [bobKeys])
  ann.discovery.start()
  await seconds(10)
  const before = ann.discovery.report.heard
  const nonce = new Uint8Array(8).fill(7)
  const bytes = encodeBeacon({ wantsAnswer: true, port: 1, nonce, tags: [new Uint8Array(8)] })
  for (let count = 0; count < 1_000; count++) lan.beacon('192.0.2.66', 'ipv4', bytes)

  expect(ann.discovery.report.heard - before).toBe(100)
  await seconds(1)
  lan.beacon('192.0.2.66', 'ipv4', bytes)
  expect(ann.discovery.report.heard - before).toBe(101)
})

test('on two networks a device is found on each, and an own beacon is never a sighting', async () => {
  const other = new Segment()
  const ann = new LanDevice(annKeys, [plug('eth0', lan, '192.0.2.1'), plug('eth1', other, '198.51.100.1')])
  const bob = new LanDevice(bobKeys, [plug('eth0', lan, '192.0.2.2'), plug('eth1', other, '198.51.100.2')])
  started.push(ann, bob)
  ann.members = [bobKeys]
  bob.members = [annKeys]
  ann.discovery.start()
  bob.discovery.start()
  await seconds(2)

  expect(ann.seen(bobKeys.deviceId).toSorted()).toEqual([
    '192.0.2.2:1000',
    '198.51.100.2:1000',
    '[fe80::2%eth0]:1000',
    '[fe80::2%eth1]:1000',
  ])
  expect(ann.seen(annKeys.deviceId)).toEqual([])
  const found = new Set(ann.sightings.map(({ interfaceName, address }) => `${interfaceName} ${address}`))
  expect(found).toContain('eth1 198.51.100.2:1000')
})

test('an interface that comes is used within seconds, and one that goes is let go', async () => {
  const wifi = new Segment()
  const ann = device(annKeys, 1, [bobKeys])
  const bob = new LanDevice(bobKeys, [plug('wlan0', wifi, '198.51.100.2')])
  started.push(bob)
  bob.members = [annKeys]
  ann.discovery.start()
  bob.discovery.start()
  await seconds(20)
  const [wired] = ann.plugs.splice(0, 1, plug('wlan0', wifi, '198.51.100.1'))
  await seconds(6)

  expect(bob.seen(annKeys.deviceId)).toContain('198.51.100.1:1000')
  expect(lan.ears).toBe(0)
  expect(ann.discovery.report.interfaces.map(({ name }) => name)).toEqual(['wlan0'])
  ann.plugs.push(wired!)
  await seconds(6)
  expect(lan.ears).toBe(3)
})

test('with a new hour come other tags and another name, and nothing shows that they are the same device', async () => {
  const ann = device(annKeys, 1, [bobKeys])
  const bob = device(bobKeys, 2, [annKeys])
  ann.discovery.start()
  bob.discovery.start()
  const tagsAndNames = async (): Promise<Set<string>> => {
    lan.said.length = 0
    ann.discovery.membersChanged()
    await seconds(45)
    const tags = lan
      .of('ipv4', '192.0.2.1')
      .flatMap(({ bytes }) => decodeBeacon(bytes)?.tags.map(toHex) ?? [])
    lan.query('192.0.2.9', '_harp._tcp.local')
    await seconds(2)
    const names = lan
      .of('response', '192.0.2.1')
      .flatMap(({ answers }) => answers.filter(({ ttl }) => ttl > 0).map(({ name }) => name))
    return new Set([...tags, ...names.filter((name) => name !== '_harp._tcp.local')])
  }
  const first = await tagsAndNames()
  await seconds(3_600)
  const second = await tagsAndNames()

  expect(first.size).toBeGreaterThan(5)
  expect(second.size).toBeGreaterThan(5)
  expect([...first].filter((each) => second.has(each))).toEqual([])
  bob.sightings.length = 0
  await seconds(60)
  expect(bob.seen(annKeys.deviceId)).toContain('192.0.2.1:1000')
})

test('the name changes with the hour, also if somebody else is heard first', async () => {
  await seconds(2)
  const ann = device(annKeys, 1, [bobKeys])
  ann.discovery.start()
  await seconds(2_797)
  const namesSince = async (): Promise<ReadonlySet<string>> => {
    lan.said.length = 0
    lan.query('192.0.2.9', '_harp._tcp.local')
    await seconds(0.9)
    const answers = lan.of('response').flatMap((each) => each.answers)
    return new Set(answers.filter(({ ttl, type }) => ttl > 0 && type === 'TXT').map(({ name }) => name))
  }
  const before = await namesSince()
  await seconds(0.2)
  const nonce = new Uint8Array(8).fill(7)
  const tags = [new Uint8Array(8)]
  lan.beacon('192.0.2.66', 'ipv4', encodeBeacon({ wantsAnswer: false, port: 1, nonce, tags }))
  await seconds(5)
  const after = await namesSince()

  expect([before.size, after.size]).toEqual([1, 1])
  expect([...before].filter((name) => after.has(name))).toEqual([])
})

test('a flood from others does not look as if nothing came back', async () => {
  const ann = device(annKeys, 1, [bobKeys], { ways: { beacons: true, mdns: false } })
  ann.discovery.start()
  await seconds(10)
  const nonce = new Uint8Array(8).fill(7)
  const bytes = encodeBeacon({ wantsAnswer: false, port: 1, nonce, tags: [new Uint8Array(8)] })
  const flood = setInterval(() => {
    for (let count = 0; count < 101; count++) lan.beacon('192.0.2.66', 'ipv4', bytes)
  }, 1_000)
  await seconds(240)
  clearInterval(flood)

  expect(ann.discovery.report.interfaces[0]?.beaconProblem).toBe(undefined)
})

test('what a service says of its address counts only if it is of the network', async () => {
  const ann = device(annKeys, 1, [bobKeys])
  const bob = device(bobKeys, 2, [annKeys], { ways: { beacons: false, mdns: true } })
  ann.discovery.start()
  bob.discovery.start()
  await seconds(5)
  const said = lan.of('response', '192.0.2.2')[0]!.answers
  ann.sightings.length = 0
  for (const data of ['127.0.0.1', '169.254.169.254', '203.0.113.5']) {
    lan.respond(
      '192.0.2.66',
      said.map((each) => (each.type === 'A' ? { ...each, data } : each)),
    )
  }

  expect(ann.seen(bobKeys.deviceId)).toEqual(['192.0.2.66:1000'])
})

test('clocks that are half an hour apart do not matter', async () => {
  const late = { monotonic: () => performance.now(), wall: () => Date.now() - 1_800_000 }
  const ann = device(annKeys, 1, [bobKeys])
  const bob = device(bobKeys, 2, [annKeys], { clock: late })
  ann.discovery.start()
  bob.discovery.start()
  await seconds(1)

  expect([ann.seen(bobKeys.deviceId).length, bob.seen(annKeys.deviceId).length]).toEqual([2, 2])
})

test('whoever leaves says goodbye', async () => {
  const ann = device(annKeys, 1, [bobKeys])
  ann.discovery.start()
  await seconds(5)
  lan.said.length = 0
  await ann.discovery.stop()

  expect(lan.of('response').flatMap(({ answers }) => answers.map(({ ttl }) => ttl))).toEqual([0, 0, 0])
})

test('nothing is said after the goodbye, whoever asks meanwhile', async () => {
  const ann = device(annKeys, 1, [bobKeys])
  ann.discovery.start()
  await seconds(5)
  ann.sendDelayMs = 150
  lan.said.length = 0
  const stopped = ann.discovery.stop()
  lan.query('192.0.2.9', '_harp._tcp.local')
  await seconds(2)
  await stopped

  const ttls = lan.of('response').flatMap(({ answers }) => answers.map(({ ttl }) => ttl))
  expect(ttls.filter((ttl) => ttl > 0)).toEqual([])
})

test('a listener that this network does not lead to is not told as one, and finds others all the same', async () => {
  const ann = device(annKeys, 1, [bobKeys], { listening: () => ({ host: '127.0.0.1', port: 5 }) })
  const bob = device(bobKeys, 2, [annKeys])
  bob.discovery.start()
  await seconds(10)
  ann.discovery.start()
  await seconds(1)

  expect(ann.seen(bobKeys.deviceId)).toContain('192.0.2.2:1000')
  expect(bob.sightings).toEqual([])
  expect(lan.of('response', '192.0.2.1')).toEqual([])
})

test('what does not work is said, tried again, and not said any more once it works', async () => {
  const ann = device(annKeys, 1, [bobKeys])
  ann.openProblem = 'another program has the UDP port to itself'
  ann.discovery.start()
  await seconds(6)
  expect(ann.discovery.report).toMatchObject({
    interfaces: [{ name: 'eth0', beaconProblem: ann.openProblem, mdnsProblem: ann.openProblem }],
    problem: { code: 'DISCOVERY_MULTICAST', message: expect.stringContaining('another program') },
  })
  ann.openProblem = undefined
  await seconds(61)
  expect(ann.discovery.report).toMatchObject({
    interfaces: [{ beaconProblem: undefined, mdnsProblem: undefined }],
    problem: undefined,
  })
  ann.sendProblem = 'a firewall on this device refuses multicast'
  await seconds(360)
  expect(ann.discovery.report.interfaces).toMatchObject([
    { beaconProblem: ann.sendProblem, mdnsProblem: ann.sendProblem },
  ])
})

test('own beacons that never come back mean that a firewall drops what arrives', async () => {
  const ann = device(annKeys, 1, [bobKeys], { ways: { beacons: true, mdns: false } })
  ann.discovery.start()
  await seconds(10)
  lan.isMute = true
  await seconds(240)
  expect(ann.discovery.report.interfaces[0]?.beaconProblem).toContain('a firewall on this device may drop')
  lan.isMute = false
  await seconds(40)
  expect(ann.discovery.report.interfaces[0]?.beaconProblem).toBe(undefined)
})

test('no interface that can multicast: the reasons are named', async () => {
  const ann = device(annKeys, 1, [bobKeys])
  const [wired] = ann.plugs
  ann.plugs[0] = { ...wired!, at: { ...wired!.at, problem: 'multicast is off on this interface' } }
  ann.discovery.start()
  await seconds(6)
  expect(ann.discovery.report.problem).toMatchObject({
    code: 'DISCOVERY_MULTICAST',
    message: expect.stringContaining('eth0: multicast is off'),
  })
  expect(lan.said).toEqual([])
  ann.plugs.length = 0
  await seconds(6)
  expect(ann.discovery.report.problem?.message).toContain('no interface is up')
})
