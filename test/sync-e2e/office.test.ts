import { existsSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeSuite } from '../../src/sync/crypto/node-suite.ts'
import type { MemberInfo } from '../../src/sync/device/daemon-api.ts'
import { parseDeviceText } from '../../src/sync/format/device-text.ts'
import { noise, write } from './support/files.ts'
import { folderName, Staff } from './support/staff.ts'
import { Stranger } from './support/stranger.ts'

const mib = 1024 * 1024
const line = { bytesPerSecond: 4_000_000, delayMs: 20 }
const neighbours = ['bob', 'cal', 'dee'] as const
const everyone = ['ann', ...neighbours] as const

describe('three neighbours far from the one who writes', () => {
  let staff: Staff<(typeof everyone)[number]>

  beforeAll(async () => {
    staff = await Staff.hire(
      {
        ann: { office: 'a', machine: 0 },
        bob: { office: 'b', machine: 0 },
        cal: { office: 'b', machine: 1 },
        dee: { office: 'b', machine: 2 },
      },
      line,
    )
    await staff.founds('ann')
    await Promise.all(neighbours.map((name) => staff.joins(name, 'ann')))
  })

  afterAll(() => staff?.dispose())

  it('find each other within seconds', async () => {
    await staff.areLinked(everyone, 15_000)
    await staff.areAtRest(everyone)
    await staff.areNear(neighbours)
    const near = await staff.peer('bob', 'dee')
    expect(near).toMatchObject({ connected: true, path: 'lan' })
    const far = await staff.peer('bob', 'ann')
    expect(far).toMatchObject({ connected: true, path: 'direct' })
  })

  it('get a large file over the slow line once', async () => {
    const film = noise(24 * mib)
    const bytes = await staff.offices.line.during(async () => {
      write(staff.root('ann'), 'film.bin', film)
      await staff.have(neighbours, 'film.bin', film)
    })
    report('24 MiB for three', bytes / film.length)
    expect(bytes / film.length).toBeLessThanOrEqual(1.05)
  })

  it('get many small files once', async () => {
    const files = Array.from({ length: 500 }, (_, index) => noise(16_384 + index, index + 100))
    const total = files.reduce((sum, { length }) => sum + length, 0)
    const bytes = await staff.offices.line.during(async () => {
      for (const [index, content] of files.entries()) write(staff.root('ann'), `many/${index}`, content)
      for (const [index, content] of files.entries()) await staff.have(neighbours, `many/${index}`, content)
    })
    report('500 files of 16 KiB for three', bytes / total)
    expect(bytes / total).toBeLessThanOrEqual(1.15)
  })

  it('get the rest though one of them is gone in the middle', async () => {
    const song = noise(16 * mib, 7)
    const bytes = await staff.offices.line.during(async () => {
      write(staff.root('ann'), 'song.bin', song)
      const before = await staff.offices.line.bytes()
      await expect
        .poll(async () => (await staff.offices.line.bytes())[0] - before[0], { timeout: 20_000 })
        .toBeGreaterThan(4 * mib)
      await staff.device('cal').kill9()
      await staff.have(['bob', 'dee'], 'song.bin', song)
    })
    report('16 MiB for three, one of which is killed', bytes / song.length)
    // What the one that is gone had fetched for the others is fetched again.
    expect(bytes / song.length).toBeLessThanOrEqual(1.4)
    await staff.device('cal').up()
    await staff.have(['cal'], 'song.bin', song)
    rmSync(join(staff.root('ann'), 'song.bin'))
  })
})

describe('a stranger in the same office', () => {
  let staff: Staff<'ann' | 'bob' | 'eve'>
  let stranger: Stranger

  beforeAll(async () => {
    staff = await Staff.hire(
      {
        ann: { office: 'b', machine: 0 },
        bob: { office: 'b', machine: 1 },
        eve: { office: 'b', machine: 2 },
      },
      line,
    )
    stranger = await Stranger.listen(staff.offices.inside('b', 2))
    // Another one who syncs, and has nothing to do with them.
    await staff.founds('eve')
    await staff.founds('ann')
    await staff.joins('bob', 'ann')
  })

  afterAll(async () => {
    await stranger?.stop()
    await staff?.dispose()
  })

  it('gets nothing but beacons, which tell it nothing', async () => {
    await staff.device('bob').stop()
    await staff.device('bob').up()
    await staff.areLinked(['ann', 'bob'], 15_000)
    const song = noise(mib, 3)
    write(staff.root('ann'), 'song.bin', song)
    await staff.have(['bob'], 'song.bin', song)
    expect(staff.offices.unicastPackets('b', 1)).toBeGreaterThan(0)
    expect(staff.offices.unicastPackets('b', 2)).toBe(0)
    expect(stranger.heard.length).toBeGreaterThan(0)
    const [folder] = (await staff.device('ann').status()).folders
    const known = [await idOf('ann'), await idOf('bob'), Buffer.from(folder?.id ?? '', 'hex')]
    const texts = ['ann', 'bob', folderName, folder?.id ?? '', hostname()].map((text) => Buffer.from(text))
    for (const datagram of stranger.heard) {
      for (const canary of [...known, ...texts]) expect(datagram.includes(canary)).toBe(false)
    }
    expect(await staff.device('eve').api.call('peers')).toEqual([])
    expect((await staff.device('eve').folder(folderName)).peers).toEqual([])
  })

  /** The bytes that its text stands for. */
  async function idOf(name: 'ann' | 'bob'): Promise<Buffer> {
    const { device } = await staff.device(name).status()
    const parsed = parseDeviceText(nodeSuite, device.id)
    if (parsed === undefined) throw new RangeError('no device id')
    return Buffer.from(parsed, 'hex')
  }
})

