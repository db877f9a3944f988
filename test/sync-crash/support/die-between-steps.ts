/**
 * Preloaded into a daemon, in all its threads: kills the process right before or after one of the calls by which it
 * changes the disk. A kill from outside hardly ever comes between two of them.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { StatementSync } from 'node:sqlite'
import workerThreads, { threadId, Worker, type WorkerOptions } from 'node:worker_threads'
import { Chance } from '../../sim/chance.ts'

// oxlint-disable-next-line node/no-process-env -- the only way into a process that knows nothing of this
const [seed = 0, skipped = 0] = (process.env['CRASH_TEST'] ?? '').split(':').map(Number)
const chance = new Chance(seed, threadId)
const realWrite = fs.writeSync
let steps = 0

/** One in so many calls is the last one. */
const rarity = {
  openSync: 20,
  writeSync: 60,
  ftruncateSync: 20,
  fsyncSync: 12,
  renameSync: 8,
  linkSync: 8,
  unlinkSync: 8,
  symlinkSync: 8,
  mkdirSync: 10,
  rmdirSync: 8,
  lutimesSync: 30,
}
const commitRarity = 8

type Call = keyof typeof rarity
const calls: Readonly<Record<Call, unknown>> & typeof fs = fs

for (const call of Object.keys(rarity) as Call[]) {
  const real = calls[call] as (...given: unknown[]) => unknown
  const patched = (...given: unknown[]): unknown => {
    if (!isChange(call, given)) return real(...given)
    const paths = given.filter((one) => typeof one === 'string')
    return step(call, rarity[call], () => real(...given), paths.join(' '))
  }
  Object.defineProperty(fs, call, { value: patched, writable: true, configurable: true })
}
/** Threads that begin later have this in them as well. */
class PreloadedWorker extends Worker {
  constructor(entry: string | URL, options: WorkerOptions = {}) {
    super(entry, { ...options, execArgv: ['--import', import.meta.url] })
  }
}
Object.defineProperty(workerThreads, 'Worker', { value: PreloadedWorker, configurable: true })
syncBuiltinESMExports()

/** Neither output nor a file that is opened to be read. */
function isChange(call: Call, [first, second]: readonly unknown[]): boolean {
  if (call === 'writeSync') return Number(first) > 2
  if (call !== 'openSync') return true
  return typeof second === 'number' ? (second & fs.constants.O_CREAT) !== 0 : /^[wa]/.test(String(second))
}

const realRun = Reflect.get(StatementSync.prototype, 'run') as (...given: unknown[]) => unknown
Object.defineProperty(StatementSync.prototype, 'run', {
  value: function runStep(this: StatementSync, ...given: unknown[]): unknown {
    const act = (): unknown => Reflect.apply(realRun, this, given)
    return this.sourceSQL === 'COMMIT' ? step('COMMIT', commitRarity, act, '') : act()
  },
})

function step<T>(call: string, oneIn: number, act: () => T, detail: string): T {
  const isLast = ++steps > (threadId === 0 ? skipped : 0) && chance.below(oneIn) === 0
  if (isLast && chance.percent(50)) die(`before ${call} ${detail}`)
  const result = act()
  if (isLast) die(`after ${call} ${detail}`)
  return result
}

function die(where: string): never {
  const line = `died ${where.slice(0, 300)}, step ${steps} of thread ${threadId}\n`
  realWrite(2, line)
  process.kill(process.pid, 'SIGKILL')
  // In a thread the signal may take a moment to end all of them.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
}
