/**
 * `npm run bench:tunnel`: what the way through Harp's gateway and tunnel costs beside a plain node:tls pipe, and
 * beside frp. Nothing stays behind: no process, no file; all ports are on loopback. See --help.
 */
import { runBench, type BenchRun } from '../bench-command.ts'
import { thisPackage } from '../harp-gateway.ts'
import { LoadGenerator } from '../load/load-generator.ts'
import { measure } from '../measure.ts'
import { findPrograms, requiredProgram } from '../programs.ts'
import { printReport } from '../report/report.ts'
import { runRounds } from '../rounds.ts'
import type { Peer } from '../target.ts'
import { Wrk } from '../wrk.ts'
import type { ChainTarget } from './chain.ts'
import { judge } from './goals.ts'
import { help, readOptions, type TunnelBenchOptions } from './options.ts'
import { frp } from './peers/frp.ts'
import { harpTunnel } from './peers/harp.ts'
import { tlsPipe } from './peers/tls-pipe.ts'
import { formatResidentMemory, MemoryWatch } from './resident-memory.ts'
import { TunnelStage, type TunnelBackstage } from './stage.ts'
import { listWorkloads } from './workloads.ts'

const pipeName = 'tls pipe'
const frpName = 'frp'

process.exitCode = await runBench({ help, readOptions, bench })

async function bench(
  options: TunnelBenchOptions,
  { cleaners, signal, loadAtStart, say }: BenchRun,
): Promise<void> {
  const { rounds, seconds, json } = options
  const programs = findPrograms(options.frp === null ? ['wrk'] : ['wrk', 'nginx'], say)
  const stage = await TunnelStage.start()
  cleaners.push(() => stage.stop())
  const load = new LoadGenerator()
  cleaners.push(() => load.stop())
  const wrk = await Wrk.prepare(requiredProgram(programs, 'wrk'), stage.backstage.directory)
  const targets: ChainTarget[] = []
  for (const peer of listPeers(options, programs.get('nginx'), stage.backstage)) {
    signal.throwIfAborted()
    const target = await peer.start()
    cleaners.push(() => target.stop())
    targets.push(target)
  }
  const memory = new MemoryWatch(targets)
  const selected = listWorkloads(options.sizeMiB).filter((workload) => options.only.has(workload.name))
  const samples = await runRounds(targets, {
    selected,
    rounds,
    seconds,
    measure: (target, workload, duration) =>
      memory.during(target.name, workload.name, () => measure(target, workload, duration, { wrk, load })),
    check: () => {
      signal.throwIfAborted()
      stage.check()
    },
    say,
  })
  const resident = await memory.finish()
  await printReport({
    rounds,
    seconds,
    json,
    programs,
    loadAtStart,
    targets,
    samples,
    references: [pipeName, frpName],
    goals: judge(samples),
    sections: formatResidentMemory(
      resident,
      selected.map((workload) => workload.name),
    ),
    values: { memory: resident },
  })
}

/** Harp first: its gateway makes the certificates, which the others use too. */
function listPeers(
  options: TunnelBenchOptions,
  nginxPath: string | undefined,
  backstage: TunnelBackstage,
): Peer<ChainTarget>[] {
  const { profileDirectory } = options
  const builds = [{ name: 'harp', directory: thisPackage }, ...options.builds]
  return [
    ...builds.map(({ name, directory: packageDirectory }) =>
      harpTunnel({ name, packageDirectory, profileDirectory }, backstage),
    ),
    tlsPipe(pipeName, backstage),
    ...(options.frp === null ? [] : [frp(frpName, options.frp, nginxPath, backstage)]),
  ]
}
