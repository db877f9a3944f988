/** What it costs to read all content again in search of damage. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../test/support/free-ports.ts'
import type { BenchRun } from '../bench-command.ts'
import { until } from '../sync/pair.ts'
import { OfficeDevice } from './device.ts'
import type { OfficeBenchOptions } from './options.ts'
import { writeMany, writeNew } from './place.ts'

export interface ScrubCost {
  readonly bytes: number
  readonly seconds: number
  /** Beyond what the device takes when it does not do this. */
  readonly cpuPerGigabyte: number
  /** Of one core, when a terabyte is read through in the time that is the default. */
  readonly percentOfTerabyte: number
  /** Without any of it. */
  readonly idlePercent: number
}

const defaultDays = 30
/** A step reads one of them. */
const smallBytes = 524_288
const restMs = 10_000
const idleMs = 20_000
/** Reading is spread over its days, so it is told that they are over. */
const later = `const{now}=Date;Date.now=()=>now.call(Date)+${(defaultDays + 1) * 86_400_000}`
const isLater = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(later)}` }

export async function measureScrub(options: OfficeBenchOptions, run: BenchRun): Promise<ScrubCost> {
  const directory = mkdtempSync(join(options.directory, 'harp-bench-office-'))
  const [port = 0, admin = 0] = await freePorts(2)
  const device = await OfficeDevice.make({ name: 'alone', directory, wrap: [], port })
  const leave = async (): Promise<void> => {
    await device.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  run.cleaners.push(leave)
  try {
    // Small files are held twice, as they are and in packs; large ones once.
    const all = options.scrubbedMiB * 1_048_576
    const small = Math.floor(all / 4 / smallBytes)
    writeNew(join(device.folder, 'large'), all / 2)
    writeMany(device.folder, small, smallBytes)
    const settings = { HARP_ADMIN_ADDRESS: `127.0.0.1:${admin}`, HARP_DISCOVERY: 'off' }
    await device.start(settings)
    await device.founds()
    await until(async () => device.isDone(small + 1), 'the first look')
    await until(async () => (await scrubbed(admin)) > 0, 'the beginning of the days')
    await device.stop()
    await device.start({ ...settings, ...isLater, HARP_SCRUB: 'off' })
    await until(async () => device.isDone(small + 1), 'the look after the start')
    await sleep(restMs, undefined, { signal: run.signal })
    const idleCpu = device.cpuSeconds()
    await sleep(idleMs, undefined, { signal: run.signal })
    const idle = (device.cpuSeconds() - idleCpu) / (idleMs / 1_000)
    await device.stop()
    await device.start({ ...settings, ...isLater, HARP_SCRUB: '1G' })
    await until(async () => device.isDone(small + 1), 'the look after the next start')
    await until(async () => (await scrubbed(admin)) > 0, 'the beginning')
    const before = { bytes: await scrubbed(admin), cpu: device.cpuSeconds(), at: performance.now() }
    await until(async () => (await scrubbed(admin)) > all * 0.95, 'the end')
    const bytes = (await scrubbed(admin)) - before.bytes
    const seconds = (performance.now() - before.at) / 1_000
    const cpu = device.cpuSeconds() - before.cpu - idle * seconds
    const cpuPerGigabyte = (cpu / bytes) * 1e9
    return {
      bytes,
      seconds,
      cpuPerGigabyte,
      percentOfTerabyte: ((cpuPerGigabyte * 1_000) / (defaultDays * 86_400)) * 100,
      idlePercent: idle * 100,
    }
  } finally {
    await leave()
  }
}

async function scrubbed(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  const text = await response.text()
  return Number(/^harp_sync_scrubbed_bytes_total(?:\{[^}]*\})? (\S+)$/m.exec(text)?.[1] ?? '0')
}
