/**
 * `npm run bench:gateway`: what Harp's gateway costs beside plain nginx and plain HAProxy. Nothing stays behind:
 * no process, no file; all ports are free ones on loopback. See --help.
 */
import { runBench, type BenchRun } from '../bench-command.ts'
import { findPrograms, requiredProgram } from '../programs.ts'
import { thisPackage } from '../harp-gateway.ts'
import { LoadGenerator } from '../load/load-generator.ts'
import { measure } from '../measure.ts'
import { printReport } from '../report/report.ts'
import { runRounds } from '../rounds.ts'
import type { Peer, Target } from '../target.ts'
import { Wrk } from '../wrk.ts'
import type { Backstage } from './backstage.ts'
import { judge } from './goals.ts'
import { formatIdleMemory } from './idle-memory-table.ts'
import { runIdleMemory } from './idle-memory.ts'
import { help, readOptions, type BenchOptions } from './options.ts'
import { harpGateway } from './peers/harp.ts'
import { plainHaproxy } from './peers/plain-haproxy.ts'
import { plainNginx } from './peers/plain-nginx.ts'
import { Stage } from './stage.ts'
import { workloads } from './workloads.ts'

const wantedIdleSockets = 10_000

process.exitCode = await runBench({ help, readOptions, bench })

async function bench(options: BenchOptions, { cleaners, signal, loadAtStart, say }: BenchRun): Promise<void> {
  const { rounds, seconds, json, only } = options
  const programs = findPrograms(['nginx', 'haproxy', 'wrk'], say)
  const stage = await Stage.start({
    nginxCommand: requiredProgram(programs, 'nginx'),
    key: options.key,
    nextcloudPort: options.nextcloudPort,
  })
  cleaners.push(() => stage.stop())
  const load = new LoadGenerator()
  cleaners.push(() => load.stop())
  const wrk = await Wrk.prepare(requiredProgram(programs, 'wrk'), stage.backstage.directory)
  const idleSockets = Math.min(wantedIdleSockets, stage.backstage.maxConnections)
  if (idleSockets < wantedIdleSockets) {
    say(`only ${idleSockets} idle WebSockets: the limit of open files allows no more`)
  }
  const peers = listPeers(options, programs, stage.backstage)
  const selected = workloads.filter((workload) => only.has(workload.name))
  const check = (): void => {
    signal.throwIfAborted()
    stage.check()
  }

  const targets: Target[] = []
  if (selected.length > 0) {
    for (const peer of peers) {
      const target = await peer.start()
      cleaners.push(() => target.stop())
      targets.push(target)
    }
    targets.push(...options.targets.map(foreign))
  }
  const samples = await runRounds(targets, {
    selected,
    rounds,
    seconds,
    measure: (target, workload, duration) => measure(target, workload, duration, { wrk, load }),
    check,
    say,
  })
  for (const target of targets) await target.stop()
  const memory = only.has('websocket-idle')
    ? await runIdleMemory(peers, { idleSockets, load, check, say })
    : new Map()
  await printReport({
    rounds,
    seconds,
    json,
    programs,
    loadAtStart,
    targets,
    samples,
    references: ['nginx', 'haproxy'],
    goals: judge(samples, memory),
    sections: formatIdleMemory(memory),
    values: { memory: Object.fromEntries(memory) },
  })
}

function listPeers(
  options: BenchOptions,
  programs: ReadonlyMap<string, string>,
  backstage: Backstage,
): Peer[] {
  const peers = [harpGateway('harp', thisPackage, backstage)]
  for (const build of options.builds) peers.push(harpGateway(build.name, build.directory, backstage))
  peers.push(plainNginx(requiredProgram(programs, 'nginx'), backstage))
  const haproxy = programs.get('haproxy')
  if (haproxy !== undefined) peers.push(plainHaproxy(haproxy, backstage))
  return peers
}

function foreign(target: BenchOptions['targets'][number]): Target {
  return {
    ...target,
    description: `given: http://${target.host}:${target.port}, processes ${target.pids.join(', ')}`,
    failure: null,
    stop: async () => {},
  }
}
