/**
 * `npm run bench:office`: several devices on one LAN. Nothing stays behind: no process, no file, no network; nothing leaves
 * this machine. See --help.
 */
import { runBench, type BenchRun } from '../bench-command.ts'
import { lastWords } from '../sync/last-words.ts'
import { measureCache } from './cache.ts'
import { measureIdle } from './idle.ts'
import { help, readOptions, type OfficeBenchOptions, type PartName } from './options.ts'
import { printReport } from './report.ts'
import { measureScrub } from './scrub.ts'
import { measureSources } from './sources.ts'

process.exitCode = await runBench({ help, readOptions, bench })

async function bench(options: OfficeBenchOptions, run: BenchRun): Promise<void> {
  const part = async <Found>(
    name: PartName,
    measure: (options: OfficeBenchOptions, run: BenchRun) => Promise<Found>,
  ): Promise<Found | null> => {
    if (!options.only.has(name)) return null
    try {
      return await measure(options, run)
    } catch (error) {
      run.signal.throwIfAborted()
      run.say(`${name}: ${lastWords(error)}`)
      return null
    }
  }
  const sources = await part('sources', measureSources)
  const cache = await part('cache', measureCache)
  const scrub = await part('scrub', measureScrub)
  const idle = await part('idle', measureIdle)
  if ([sources, cache, scrub, idle].every((each) => each === null)) throw new Error('nothing was measured')
  await printReport(options, { sources, cache, scrub, idle, loadAtStart: run.loadAtStart })
}
