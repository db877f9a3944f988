/**
 * Preloaded into a daemon, in all its threads: kills the process right before or after one of the calls by which it
 * changes the disk. A kill from outside hardly ever comes between two of them.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { StatementSync } from 'node:sqlite'
import { threadId } from 'node:worker_threads'
import { Chance } from '../../sim/chance.ts'

// oxlint-disable-next-line node/no-process-env -- the only way into a process that knows nothing of this
const [seed = 0, skipped = 0] = (process.env['CRASH_TEST'] ?? '').split(':').map(Number)
const chance = new Chance(seed, threadId)
const realWrite = fs.writeSync
let steps = 0

/** One in so many calls is the last one. */
const rarity = {
  openSync: 150,
  writeSync: 300,
  ftruncateSync: 60,
  fsyncSync: 60,
  renameSync: 30,
  linkSync: 30,
  unlinkSync: 30,
  symlinkSync: 20,
  mkdirSync: 40,
  rmdirSync: 20,
  lutimesSync: 100,
}
const commitRarity = 40

type Call = keyof typeof rarity
const calls: Readonly<Record<Call, unknown>> & typeof fs = fs

for (const call of Object.keys(rarity) as Call[]) {
  const real = calls[call] as (...given: unknown[]) => unknown
  const patched = (...given: unknown[]): unknown => {
    // Output is no change of the disk.
    if (call === 'writeSync' && Number(given[0]) <= 2) return real(...given)
    return step(call, rarity[call], () => real(...given), String(given[given.length > 1 ? 1 : 0]))
  }
  Object.defineProperty(fs, call, { value: patched, writable: true, configurable: true })
}
syncBuiltinESMExports()

const realRun = Reflect.get(StatementSync.prototype, 'run') as (...given: unknown[]) => unknown
Object.defineProperty(StatementSync.prototype, 'run', {
  value: function runStep(this: StatementSync, ...given: unknown[]): unknown {
    const act = (): unknown => Reflect.apply(realRun, this, given)
    return this.sourceSQL === 'COMMIT' ? step('COMMIT', commitRarity, act, '') : act()
  },
})

function step<T>(call: string, oneIn: number, act: () => T, detail: string): T {
  const isLast = ++steps > skipped && chance.below(oneIn) === 0
  if (isLast && chance.percent(50)) die(`before ${call} ${detail}`)
  const result = act()
  if (isLast) die(`after ${call} ${detail}`)
  return result
}

function die(where: string): never {
  const line = `died ${where.slice(0, 200)}, step ${steps} of thread ${threadId}\n`
  realWrite(2, line)
  process.kill(process.pid, 'SIGKILL')
  // In a thread the signal may take a moment to end all of them.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
}
