import { afterEach, expect, test } from 'vitest'
import { HubGroup, linkDevice, TestHub } from '../../../test/sync/support/link-hubs.ts'
import { eventually } from '../../../test/support/deadline.ts'
import { Link as Cable } from '../../../test/support/link.ts'
import { errorCode } from '../../base/errors.ts'
import { parseHostPort } from '../../net/address.ts'

const hubs = new HubGroup()
const cables: Cable[] = []
afterEach(async () => {
  await hubs.stop()
  await Promise.all(cables.splice(0).map((cable) => cable.close()))
})

async function cableTo(hub: TestHub): Promise<{ readonly cable: Cable; readonly address: string }> {
  const { host, port } = parseHostPort(hub.address)!
  const cable = await Cable.open({ address: host, port })
  cables.push(cable)
  return { cable, address: `127.0.0.1:${cable.port}` }
}

test('two devices meet, know each other by key and name, and poke each other', async () => {
  const near = await hubs.start(0, { name: 'Near\none' })
  const far = await hubs.start(1)
  near.dials(far)
  const link = await near.linkTo(far)
  const back = await far.linkTo(near)

  expect([link.peer, link.peerName, link.isDialled]).toEqual([
    far.deviceId,
    far.opened[0] && link.peerName,
    true,
  ])
  expect([back.peer, back.peerName, back.isDialled]).toEqual([near.deviceId, 'Near one', false])
  expect([link.peerInstance, back.peerInstance]).toEqual([far.hub.instance, near.hub.instance])
  expect(link.peerListens).toContain(far.address)
  expect(back.peerListens).toEqual([near.address])
  link.poke()
  await eventually('the poke', () => (far.pokes === 1 ? true : undefined))
  await eventually('a round trip', () => link.roundTripMs)
  expect(link.bytesIn).toBeGreaterThan(0)
})

test('a device with another key at the address is no link, and the next address is tried', async () => {
  const near = await hubs.start(0)
  const other = await hubs.start(1)
  const right = await hubs.start(2)
  near.addresses.set(right.deviceId, ['127.0.0.1:1', other.address, right.address])
  near.hub.setPeers([right.deviceId])

  expect((await near.linkTo(right)).address).toBe(right.address)
  expect(other.opened).toEqual([])
})

test('a device that is no member gets no link, and no name', async () => {
  let asked = 0
  const near = await hubs.start(0)
  const far = await hubs.start(1, {
    isMember: (id) => {
      asked++
      return !far.strangers.has(id)
    },
  })
  far.strangers.add(near.deviceId)
  near.dials(far)
  await eventually('a few attempts', () => (asked > 2 ? true : undefined))
  expect([near.opened, far.opened]).toEqual([[], []])

  far.strangers.clear()
  near.hub.dialNow(far.deviceId)
  await near.linkTo(far)
})

test.each(['revoked itself', 'no log yet'])(
  'who has no say, for "%s", calls nobody a stranger',
  async (said) => {
    const near = await hubs.start(0, {
      onDialFailed: (_peer, _address, { message }) => outcomes.push(message),
      onRefused: () => outcomes.push('refused'),
    })
    const far = await hubs.start(1, {
      hasLeft: (id) => said === 'revoked itself' && id === near.deviceId,
      isBlank: () => said === 'no log yet',
    })
    const outcomes: string[] = []
    far.strangers.add(near.deviceId)
    near.dials(far)
    await eventually('an attempt', () => (outcomes.length > 0 ? true : undefined))

    expect(new Set(outcomes)).toEqual(new Set([said]))
  },
)

test('ever new sightings do not keep it from the address that is right', async () => {
  const far = await hubs.start(1)
  let next = 1
  // Nothing listens at ports that low.
  const near = await hubs.start(0, { addressesOf: () => [`127.0.0.1:${next++}`, far.address] })
  near.dials(far)
  await eventually('an attempt', () => (next > 2 ? true : undefined))
  const link = await near.linkTo(far)

  expect(link.address).toBe(far.address)
  expect(next).toBeLessThan(10)
})

test('both dial at once, and the same one of the two links stays at both ends', async () => {
  for (let round = 0; round < 5; round++) {
    const near = await hubs.start(0)
    const far = await hubs.start(1)
    near.dials(far)
    far.dials(near)
    const [link, back] = await Promise.all([near.linkTo(far), far.linkTo(near)])
    link.poke()
    back.poke()
    await eventually('pokes over the links that stayed', () => {
      const ours = near.hub.link(far.deviceId)
      const theirs = far.hub.link(near.deviceId)
      if (ours === undefined || theirs === undefined) return undefined
      return ours.isDialled === !theirs.isDialled ? true : undefined
    })
    const count = [near.hub.links().length, far.hub.links().length]
    await hubs.stop()
    expect(count).toEqual([1, 1])
    expect(near.opened.length).toBe(near.closed.length)
    expect(far.opened.length).toBe(far.closed.length)
  }
})

