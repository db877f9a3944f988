import { describe, expect, it } from 'vitest'
import { fakeSuite } from '../../sync/support/fake-suite.ts'
import { nameCanary } from './canaries.ts'
import { root } from './disk-device.ts'
import { runDisks, type DiskWorld } from './disk-run.ts'
import { faultsOf, runDiskSeeds } from './disk-seeds.ts'

const share = Number(process.env['SIM_DISK_SEEDS'] ?? 30)

/** Nothing, or what a person needs to look at the first failure. */
async function failures(from: number, count: number, ...faults: string[]): Promise<string> {
  const { failed } = await runDiskSeeds({ from, count, suite: fakeSuite, faults: faultsOf(faults) })
  const [first] = failed
  if (first === undefined) return ''
  const { seed, result } = first
  return `${result.violation?.message} (npm run sim -- --disk --faults ${faults.join() || 'none'} --seed ${seed})`
}

describe('folders on model disks', () => {
  it('agree after whatever their users did', async () => {
    expect(await failures(1, Math.ceil(share / 4))).toBe('')
  })

  it('lose nothing and agree after kills, cuts and users who are in the way', async () => {
    expect(await failures(3_000, share, 'kills', 'cuts', 'races')).toBe('')
  })

  it('lose nothing and agree after losses of power as well', async () => {
    expect(await failures(4_000, share, 'all')).toBe('')
  })

  it('keep to roles, caches blind and old versions as long as somebody wants them, in an office', async () => {
    expect(await failures(1_000, Math.ceil(share / 2), 'office')).toBe('')
    expect(await failures(2_000, Math.ceil(share / 3), 'office', 'kills', 'cuts', 'races')).toBe('')
    expect(await failures(3_000, Math.ceil(share / 3), 'office', 'all')).toBe('')
  })

  it('find and heal what their disks lose, or name it', async () => {
    expect(await failures(1, Math.ceil(share / 4), 'office', 'rot')).toBe('')
  })

  it('meet what they are there for in an office, too', async () => {
    const faults = faultsOf(['office', 'rot'])
    const { counts } = await runDiskSeeds({ from: 1, count: 6, suite: fakeSuite, faults, goesOn: true })
    expect(counts).toMatchObject({
      revocations: expect.any(Number),
      caches: expect.any(Number),
      fenced: expect.any(Number),
      'closed to who was revoked': expect.any(Number),
      'let in again': expect.any(Number),
      healed: expect.any(Number),
    })
  })

  it('meet what they are there for', async () => {
    const faults = faultsOf(['all'])
    const { counts } = await runDiskSeeds({ from: 4_000, count: 5, suite: fakeSuite, faults, goesOn: true })
    expect(counts).toMatchObject({
      kills: expect.any(Number),
      power: expect.any(Number),
      versions: expect.any(Number),
    })
  })

  it('do the same for the same seed', async () => {
    const faults = faultsOf(['all'])
    const runs: string[] = []
    for (let run = 0; run < 2; run++) {
      runs.push((await runDisks({ seed: 4_003, suite: fakeSuite, faults, tellsLog: true })).trace.join('\n'))
    }
    expect(runs[0]).toBe(runs[1])
  })
})

/** Seeds that once failed, with what they showed. */
const cases: readonly (readonly [what: string, seed: number, faults: readonly string[]])[] = [
  ['a download that nobody wants any more, of content that nobody has', 19, []],
  ['temporary files of downloads that were given up', 4, []],
  ['an execute bit that changes while its content is on the way', 1010, ['races']],
  ['a time that changes while its content is on the way', 23, ['kills', 'cuts']],
  ['content that is asked for in the moment in which its file is renamed', 1020, ['races']],
  ['a file beside a directory of its name, which is moved', 5001, ['power']],
  ['a file that the power emptied after its user had set its time', 137, ['all']],
  ['a directory whose old place is a symlink to itself', 230, ['all']],
  ['damage that is read once more after the next start', 1093, ['all']],
  ['damage that loses a second name of ours', 4212, ['all']],
  ['what its user puts into a directory before it is watched', 1109, ['all']],
]

describe('cases that once failed', () => {
  it.each(cases)('%s', async (_, seed, faults) => {
    expect(await failures(seed, 1, ...faults)).toBe('')
  })
})

describe('the checks of an office', () => {
  const run = (tamper: (world: DiskWorld) => void): ReturnType<typeof runDisks> =>
    runDisks({ seed: 3, suite: fakeSuite, faults: faultsOf(['office']), tamper })

  it('see a name in what a cache keeps', async () => {
    const { violation } = await run(({ devices }) => {
      const cache = devices.find(({ quota }) => quota !== undefined)
      const users = cache?.disk.users
      const file = users?.open('/home/note', 'create')
      if (file !== undefined) users?.write(file, new TextEncoder().encode(`about ${nameCanary}a`), 0)
    })
    expect(violation?.invariant).toBe('I10')
  })

  it('see a key on a wire', async () => {
    const { violation } = await run(({ devices, office }) => {
      const key = devices[0]?.folder?.replica.firstEpochKey
      office?.canaries.see('d0 and d1', { type: 'log', folderId: '' }, key)
    })
    expect(violation?.invariant).toBe('I10')
  })
})

describe('the checks', () => {
  it('see a disk that is not what the log says', async () => {
    const { violation } = await runDisks({
      seed: 1,
      suite: fakeSuite,
      faults: faultsOf([]),
      tamper: ({ devices }) => devices[1]?.disk.model.makeDirectory(`${root}/a-new-one`),
    })
    expect(violation?.invariant).toBe('I1')
  })

  it('see a version that cannot be read', async () => {
    const { violation } = await runDisks({
      seed: 3,
      suite: fakeSuite,
      faults: faultsOf([]),
      tamper: ({ devices }) => {
        for (const { folder } of devices) {
          folder?.chunks.collect(() => false)
          for (const { version } of folder?.chunks.kept() ?? []) folder?.chunks.removeKept(version)
          folder?.chunks.commit()
        }
      },
    })
    expect(violation?.invariant).toBe('I3')
  })
})
