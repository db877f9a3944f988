/**
 * `npm run bench:sync`: a folder on two devices, with Harp beside Syncthing and rsync. Nothing stays behind: no process,
 * no file; nothing leaves this machine. See --help.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runBench, type BenchRun } from '../bench-command.ts'
import { thisPackage } from '../harp-gateway.ts'
import { findPrograms } from '../programs.ts'
import { measureMemory } from './memory.ts'
import { help, peerNames, readOptions, type SyncBenchOptions } from './options.ts'
import type { SyncPeer } from './pair.ts'
import { harpSync } from './peers/harp.ts'
import { rsync } from './peers/rsync.ts'
import { syncthing } from './peers/syncthing.ts'
import { printReport } from './report.ts'
import { Rounds } from './rounds.ts'

process.exitCode = await runBench({ help, readOptions, bench })

async function bench(options: SyncBenchOptions, run: BenchRun): Promise<void> {
  const wanted = peerNames.filter((name) => !options.without.has(name))
  const programs = findPrograms(wanted, run.say)
  const place = await mkdtemp(join(options.directory, 'harp-bench-sync-'))
  run.cleaners.push(() => rm(place, { recursive: true, force: true }))
  const peers = listPeers(options, programs)
  const samples = await new Rounds(options, peers, place, run).measure()
  const memory = options.only.has('memory') ? await measureMemory(options, peers, place, run) : []
  const versions = await readVersions(programs)
  await printReport(options, { samples, memory, peers, versions, loadAtStart: run.loadAtStart })
}

function listPeers(options: SyncBenchOptions, programs: ReadonlyMap<string, string>): SyncPeer[] {
  const { keep, profileDirectory } = options
  const own = { name: 'harp', directory: thisPackage }
  const isReplaced = options.builds.some(({ name }) => name === own.name)
  const builds = isReplaced ? options.builds : [own, ...options.builds]
  const makers = { syncthing, rsync }
  return [
    ...builds.map(({ name, directory: packageDirectory }) =>
      harpSync({ name, packageDirectory, keep, profileDirectory }),
    ),
    ...peerNames.flatMap((name) => {
      const path = programs.get(name)
      return path === undefined ? [] : [makers[name](path)]
    }),
  ]
}

async function readVersions(programs: ReadonlyMap<string, string>): Promise<Record<string, string>> {
  const versions: Record<string, string> = {}
  for (const [name, path] of programs) {
    const { stdout } = await promisify(execFile)(path, ['--version'])
    versions[name] = /\d+\.\d+[\w.+~-]*/.exec(stdout)?.[0] ?? 'unknown'
  }
  return versions
}