test('a cut link is dialled again', async () => {
  const near = await hubs.start(0)
  const far = await hubs.start(1)
  const { cable, address } = await cableTo(far)
  near.dials(far, address)
  const first = await near.linkTo(far)
  await far.linkTo(near)
  cable.cut()
  await eventually('the next link', () => (near.opened.length === 2 ? true : undefined))
  await eventually('the other end', () => (far.opened.length === 2 ? true : undefined))

  expect(() => first.open({ type: 'log', folderId: 'ab'.repeat(32) })).toThrow(
    expect.objectContaining({ code: 'LINK_CLOSED' }),
  )
  expect(near.hub.links()).toHaveLength(1)
})

test('a link whose cable was pulled ends at both ends, and comes back when it is plugged in', async () => {
  const times = { keepAliveIntervalMs: 60, keepAliveTimeoutMs: 60, connectMs: 100, handshakeMs: 100 }
  const near = await hubs.start(0, { times })
  const far = await hubs.start(1, { times })
  const { cable, address } = await cableTo(far)
  near.dials(far, address)
  await near.linkTo(far)
  await far.linkTo(near)
  cable.stall()
  await eventually('both know', () =>
    near.closed.length === 1 && far.closed.length === 1 ? true : undefined,
  )
  expect(near.closed[0]).toContain('YAMUX_KEEP_ALIVE_TIMEOUT')

  cable.heal()
  await near.linkTo(far)
  await far.linkTo(near)
})

test('a device that was started anew has a new link at once', async () => {
  const times = { keepAliveIntervalMs: 60_000 }
  const far = await hubs.start(1, { times })
  const before = await hubs.start(0, { times })
  const { cable, address } = await cableTo(far)
  before.dials(far, address)
  await before.linkTo(far)
  const old = await far.linkTo(before)
  cable.stall()
  const after = await hubs.start(0, { times })
  after.dials(far)
  await after.linkTo(far)
  await eventually('the new one', () => (far.hub.link(after.deviceId) === old ? undefined : true))
  expect(far.closed).toEqual(['duplicate'])
  expect(far.problems).toEqual([])
})

test('a device that lost its link unseen by this end comes back at once, whoever dialled before', async () => {
  let ahead = 0
  const clock = { wall: () => Date.now(), monotonic: () => performance.now() + ahead }
  const times = { keepAliveIntervalMs: 600_000 }
  const far = await hubs.start(1, { times, clock })
  const near = await hubs.start(0, { times })
  const { cable, address } = await cableTo(near)
  far.dials(near, address)
  await far.linkTo(near)
  const link = await near.linkTo(far)
  cable.stall()
  link.close('gone')
  ahead = 10_001
  near.dials(far)
  await near.linkTo(far)
  await eventually('the new one', () => (far.opened.length === 2 ? true : undefined))
  expect(far.closed).toEqual(['duplicate'])
})

test('two programs with the keys of one other device are named', async () => {
  const times = { backOffFirstMs: 10, backOffLastMs: 20 }
  const far = await hubs.start(1)
  const one = await hubs.start(0, { times })
  const two = await hubs.start(0, { times })
  one.dials(far)
  two.dials(far)
  const problem = await eventually('the report', () => far.problems[0])
  expect(problem).toMatchObject({ code: 'LINK_PEER_CLONED', peer: one.deviceId })
})

test('a port in use is an error that says what to do, unless another one will do', async () => {
  const first = await hubs.start(0)
  const listen = parseHostPort(first.address)!
  const second = new TestHub(linkDevice(1), { listen })
  await expect(second.hub.start()).rejects.toMatchObject({ code: 'LINK_PORT_TAKEN' })
  await second.hub.stop()

  const third = await hubs.start(1, { listen: { ...listen, isPortOptional: true } })
  expect(third.address).not.toBe(first.address)
  third.dials(first)
  await third.linkTo(first)
})

test('an address that is not of this machine is refused with a fix', async () => {
  const hub = new TestHub(linkDevice(0), { listen: { host: '192.0.2.1', port: 0 } })
  const error: unknown = await hub.hub.start().catch((caught: unknown) => caught)
  await hub.hub.stop()
  expect(errorCode(error)).toBe('LINK_LISTEN_FAILED')
})

test('who leaves says so, and is not waited for', async () => {
  const near = await hubs.start(0)
  const far = await hubs.start(1)
  near.dials(far)
  await near.linkTo(far)
  await far.linkTo(near)
  await far.hub.stop()
  await eventually('the goodbye', () => (near.closed.length > 0 ? true : undefined))
  expect(near.closed).toEqual(['stopping'])
  expect(near.hub.links()).toEqual([])
})

test('a device that is taken out of the peers loses its link', async () => {
  const near = await hubs.start(0)
  const far = await hubs.start(1)
  near.dials(far)
  await near.linkTo(far)
  near.hub.setPeers([])
  expect(near.hub.links()).toEqual([])
  await eventually('the other end', () => (far.closed.length === 1 ? true : undefined))
  expect(far.closed).toEqual(['no member any more'])
})
