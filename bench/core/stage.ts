/** Makes the logs when they are first asked for, and measures what was chosen. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BenchRun } from '../bench-command.ts'
import { middleSize, sizesUpTo, type CoreBenchOptions } from './options.ts'
import type { PartProcess } from './part-process.ts'
import type { SectionReport } from './report.ts'
import type { OpenedLog } from './sections/opened-log.ts'
import { sizeTables } from './size-tables.ts'

export interface Surroundings {
  readonly place: string
  readonly parts: PartProcess
  readonly run: BenchRun
}

export class Stage {
  readonly #options: CoreBenchOptions
  readonly #surroundings: Surroundings
  readonly #logs = new Map<number, string>()

  constructor(options: CoreBenchOptions, surroundings: Surroundings) {
    this.#options = options
    this.#surroundings = surroundings
  }

  async measure(): Promise<SectionReport[]> {
    const { parts, place } = this.#surroundings
    const { only, entries } = this.#options
    const middle = middleSize(entries)
    const reports: SectionReport[] = []
    if (only.has('floors')) reports.push(await this.#step('floors', () => parts.run({ name: 'floors' })))
    if (only.has('writes')) {
      const largeLog = await this.#copy(middle, 'writes')
      const writes = { name: 'writes', directory: place, largeLog } as const
      reports.push(await this.#step('durable writes', () => parts.run(writes)))
    }
    if (only.has('merge')) {
      const file = await this.#copy(middle, 'merge')
      reports.push(await this.#step('merging', () => parts.run({ name: 'merge', file })))
    }
    if (only.has('reconnect')) {
      const files = [await this.#copy(middle, 'one'), await this.#copy(middle, 'other')] as const
      reports.push(await this.#step('reconnecting', () => parts.run({ name: 'reconnect', files })))
    }
    if (only.has('sizes')) reports.push(await this.#sizes())
    return reports
  }

  async #sizes(): Promise<SectionReport> {
    const logs: OpenedLog[] = []
    for (const size of sizesUpTo(this.#options.entries)) {
      const file = await this.#log(size)
      const { parts } = this.#surroundings
      logs.push(await this.#step(`a log of ${size}`, () => parts.run({ name: 'opened-log', file })))
    }
    return { tables: sizeTables(logs), values: { logs } }
  }

  async #log(entries: number): Promise<string> {
    const known = this.#logs.get(entries)
    if (known !== undefined) return known
    const { parts, place } = this.#surroundings
    const file = join(place, `log-${entries}.sqlite`)
    await this.#step(`writing a log of ${entries}`, () => parts.run({ name: 'fixture', file, entries }))
    this.#logs.set(entries, file)
    return file
  }

  /** One that may be changed. The original was closed, so it is all in one file. */
  async #copy(entries: number, name: string): Promise<string> {
    const original = await this.#log(entries)
    const file = join(this.#surroundings.place, `${name}.sqlite`)
    await copyFile(original, file)
    return file
  }

  async #step<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { signal, say } = this.#surroundings.run
    signal.throwIfAborted()
    const start = performance.now()
    const result = await work()
    say(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`)
    return result
  }
}
