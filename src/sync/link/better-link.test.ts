import { afterEach, expect, test } from 'vitest'
import { eventually } from '../../../test/support/deadline.ts'
import { Link as Cable } from '../../../test/support/link.ts'
import { HubGroup, type TestHub } from '../../../test/sync/support/link-hubs.ts'
import { parseHostPort } from '../../net/address.ts'
import type { DeviceId } from '../ids.ts'
import type { DialOutcome } from './link-hub.ts'

const hubs = new HubGroup()
const cables: Cable[] = []
afterEach(async () => {
  await hubs.stop()
  await Promise.all(cables.splice(0).map((cable) => cable.close()))
})

async function farAddressOf(hub: TestHub): Promise<string> {
  const { host, port } = parseHostPort(hub.address)!
  const cable = await Cable.open({ address: host, port })
  cables.push(cable)
  return `127.0.0.1:${cable.port}`
}

interface Failure {
  readonly peer: DeviceId
  readonly address: string
  readonly state: DialOutcome['state']
}

const noting =
  (failures: Failure[]) =>
  (peer: DeviceId, address: string, { state }: DialOutcome): void =>
    void failures.push({ peer, address, state })

test('a link over a better address takes the place of the one that is there, at both ends', async () => {
  const failures: Failure[] = []
  const near = await hubs.start(0, { onDialFailed: noting(failures) })
  const far = await hubs.start(1)
  const address = await farAddressOf(far)
  near.dials(far, address)
  await Promise.all([near.linkTo(far), far.linkTo(near)])

  expect(await near.hub.dialBetter(far.deviceId, far.address)).toBe(true)

  expect(near.hub.link(far.deviceId)?.address).toBe(far.address)
  await eventually('the other end follows', () => (far.closed.length === 1 ? true : undefined))
  expect([near.opened.length, far.opened.length]).toEqual([2, 2])
  expect([near.hub.links().length, far.hub.links().length]).toEqual([1, 1])
  expect(far.hub.link(near.deviceId)).toBe(far.opened[1])
  expect(failures).toEqual([])
})

test('a better address that leads to nobody or to another device changes nothing, and is told', async () => {
  const failures: Failure[] = []
  const near = await hubs.start(0, { onDialFailed: noting(failures) })
  const [far, other] = [await hubs.start(1), await hubs.start(2)]
  near.dials(far)
  const link = await near.linkTo(far)

  expect(await near.hub.dialBetter(far.deviceId, other.address)).toBe(false)
  expect(await near.hub.dialBetter(far.deviceId, '127.0.0.1:1')).toBe(false)

  expect(failures).toEqual([
    { peer: far.deviceId, address: other.address, state: 'wrong-device' },
    { peer: far.deviceId, address: '127.0.0.1:1', state: 'unreachable' },
  ])
  expect(near.hub.link(far.deviceId)).toBe(link)
})

test('who takes this device for no member refuses, and that is told', async () => {
  const failures: Failure[] = []
  const near = await hubs.start(0, { onDialFailed: noting(failures) })
  const far = await hubs.start(1)
  far.strangers.add(near.deviceId)
  near.dials(far)
  const [failure] = await eventually('the refusal', () => (failures.length > 0 ? failures : undefined))

  expect(failure).toEqual({ peer: far.deviceId, address: far.address, state: 'refused' })
})

test('an address that becomes known while others are tried is tried before the rest', async () => {
  const far = await hubs.start(1)
  const tried: string[] = []
  const near = await hubs.start(0, {
    addressesOf: () => (tried.length === 0 ? ['127.0.0.1:1', '127.0.0.1:2'] : [far.address, '127.0.0.1:2']),
    onDialFailed: (_peer, address) => void tried.push(address),
  })
  near.hub.setPeers([far.deviceId])
  await near.linkTo(far)

  expect(tried).toEqual(['127.0.0.1:1'])
})