describe('a cache in an office', () => {
  let staff: Staff<'ann' | 'box' | 'fay'>
  const film = noise(24 * mib, 11)

  beforeAll(async () => {
    staff = await Staff.hire(
      {
        ann: { office: 'a', machine: 0 },
        box: { office: 'b', machine: 0 },
        fay: { office: 'b', machine: 1 },
      },
      line,
    )
    await staff.founds('ann')
    await staff.joins('fay', 'ann')
    await staff.joins('box', 'ann', 'cache', 200 * mib)
    await staff.areLinked(['ann', 'box', 'fay'], 15_000)
    await staff.device('fay').stop()
  })

  afterAll(() => staff?.dispose())

  it('fills itself over the slow line, once', async () => {
    const bytes = await staff.offices.line.during(async () => {
      write(staff.root('ann'), 'film.bin', film)
      await staff
        .device('box')
        .until(
          folderName,
          'the film in the cache',
          ({ cache, state }) => (cache?.usedBytes ?? 0) > film.length && state === 'idle',
        )
    })
    report('24 MiB for a cache', bytes / film.length)
    expect(bytes / film.length).toBeLessThanOrEqual(1.05)
  })

  it('gives it to a neighbour while the other office is cut off', async () => {
    await staff.offices.line.cut()
    await staff.device('fay').up()
    await staff.have(['fay'], 'film.bin', film)
    const { cache } = await staff.device('box').folder(folderName)
    expect(cache?.hitBytes).toBeGreaterThanOrEqual(film.length)
    await staff.offices.line.heal()
    write(staff.root('fay'), 'thanks.txt', 'thank you')
    await staff.have(['ann'], 'thanks.txt', Buffer.from('thank you'))
  })
})

describe('a laptop that is lost while the offices are apart', () => {
  let staff: Staff<'ann' | 'bob' | 'lap'>

  beforeAll(async () => {
    staff = await Staff.hire(
      {
        ann: { office: 'a', machine: 0 },
        bob: { office: 'b', machine: 0 },
        lap: { office: 'b', machine: 1 },
      },
      line,
    )
    await staff.founds('ann')
    await Promise.all([staff.joins('bob', 'ann'), staff.joins('lap', 'ann')])
    write(staff.root('ann'), 'before.txt', 'for all')
    await staff.have(['bob', 'lap'], 'before.txt', Buffer.from('for all'))
    await staff.areLinked(['ann', 'bob', 'lap'], 15_000)
  })

  afterAll(() => staff?.dispose())

  it('is a member where nobody has heard of it', async () => {
    await staff.offices.line.cut()
    const revoked = await staff.device('ann').cli('revoke', folderName, 'lap', '--yes', '--json')
    expect(revoked.code).toBe(0)
    expect(revoked.json).toMatchObject({ name: 'lap', told: 0, untold: 1 })
    write(staff.root('lap'), 'meanwhile.txt', 'by whoever has it')
    await staff.have(['bob'], 'meanwhile.txt', Buffer.from('by whoever has it'))
  })

  it('is one nowhere after they have met, and reads nothing that is written then', async () => {
    await staff.offices.line.heal()
    await expect
      .poll(
        async () => stateOf(await staff.device('bob').api.call('members', { folder: folderName }), 'lap'),
        {
          timeout: 60_000,
        },
      )
      .toBe('revoked')
    write(staff.root('ann'), 'after.txt', 'for those who stayed')
    await staff.have(['bob'], 'after.txt', Buffer.from('for those who stayed'))
    const { errors, peers } = await staff
      .device('lap')
      .until(folderName, 'that it knows', ({ errors: known }) => known.length > 0)
    expect(['FOLDER_REVOKED', 'FOLDER_NOT_A_MEMBER']).toContain(errors[0]?.code)
    expect(peers.filter(({ connected }) => connected)).toEqual([])
    expect(existsSync(join(staff.root('lap'), 'after.txt'))).toBe(false)
    // What nobody could know to be written after the revocation is taken in.
    await staff.have(['ann'], 'meanwhile.txt', Buffer.from('by whoever has it'))
  })
})

function stateOf(members: readonly MemberInfo[], name: string): string | undefined {
  return members.find((member) => member.name === name)?.state
}

function report(what: string, ratio: number): void {
  process.stdout.write(`over the slow line: ${what}: ${ratio.toFixed(3)} times the content\n`)
}
