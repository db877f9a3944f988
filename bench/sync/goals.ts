/** What Harp is to reach, measured against Syncthing. */
import { Goals, type Goal } from '../report/goal.ts'
import { pairedRatio, spread } from '../statistics.ts'
import type { CaseName } from './cases.ts'
import type { KnownFilesMemory } from './memory.ts'
import type { Sample, SyncSamples } from './rounds.ts'

export function cpuOf(sample: Sample): number {
  return sample.cpuSeconds.reduce((sum, each) => sum + each, 0)
}

export function judge(samples: SyncSamples, memory: readonly KnownFilesMemory[]): readonly Goal[] {
  const goals = new Goals()
  const ratio = (name: CaseName, of: (sample: Sample) => number | null): number | undefined => {
    const byPeer = [...samples].find(([each]) => each.name === name)?.[1]
    const values = (peer: string): (number | null)[] =>
      (byPeer?.get(peer) ?? []).map((sample) => (sample === null ? null : of(sample)))
    return pairedRatio(values('harp'), values('syncthing'))?.median
  }
  const inverse = (value: number | undefined): number | undefined =>
    value === undefined ? undefined : 1 / value
  const seconds = (sample: Sample): number => sample.seconds
  const wire = (sample: Sample): number | null => sample.wireBytes
  goals.add("big file: rate, of Syncthing's", inverse(ratio('big-file', seconds)), 'at least', 3)
  goals.add("big file: CPU, of Syncthing's", ratio('big-file', cpuOf), 'at most', 0.8)
  goals.add("small files: rate, of Syncthing's", inverse(ratio('small-files', seconds)), 'at least', 8)
  goals.add("insertion: time, of Syncthing's", ratio('insertion', seconds), 'at most', 0.25)
  goals.add("insertion: CPU, of Syncthing's", ratio('insertion', cpuOf), 'at most', 0.5)
  goals.add("insertion: bytes, of Syncthing's", ratio('insertion', wire), 'at most', 1)
  const renames = [...samples].find(([each]) => each.name === 'rename')?.[1].get('harp') ?? []
  const entries = renames.flatMap((sample) =>
    sample?.entries === null || sample === null ? [] : [sample.entries],
  )
  goals.add('rename of a folder: entries of the log', spread(entries)?.median, 'at most', 1)
  const slope = memory.find(({ name }) => name === 'harp')?.bytesPerFile
  goals.add('memory: bytes for one more file', slope, 'at most', 300)
  return goals.all
}
