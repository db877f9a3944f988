import { createSocket, type Socket } from 'node:dgram'
import { afterEach, expect, test } from 'vitest'
import { eventually } from '../../../test/support/deadline.ts'
import { seededBytes } from '../../../test/sync/support/seeded-bytes.ts'
import { systemClock } from '../../base/clock.ts'
import { silentLogger } from '../../base/logger.ts'
import { createDeviceKeys, type DeviceKeys } from '../crypto/identity.ts'
import { nodeSuite } from '../crypto/node-suite.ts'
import { beaconGroups, beaconPort, mdnsPort, mdnsService } from './discovery-limits.ts'
import { Discovery } from './discovery.ts'
import { nodeNetwork } from './node-network.ts'
import { parseServices, serviceAnswers, type Service } from './service-records.ts'
import type { Sighting } from './sighting.ts'

/** On real sockets, on this machine's loopback alone. */
const random = seededBytes('node network')
const stops: (() => unknown)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

function discovery(own: DeviceKeys, other: DeviceKeys, port: number, ways: 'beacons' | 'mdns'): Sighting[] {
  const seen: Sighting[] = []
  const made = new Discovery({
    suite: nodeSuite,
    deviceId: own.deviceId,
    agreementSecret: own.agreementSecret,
    network: nodeNetwork({ isLoopback: true, clock: systemClock }),
    ways: { beacons: ways === 'beacons', mdns: ways === 'mdns' },
    members: () => [{ device: other.deviceId, agreementKey: other.record.agreementKey }],
    listening: () => ({ host: '127.0.0.1', port }),
    onSighting: (sighting) => seen.push(sighting),
    clock: systemClock,
    random,
    log: silentLogger,
  })
  made.start()
  stops.push(() => made.stop())
  return seen
}

test.each(['beacons', 'mdns'] as const)('two daemons of one machine find each other by %s', async (ways) => {
  const [ann, bob] = [createDeviceKeys(nodeSuite, random), createDeviceKeys(nodeSuite, random)]
  const seenByAnn = discovery(ann, bob, 1_001, ways)
  const seenByBob = discovery(bob, ann, 1_002, ways)

  await eventually('both are seen', () => (seenByAnn.length > 0 && seenByBob.length > 0 ? true : undefined))
  expect(seenByAnn[0]).toMatchObject({ device: bob.deviceId, address: '127.0.0.1:1002', interfaceName: 'lo' })
  expect(seenByBob[0]).toMatchObject({ device: ann.deviceId, address: '127.0.0.1:1001', interfaceName: 'lo' })
})

async function shouter(): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  socket.setMulticastInterface('127.0.0.1')
  stops.push(() => socket.close())
  return socket
}

test('what is no message of ours is dropped, however broken, and ours are heard after it', async () => {
  const network = nodeNetwork({ isLoopback: true, clock: systemClock })
  const [lo] = network.interfaces()
  const found: Service[] = []
  const problems: string[] = []
  const channel = network.openServices(lo!, {
    onQuery: () => undefined,
    onResponse: (packet) => found.push(...parseServices(packet)),
    onProblem: (problem) => problems.push(problem),
  })
  stops.push(() => channel.close())
  const socket = await shouter()
  const name = Buffer.from('\u0005_harp\u0004_tcp\u0005local\u0000', 'latin1')
  const head = (answers: number): Buffer => Buffer.from([0, 0, 0x84, 0, 0, 0, 0, answers, 0, 0, 0, 0])
  const broken = [
    Buffer.concat([head(1), name]),
    Buffer.concat([head(200), name, Buffer.alloc(20, 0xff)]),
    // Names that point at themselves, at each other, and behind the end.
    Buffer.concat([head(1), Buffer.from([0xc0, 12]), name]),
    Buffer.concat([head(1), Buffer.from([0xc0, 14, 0xc0, 12]), name]),
    Buffer.concat([head(1), Buffer.from([0xff, 0xff]), name]),
    Buffer.concat([head(1), name, Buffer.from([0, 33, 0, 1, 0, 0, 0, 9, 0xff, 0xff, 1])]),
    Buffer.concat([head(1), name, Buffer.from([0, 16, 0, 1, 0, 0, 0, 9, 0, 2, 0xff, 1])]),
    name,
    Buffer.alloc(0),
  ]
  await channel.query(mdnsService)
  for (const bytes of broken) socket.send(bytes, mdnsPort, '224.0.0.251')
  const service = { instance: 'fine0', port: 7, tags: [new Uint8Array(8)], addresses: ['127.0.0.1'] }
  await eventually('ours is heard', async () => {
    await channel.respond(serviceAnswers(service, 120))
    return found.some(({ instance }) => instance === 'fine0') ? true : undefined
  })
  expect(problems).toEqual([])
})

test('beacons of any bytes are handed on as they came', async () => {
  const network = nodeNetwork({ isLoopback: true, clock: systemClock })
  const [lo] = network.interfaces()
  const heard: { bytes: Uint8Array; source: string }[] = []
  const problems: string[] = []
  const channel = network.openBeacons(lo!, 'ipv4', {
    onDatagram: (bytes, source) => heard.push({ bytes, source }),
    onProblem: (problem) => problems.push(problem),
  })
  stops.push(() => channel.close())
  const socket = await shouter()
  await eventually('heard', () => {
    socket.send(Buffer.from('garbage'), beaconPort, beaconGroups.ipv4)
    const isHeard = heard.some(({ bytes }) => Buffer.from(bytes).toString() === 'garbage')
    return isHeard ? true : undefined
  })
  expect(heard.some(({ source }) => source === '127.0.0.1')).toBe(true)
  expect(await channel.send(new Uint8Array(2_000))).toBe(undefined)
  channel.close()
  expect(await channel.send(new Uint8Array(1))).toBe('closed')
  expect(problems).toEqual([])
})
