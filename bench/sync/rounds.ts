/** Rounds: in each, every program brings every change across, on devices that begin anew. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchRun } from '../bench-command.ts'
import { listSeries, type Case, type Series } from './cases.ts'
import { Content, findDifference } from './content.ts'
import { lastWords } from './last-words.ts'
import { startNetwork, type Network } from './network.ts'
import type { SyncBenchOptions } from './options.ts'
import type { SyncPair, SyncPeer } from './pair.ts'
import { spend, type Spent } from './spent.ts'

export interface Sample extends Spent {
  /** By how many the log grew; null where there is none. */
  readonly entries: number | null
  /** What was wrong afterwards, else null. */
  readonly problem: string | null
}

/** Case → name of the program → round by round; null: it failed. */
export type SyncSamples = ReadonlyMap<Case, ReadonlyMap<string, readonly (Sample | null)[]>>

export class Rounds {
  readonly #options: SyncBenchOptions
  readonly #peers: readonly SyncPeer[]
  readonly #place: string
  readonly #run: BenchRun

  constructor(options: SyncBenchOptions, peers: readonly SyncPeer[], place: string, run: BenchRun) {
    this.#options = options
    this.#peers = peers
    this.#place = place
    this.#run = run
  }

  async measure(): Promise<SyncSamples> {
    const { rounds, only } = this.#options
    const all = listSeries(this.#options, only)
    const samples = new Map(
      all.flatMap(({ cases }) =>
        cases.map((each) => [each, new Map(this.#peers.map(({ name }) => [name, [] as (Sample | null)[]]))]),
      ),
    )
    for (let round = 0; round < rounds; round++) {
      for (const series of all) {
        for (let turn = 0; turn < this.#peers.length; turn++) {
          const peer = this.#peers[(turn + round) % this.#peers.length]
          if (peer === undefined) continue
          this.#run.say(`round ${round + 1} of ${rounds}: ${peer.name}`)
          const found = await this.#series(peer, series)
          for (const each of series.cases) {
            const byPeer = samples.get(each)
            byPeer?.get(peer.name)?.push(found.get(each) ?? null)
          }
        }
      }
    }
    for (const each of samples.keys()) if (!only.has(each.name)) samples.delete(each)
    return samples
  }

  async #series(peer: SyncPeer, series: Series): Promise<Map<Case, Sample>> {
    const { signal, cleaners, say } = this.#run
    const found = new Map<Case, Sample>()
    signal.throwIfAborted()
    const directory = join(this.#place, 'pair')
    await mkdir(directory)
    const network = await startNetwork(say)
    cleaners.push(() => network.stop())
    try {
      const pair = await peer.startPair({ directory, network })
      cleaners.push(() => pair.stop())
      try {
        for (const each of series.cases) {
          signal.throwIfAborted()
          found.set(each, await this.#case(pair, network, each))
        }
      } finally {
        await pair.stop()
      }
    } catch (error) {
      signal.throwIfAborted()
      say(`${peer.name}: ${lastWords(error)}`)
    } finally {
      await network.stop()
      await rm(directory, { recursive: true, force: true })
    }
    return found
  }

  async #case(pair: SyncPair, network: Network, each: Case): Promise<Sample> {
    const { say, signal } = this.#run
    const content = new Content(this.#options.sizeMiB, this.#place)
    const entries = await pair.entries()
    await pair.hold()
    each.change(content, pair.from)
    content.warmPages()
    const bringing = spend(pair, network, async () =>
      pair.bring(() => {
        signal.throwIfAborted()
        if (pair.failure !== null) throw new Error(pair.failure)
        return each.hasArrived(content, pair.from, pair.to)
      }),
    )
    const spent = await bringing
    const problem = findDifference(pair.from, pair.to)
    if (problem !== null) say(`${each.name}: the folders differ: ${problem}`)
    const entriesAfter = await pair.entries()
    const grown = entries === null || entriesAfter === null ? null : entriesAfter - entries
    say(
      `  ${each.name}: ${spent.seconds.toFixed(1)} s, CPU ${spent.cpuSeconds.map((cpu) => cpu.toFixed(2)).join(' + ')} s`,
    )
    return { ...spent, entries: grown, problem }
  }
}
