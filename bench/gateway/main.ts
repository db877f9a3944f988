/**
 * `npm run bench:gateway`: what Harp's gateway costs beside plain nginx and plain HAProxy. Nothing stays behind:
 * no process, no file; all ports are free ones on loopback. See --help.
 */
import { fileURLToPath } from 'node:url'
import { runMemory, runRounds, selectWorkloads, type BenchResults } from './bench-run.ts'
import { LoadGenerator } from './load/load-generator.ts'
import { help, readOptions, type BenchOptions } from './options.ts'
import { findCommand } from './own-process.ts'
import { harpGateway } from './peers/harp.ts'
import { plainHaproxy } from './peers/plain-haproxy.ts'
import { plainNginx } from './peers/plain-nginx.ts'
import type { Backstage, Peer, Target } from './peers/target.ts'
import { costs, rates } from './report/costs.ts'
import { judge, type Goal } from './report/goals.ts'
import { describeMachine, loadAverage } from './report/machine.ts'
import { formatResults } from './report/tables.ts'
import { Stage } from './stage.ts'
import { Wrk } from './wrk.ts'

const packageDirectory = fileURLToPath(new URL('../..', import.meta.url))
const idleSockets = 10_000

process.exitCode = await main()

async function main(): Promise<number> {
  let options: BenchOptions | 'help'
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${help}`)
    return 2
  }
  if (options === 'help') {
    console.log(help)
    return 0
  }
  const interruption = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interruption.abort(new Error(`ended by ${signal}`)))
  }
  const cleaners: Cleaner[] = []
  const running = bench(options, cleaners, interruption.signal)
  try {
    await Promise.race([running, aborted(interruption.signal)])
    return 0
  } catch (error) {
    console.error(`ERROR: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    await clean(cleaners)
    await running.catch(() => {})
    // What was about to start when the interruption came.
    await clean(cleaners)
  }
}

type Cleaner = () => Promise<void> | void

async function clean(cleaners: Cleaner[]): Promise<void> {
  for (let next = cleaners.pop(); next !== undefined; next = cleaners.pop()) await next()
}

async function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  return promise
}

async function bench(options: BenchOptions, cleaners: Cleaner[], signal: AbortSignal): Promise<void> {
  const say = (line: string): void => console.error(line)
  const commands = findCommands(say)
  const nginxCommand = required(commands, 'nginx')
  const loadAtStart = loadAverage()
  const stage = await Stage.start({
    nginxCommand,
    key: options.key,
    nextcloudPort: options.nextcloudPort,
  })
  cleaners.push(() => stage.stop())
  const load = new LoadGenerator()
  cleaners.push(() => load.stop())
  const wrk = await Wrk.prepare(required(commands, 'wrk'), stage.backstage.directory)
  const sockets = Math.min(idleSockets, stage.backstage.maxConnections)
  if (sockets < idleSockets) say(`only ${sockets} idle WebSockets: the limit of open files allows no more`)
  const peers = listPeers(options, commands, stage.backstage)
  const run = {
    selected: selectWorkloads(options.only),
    rounds: options.rounds,
    seconds: options.seconds,
    idleSockets: sockets,
    tools: { wrk, load },
    check: () => {
      signal.throwIfAborted()
      stage.check()
    },
    say,
  }

  const targets: Target[] = []
  if (run.selected.length > 0) {
    for (const peer of peers) {
      const target = await peer.start()
      cleaners.push(() => target.stop())
      targets.push(target)
    }
    targets.push(...options.targets.map(foreign))
  }
  const samples = await runRounds(targets, run)
  for (const target of targets) await target.stop()
  const memory = options.only.has('websocket-idle') ? await runMemory(peers, run) : new Map()
  await print({ samples, memory }, targets, { options, commands, loadAtStart })
}

function listPeers(
  options: BenchOptions,
  commands: ReadonlyMap<string, string>,
  backstage: Backstage,
): Peer[] {
  const peers = [harpGateway('harp', packageDirectory, backstage)]
  for (const build of options.builds) peers.push(harpGateway(build.name, build.directory, backstage))
  peers.push(plainNginx(required(commands, 'nginx'), backstage))
  const haproxy = commands.get('haproxy')
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

function findCommands(say: (line: string) => void): Map<string, string> {
  const commands = new Map<string, string>()
  for (const name of ['nginx', 'haproxy', 'wrk']) {
    const path = findCommand(name)
    if (path === null) say(`${name} is not installed: left out`)
    else commands.set(name, path)
  }
  return commands
}

function required(commands: ReadonlyMap<string, string>, name: string): string {
  const path = commands.get(name)
  if (path === undefined) throw new Error(`${name} is needed: install the package ${name}`)
  return path
}

interface Circumstances {
  readonly options: BenchOptions
  readonly commands: ReadonlyMap<string, string>
  readonly loadAtStart: string
}

async function print(results: BenchResults, targets: readonly Target[], about: Circumstances): Promise<void> {
  const { options, commands, loadAtStart } = about
  const machine = await describeMachine(commands)
  const loadAtEnd = loadAverage()
  const goals = judge(results)
  const programs = Object.entries(machine.programs).map(([name, version]) => `${name} ${version}`)
  const head = [
    `${options.rounds} rounds of ${options.seconds} s, alternating; median (min-max). Compare CPU and ratios, not rates.`,
    `${machine.cores} x ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}, ${programs.join(', ')}`,
    `load average at the start ${loadAtStart}, at the end ${loadAtEnd}`,
    ...targets.map((target) => `${target.name}: ${target.description}`),
  ]
  const text = `${head.join('\n')}\n\n${formatResults(results, goals)}`
  if (options.json) {
    console.error(text)
    console.log(JSON.stringify(toJson(results, goals, { machine, loadAtStart, loadAtEnd }), null, 2))
  } else {
    console.log(text)
  }
}

function toJson(results: BenchResults, goals: readonly Goal[], about: object): object {
  const workloads = [...results.samples].map(([workload, byTarget]) => ({
    name: workload.name,
    unit: workload.unit,
    targets: Object.fromEntries(
      [...byTarget].map(([name, samples]) => [
        name,
        { rates: rates(samples), cpuSecondsPerOperation: costs(samples), samples },
      ]),
    ),
  }))
  return { ...about, workloads, memory: Object.fromEntries(results.memory), goals }
}
