import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatHostPort } from '../../src/net/address.ts'
import { decodeBeacon, encodeBeacon } from '../../src/sync/discovery/beacon-codec.ts'
import type { DeviceStatus } from '../../src/sync/device/daemon-api.ts'
import { elapse, eventually } from '../support/deadline.ts'
import { freePorts } from '../support/free-ports.ts'
import type { Device } from './support/device.ts'
import { write } from './support/files.ts'
import { MulticastEar } from './support/multicast-ear.ts'
import { folderName, Pair } from './support/pair.ts'
import { run } from './support/privileges.ts'
import { TwoNetworks } from './support/two-networks.ts'

/** Less than the time in which a device that was not found would be, by chance, as nothing else tells its port. */
const foundMs = 20_000

describe('two devices on one network', () => {
  const environment: Record<string, string> = {}
  let networks: TwoNetworks
  let pair: Pair

  beforeAll(async () => {
    networks = new TwoNetworks()
    pair = await Pair.start({
      ann: { wrap: networks.inside(0), listen: '0.0.0.0', environment },
      bob: { wrap: networks.inside(1), listen: '0.0.0.0', environment },
      prepare: (root) => write(root, 'a.txt', 'a'),
    })
    await pair.converge((tree) => 'a.txt' in tree)
  })

  afterAll(async () => {
    await pair?.dispose()
    networks.dispose()
  })

  /** Both on ports that nobody knows of. */
  async function moved(
    settings: Record<string, string> = {},
    host = '0.0.0.0',
    ...flags: string[]
  ): Promise<void> {
    await Promise.all([pair.ann, pair.bob].filter((device) => device.isUp).map((device) => device.stop()))
    Object.assign(environment, { HARP_DISCOVERY: 'on', ...settings })
    const ports = await freePorts(2)
    await Promise.all(
      [pair.ann, pair.bob].map((device, side) =>
        device.up('--listen', formatHostPort({ host, port: ports[side]! }), ...flags),
      ),
    )
  }

  async function linked(): Promise<void> {
    await pair.ann.until(folderName, 'linked', ({ peers }) => peers[0]?.connected === true, foundMs)
  }

  it.each(['on', 'beacons', 'mdns'])('that both moved to other ports find each other: %s', async (ways) => {
    await moved({ HARP_DISCOVERY: ways })
    await linked()

    const { discovery } = await pair.ann.status()
    const other = ways === 'on' ? null : 'switched off'
    const row = {
      name: 'harp0',
      address: networks.addresses[0],
      beacons: ways === 'mdns' ? other : null,
      mdns: ways === 'beacons' ? other : null,
    }
    expect(discovery).toEqual({ enabled: true, interfaces: [row], errors: [] })
    const seen = await Promise.all([pair.ann, pair.bob].map((device) => device.api.call('peers')))
    const via = seen.flatMap((peers) => peers.flatMap(({ addresses }) => addresses.map((each) => each.via)))
    const wanted = ways === 'on' ? ['beacon', 'mdns'] : [ways === 'mdns' ? 'mdns' : 'beacon']
    expect(wanted.some((each) => via.some((found) => found === each))).toBe(true)
  })

  it('tell strangers nothing, and answer none', async () => {
    const [annAddress, bobAddress] = networks.addresses
    const ear = new MulticastEar(networks.inside(1), bobAddress)
    try {
      await ear.ready
      await moved()
      await linked()
      // The beginning of both is over.
      await elapse(4_500)
      const ids = (await Promise.all([pair.ann.status(), pair.bob.status()])).map(({ device }) => device.id)
      const heard = ear.from(annAddress)
      expect(heard.length).toBeGreaterThan(2)
      for (const { bytes } of heard) {
        const text = Buffer.from(bytes).toString('latin1').toLowerCase()
        for (const secret of ['ann', 'bob', folderName.toLowerCase(), ...ids.map((id) => id.toLowerCase())]) {
          expect(text).not.toContain(secret)
        }
        expect(bytes.length).toBeLessThanOrEqual(1_200)
      }
      const before = ear.from(annAddress).length
      for (let count = 0; count < 20; count++) {
        const tags = Array.from({ length: 128 }, () => new Uint8Array(randomBytes(8)))
        ear.say(encodeBeacon({ wantsAnswer: true, port: 9, nonce: new Uint8Array(randomBytes(8)), tags }))
        ear.say(new Uint8Array(randomBytes(64)))
        await elapse(50)
      }
      await elapse(1_500)
      expect(ear.from(annAddress).length).toBe(before)
      // Who repeats what it heard, with the wish for an answer, is answered once a second at most.
      const [beacon] = ear.heard.flatMap(({ via, from, bytes }) =>
        via === 'beacon' && from === bobAddress ? (decodeBeacon(bytes) ?? []) : [],
      )
      for (let count = 0; count < 20; count++) {
        ear.say(
          encodeBeacon({ ...beacon!, port: 9, wantsAnswer: true, nonce: new Uint8Array(randomBytes(8)) }),
        )
        await elapse(50)
      }
      await elapse(1_500)
      const answers = ear.from(annAddress).length - before
      expect(answers).toBeGreaterThan(0)
      expect(answers).toBeLessThanOrEqual(3)
      await linked()
    } finally {
      ear.stop()
    }
  })

  it('are silent with --no-discovery', async () => {
    await Promise.all([pair.ann.stop(), pair.bob.stop()])
    const ear = new MulticastEar(networks.inside(1), networks.addresses[1])
    try {
      await ear.ready
      await moved({}, '0.0.0.0', '--no-discovery')
      await elapse(4_500)
      expect(ear.heard).toEqual([])
      const { discovery } = await pair.ann.status()
      expect(discovery).toEqual({ enabled: false, interfaces: [], errors: [] })
      expect((await pair.ann.folder(folderName)).peers[0]?.connected).toBe(false)
    } finally {
      ear.stop()
    }
  })

  it('say that multicast is off, and notice when it is on again', async () => {
    await moved()
    await linked()
    const inside = networks.inside(0)
    run(inside[0]!, ...inside.slice(1), 'ip', 'link', 'set', 'harp0', 'multicast', 'off')
    const off = await untilDiscovery(pair.ann, ({ errors }) => errors.length > 0)
    expect(off).toMatchObject({
      enabled: true,
      interfaces: [{ name: 'harp0', beacons: 'multicast is off on this interface' }],
      errors: [{ code: 'DISCOVERY_MULTICAST', path: '' }],
    })
    run(inside[0]!, ...inside.slice(1), 'ip', 'link', 'set', 'harp0', 'multicast', 'on')
    await untilDiscovery(pair.ann, ({ errors }) => errors.length === 0)
  })

  it('find each other on a second interface that has IPv6 alone, when the first is gone', async () => {
    const [annNet = '', bobNet = ''] = [networks.inside(0).at(-1), networks.inside(1).at(-1)]
    const cable = ['type', 'veth', 'peer', 'name', 'spare', 'netns', bobNet]
    run('ip', 'link', 'add', 'spare', 'netns', annNet, ...cable)
    for (const net of [annNet, bobNet]) run('ip', '-n', net, 'link', 'set', 'spare', 'up')
    const both = await untilDiscovery(pair.ann, ({ interfaces }) => interfaces.length === 2)
    expect(both.interfaces.map(({ name }) => name)).toEqual(['harp0', 'spare'])
    for (const net of [annNet, bobNet]) run('ip', '-n', net, 'link', 'set', 'harp0', 'down')

    await moved({}, '::')
    await linked()

    const [peer] = await pair.ann.api.call('peers')
    expect(peer).toMatchObject({
      connected: true,
      path: 'lan',
      address: expect.stringMatching(/^\[fe80:.*%spare\]:/),
    })
    write(pair.bobRoot, 'six.txt', 'by IPv6')
    await pair.converge((tree) => 'six.txt' in tree)
  })

  it('leave a far address for a near one, and go on', async () => {
    const [annNet = '', bobNet = ''] = [networks.inside(0).at(-1), networks.inside(1).at(-1)]
    for (const [side, net] of [annNet, bobNet].entries()) {
      run('ip', '-n', net, 'addr', 'add', `10.77.0.${side + 1}/24`, 'dev', 'spare')
    }
    run('ip', '-n', annNet, 'addr', 'add', '10.78.0.1/32', 'dev', 'lo')
    run('ip', '-n', bobNet, 'route', 'add', '10.78.0.1', 'via', '10.77.0.1', 'dev', 'spare')
    const multicast = (state: string): void => {
      for (const net of [annNet, bobNet]) run('ip', '-n', net, 'link', 'set', 'spare', 'multicast', state)
    }
    multicast('off')
    await Promise.all([pair.ann.stop(), pair.bob.stop()])
    const [port = 0] = await freePorts(1)
    onlyKnows(pair.ann, [])
    onlyKnows(pair.bob, [`10.78.0.1:${port}`])
    await Promise.all([pair.ann.up('--listen', `0.0.0.0:${port}`), pair.bob.up()])
    const far = await pair.bob.until(folderName, 'linked', ({ peers }) => peers[0]?.connected === true)
    expect(far.peers[0]?.address).toBe(`10.78.0.1:${port}`)

    multicast('on')

    await pair.bob.until(folderName, 'linked near', ({ peers }) => peers[0]?.address === `10.77.0.1:${port}`)
    write(pair.annRoot, 'near.txt', 'from ann')
    write(pair.bobRoot, 'back.txt', 'from bob')
    await pair.converge((tree) => 'near.txt' in tree && 'back.txt' in tree)
  })
})

/** The device forgets all other addresses of others. */
function onlyKnows(device: Device, addresses: readonly string[]): void {
  const path = join(device.home, 'peers.json')
  const peers = JSON.parse(readFileSync(path, 'utf8')) as Record<string, { name: string }>
  const changed = Object.entries(peers).map(([id, { name }]) => [id, { name, addresses }])
  writeFileSync(path, JSON.stringify(Object.fromEntries(changed)))
}

async function untilDiscovery(
  device: Device,
  isReached: (discovery: DeviceStatus['discovery']) => boolean,
): Promise<DeviceStatus['discovery']> {
  return eventually(
    'discovery as wanted',
    async () => {
      const { discovery } = await device.status()
      return isReached(discovery) ? discovery : undefined
    },
    { timeoutMs: foundMs, everyMs: 200 },
  )
}
