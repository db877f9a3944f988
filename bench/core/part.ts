/** One part of the benchmark, in a process of its own: it is named on the command line and prints JSON. */
import { measureDurableWrites, type DurableWritesOptions } from './sections/durable-writes.ts'
import { measureFloors } from './sections/floors.ts'
import { measureMerge } from './sections/merge.ts'
import { measureOpenedLog, type OpenedLog } from './sections/opened-log.ts'
import { measureReconnect } from './sections/reconnect.ts'
import { makeFixtureLog } from './fixture/fixture-log.ts'
import type { SectionReport } from './report.ts'
import { spend } from './spent.ts'

export type Part =
  | { readonly name: 'fixture'; readonly file: string; readonly entries: number }
  | { readonly name: 'opened-log'; readonly file: string }
  | { readonly name: 'floors' }
  | ({ readonly name: 'writes' } & DurableWritesOptions)
  | { readonly name: 'merge'; readonly file: string }
  | { readonly name: 'reconnect'; readonly files: readonly [string, string] }

/** What each part prints. */
export interface PartResult {
  fixture: { readonly seconds: number; readonly cpuSeconds: number }
  'opened-log': OpenedLog
  floors: SectionReport
  writes: SectionReport
  merge: SectionReport
  reconnect: SectionReport
}

if (import.meta.main) console.log(JSON.stringify(run(JSON.parse(process.argv[2] ?? '{}') as Part)))

function run(part: Part): PartResult[Part['name']] {
  switch (part.name) {
    case 'fixture': {
      const { seconds, cpuSeconds } = spend(() => makeFixtureLog(part.file, part.entries))
      return { seconds, cpuSeconds }
    }
    case 'opened-log':
      return measureOpenedLog(part.file)
    case 'floors':
      return measureFloors()
    case 'writes':
      return measureDurableWrites(part)
    case 'merge':
      return measureMerge(part.file)
    case 'reconnect':
      return measureReconnect(part.files)
  }
}
