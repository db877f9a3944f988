/** How much a cache with room for a quarter answers, when some contents are read far more often than others. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchRun } from '../bench-command.ts'
import { until } from '../sync/pair.ts'
import { allDone, type OfficeDevice } from './device.ts'
import type { OfficeBenchOptions } from './options.ts'
import { Place, writeNew } from './place.ts'
import { bestShare, recentShare, Zipf } from './zipf.ts'

export interface CacheUse {
  readonly files: number
  readonly reads: number
  readonly quotaBytes: number
  /** Of the bytes that were read in the second half: how much the cache had, in percent. */
  readonly hitPercent: number
  /** If it had always held those that are read most; if it held those that were read last. */
  readonly bestPercent: number
  readonly recentPercent: number
  /** Over the slow line, for each byte that was read, in the second half. */
  readonly lineShare: number
  readonly cacheCpu: number
  readonly usedBytes: number
}

const fileBytes = 1_000_000
/** Of a fast enough connection between offices. */
const line = { bytesPerSecond: 60e6, delayMs: 15 }

/**
 * The reader keeps current content alone, and reads old versions, each time anew, with `restore`: from the cache beside it,
 * or over the line.
 */
export async function measureCache(options: OfficeBenchOptions, run: BenchRun): Promise<CacheUse> {
  const { cachedFiles: files, reads, directory } = options
  const place = await Place.open(directory, { a: 1, b: 2 }, line)
  run.cleaners.push(() => place.leave())
  try {
    const origin = await place.device('a', 'origin')
    const cache = await place.device('b', 'cache')
    const reader = await place.device('b', 'reader')
    await origin.start()
    await origin.founds()
    await origin.hold()
    for (let file = 0; file < files; file++) writeNew(join(origin.folder, `f${file}`), fileBytes)
    await origin.goOn()
    await allDone([origin], files, 'the first versions')
    await origin.hold()
    for (let file = 0; file < files; file++) writeFileSync(join(origin.folder, `f${file}`), `now ${file}`)
    await origin.goOn()
    await allDone([origin], files, 'the second versions')
    const quotaBytes = Math.floor((files * fileBytes) / 4)
    await reader.start({ HARP_KEEP: 'current' })
    await reader.joins(origin)
    await allDone([reader], files, 'the reader')
    await cache.start()
    await cache.joins(origin, { role: 'cache', quota: quotaBytes })
    await until(async () => reader.isLinkedWith([origin, cache]), 'links')
    await until(async () => (await cache.status()).state === 'idle', 'the cache')
    const zipf = new Zipf(files, 1)
    const sequence = Array.from({ length: reads }, () => zipf.next())
    const half = Math.floor(reads / 2)
    await readAll(reader, sequence.slice(0, half), run)
    const before = await spent(place, cache)
    await readAll(reader, sequence.slice(half), run)
    const after = await spent(place, cache)
    const readBytes = (reads - half) * fileBytes
    // What was missed is had from the cache as well, once it has fetched it.
    const missed = after.missed - before.missed
    return {
      files,
      reads,
      quotaBytes,
      hitPercent: 100 * Math.max(0, 1 - missed / readBytes),
      bestPercent: bestShare(sequence, half, Math.floor(files / 4)),
      recentPercent: recentShare(sequence, half, Math.floor(files / 4)),
      lineShare: (after.line - before.line) / readBytes,
      cacheCpu: after.cpu - before.cpu,
      usedBytes: after.used,
    }
  } finally {
    await place.leave()
  }
}

async function readAll(reader: OfficeDevice, files: readonly number[], run: BenchRun): Promise<void> {
  const versions = new Map<number, string>()
  const to = `${reader.folder}-read`
  for (const [index, file] of files.entries()) {
    run.signal.throwIfAborted()
    const path = join(reader.folder, `f${file}`)
    const version = versions.get(file) ?? (await oldVersion(reader, path))
    versions.set(file, version)
    await reader.ask('restore', { path, version, to })
    rmSync(to)
    if (index % 200 === 199) run.say(`  read ${index + 1} of ${files.length}`)
  }
}

async function oldVersion(reader: OfficeDevice, path: string): Promise<string> {
  const found = (await reader.ask('log', { path })).find(({ size }) => size === fileBytes)
  if (found === undefined) throw new Error(`${path} has no version of ${fileBytes} bytes`)
  return found.version
}

async function spent(place: Place, device: OfficeDevice) {
  const { cache } = await device.status()
  return {
    missed: cache?.missBytes ?? 0,
    used: cache?.usedBytes ?? 0,
    line: await place.lineBytes(),
    cpu: device.cpuSeconds(),
  }
}
