/** What a device that knows many files keeps in memory, after it was started anew and has come to rest. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchRun } from '../bench-command.ts'
import { proportionalKiB } from '../process-cost.ts'
import { formatTable } from '../report/tables.ts'
import { Content } from './content.ts'
import { lastWords } from './last-words.ts'
import { startNetwork } from './network.ts'
import type { SyncBenchOptions } from './options.ts'
import type { SyncPeer } from './pair.ts'

export interface KnownFilesMemory {
  readonly name: string
  readonly files: readonly number[]
  readonly kib: readonly number[]
  /** Between the two. */
  readonly bytesPerFile: number
}

const restMs = 45_000

export async function measureMemory(
  options: SyncBenchOptions,
  peers: readonly SyncPeer[],
  place: string,
  run: BenchRun,
): Promise<KnownFilesMemory[]> {
  const found: KnownFilesMemory[] = []
  for (const peer of peers) {
    try {
      const memory = await measureOne(options, peer, place, run)
      if (memory !== null) found.push(memory)
    } catch (error) {
      run.signal.throwIfAborted()
      run.say(`${peer.name}: ${lastWords(error)}`)
    }
  }
  return found
}

async function measureOne(
  { memoryFiles, sizeMiB }: SyncBenchOptions,
  peer: SyncPeer,
  place: string,
  { cleaners, say, signal }: BenchRun,
): Promise<KnownFilesMemory | null> {
  const directory = join(place, 'alone')
  await mkdir(directory)
  const network = await startNetwork(say)
  cleaners.push(() => network.stop())
  try {
    const device = await peer.startAlone({ directory, network })
    if (device === null) return null
    cleaners.push(() => device.stop())
    const content = new Content(sizeMiB, place)
    const files = [memoryFiles, memoryFiles * 2]
    const kib: number[] = []
    try {
      for (const [step, count] of files.entries()) {
        signal.throwIfAborted()
        content.writeTiny(device.folder, step * memoryFiles, memoryFiles)
        await device.look(count)
        await device.restart(count)
        await sleep(restMs, undefined, { signal })
        kib.push(proportionalKiB([device.pid]))
        say(`${peer.name}: ${count} files, ${((kib.at(-1) ?? 0) / 1_024).toFixed(0)} MiB`)
        await device.hold()
      }
    } finally {
      await device.stop()
    }
    const [few = 0, many = 0] = kib
    return { name: peer.name, files, kib, bytesPerFile: ((many - few) * 1_024) / memoryFiles }
  } finally {
    await network.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

export function formatMemory(memory: readonly KnownFilesMemory[]): string[] {
  const [first] = memory
  if (first === undefined) return []
  const rows = memory.map(({ name, kib, bytesPerFile }) => [
    name,
    ...kib.map((each) => (each / 1_024).toFixed(0)),
    bytesPerFile.toFixed(0),
  ])
  const head = ['', ...first.files.map((count) => `${count} files, MiB`), 'bytes/file between']
  return [`Memory of one device at rest, started anew  [memory]\n${formatTable([head, ...rows])}`]
}
