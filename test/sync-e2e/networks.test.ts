import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { noise, write } from './support/files.ts'
import { folderName, Pair } from './support/pair.ts'
import { TwoNetworks } from './support/two-networks.ts'

const mib = 1024 * 1024
/** The half-open deadline is 15 s; ends are looked at once a second. */
const noticedMs = 40_000

describe('two machines with a network between them', () => {
  let networks: TwoNetworks
  let pair: Pair

  beforeAll(async () => {
    networks = new TwoNetworks()
    const [annAddress, bobAddress] = networks.addresses
    pair = await Pair.start({
      ann: { wrap: networks.inside(0), listen: annAddress },
      bob: { wrap: networks.inside(1), listen: bobAddress },
      prepare: (root) => write(root, 'first.bin', noise(3 * mib)),
    })
  })

  afterAll(async () => {
    await pair?.dispose()
    networks.dispose()
  })

  it('sync', async () => {
    await pair.converge((tree) => 'first.bin' in tree)
    const { peers } = await pair.ann.folder(folderName)
    expect(peers).toMatchObject([{ name: 'bob', connected: true, path: 'lan' }])
    expect(peers[0]?.address).toContain(networks.addresses[1])
    write(pair.bobRoot, 'back.txt', 'from the other machine')
    await pair.converge((tree) => 'back.txt' in tree)
  })

  it('notice that the network is gone, and go on when it is back', async () => {
    networks.cut()
    const bobIsGone = ({ peers }: { peers: readonly { connected: boolean; address: string | null }[] }) =>
      peers.every(({ connected, address }) => !connected && address === null)
    await Promise.all(
      [pair.ann, pair.bob].map((device) => device.until(folderName, 'disconnected', bobIsGone, noticedMs)),
    )
    write(pair.annRoot, 'ann-alone.bin', noise(mib, 2))
    write(pair.bobRoot, 'bob-alone.bin', noise(mib, 3))
    await Promise.all([pair.ann, pair.bob].map((device) => device.scanned(folderName)))
    networks.mend()
    const tree = await pair.converge((found) => 'ann-alone.bin' in found && 'bob-alone.bin' in found, 90_000)
    expect(Object.keys(tree)).toHaveLength(4)
  })
})

describe('a device that freezes', () => {
  let pair: Pair

  beforeAll(async () => {
    pair = await Pair.start({ prepare: (root) => write(root, 'a.txt', 'a') })
    await pair.converge((tree) => 'a.txt' in tree)
  })

  afterAll(() => pair.dispose())

  it('is noticed by the others, and takes part again when it wakes up', async () => {
    pair.bob.signal('SIGSTOP')
    write(pair.annRoot, 'meanwhile.txt', 'bob sleeps')
    await pair.ann.until(folderName, 'disconnected', ({ peers }) => peers[0]?.connected === false, noticedMs)
    await pair.ann.untilIdle(folderName)
    pair.bob.signal('SIGCONT')
    const tree = await pair.converge((found) => 'meanwhile.txt' in found, 90_000)
    expect(Object.keys(tree)).toEqual(['a.txt', 'meanwhile.txt'])
  })
})
