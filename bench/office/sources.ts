/** One file from several devices of the LAN at once. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchRun } from '../bench-command.ts'
import { until } from '../sync/pair.ts'
import { allDone, type OfficeDevice } from './device.ts'
import type { OfficeBenchOptions } from './options.ts'
import { Place, writeNew } from './place.ts'

export interface FromSources {
  readonly sources: number
  /** --max-upload of each; empty: none. */
  readonly limit: string
  readonly megabytes: number
  readonly seconds: number
  /** Of the one that receives, and of all that send. */
  readonly receiverCpu: number
  readonly senderCpu: number
  /** What each source sent on its LAN, of the file, in percent. */
  readonly shares: readonly number[]
}

const counts = [1, 2, 4]

export async function measureSources(options: OfficeBenchOptions, run: BenchRun): Promise<FromSources[]> {
  const place = await Place.open(options.directory, { a: 5, b: 0 })
  run.cleaners.push(() => place.leave())
  try {
    const sources: OfficeDevice[] = []
    for (let index = 0; index < 4; index++) sources.push(await place.device('a', `source${index}`))
    const receiver = await place.device('a', 'receiver')
    const [first] = sources
    if (first === undefined) throw new Error('no sources')
    await first.start()
    await first.founds()
    for (const device of [...sources.slice(1), receiver]) {
      await device.start()
      await device.joins(first)
    }
    await allDone([...sources, receiver], 0, 'the empty folder')
    const found: FromSources[] = []
    for (const limit of ['', options.limit]) {
      for (const count of counts) {
        run.signal.throwIfAborted()
        found.push(await one({ options, sources, receiver, file: found.length + 1 }, count, limit))
        run.say(`${count} sources, limit ${limit || 'none'}: ${found.at(-1)?.seconds.toFixed(1)} s`)
      }
    }
    return found
  } finally {
    await place.leave()
  }
}

interface Scene {
  readonly options: OfficeBenchOptions
  readonly sources: readonly OfficeDevice[]
  readonly receiver: OfficeDevice
  /** Its number: each run has a new one. */
  readonly file: number
}

async function one(scene: Scene, count: number, limit: string): Promise<FromSources> {
  const { sources, receiver, file, options } = scene
  const bytes = options.sizeMiB * 1_048_576
  await receiver.hold()
  for (const device of sources) await restart(device, {})
  writeNew(join(sources[0]?.folder ?? '', `file${file}`), bytes)
  await allDone(sources, file, 'the sources')
  for (const device of sources) await device.stop()
  const active = sources.slice(0, count)
  for (const device of active) await device.start(limit === '' ? {} : { HARP_MAX_UPLOAD: limit })
  await allDone(active, file, 'the sources, started anew')
  const before = { receiver: receiver.cpuSeconds(), active: active.map(costs) }
  await receiver.goOn()
  const begun = await untilReceived(receiver, bytes / 50)
  await until(async () => receiver.isDone(file), 'the file')
  const seconds = (performance.now() - begun.at) / 1_000
  const after = active.map(costs)
  return {
    sources: count,
    limit,
    megabytes: (bytes - begun.received) / 1e6,
    seconds,
    receiverCpu: receiver.cpuSeconds() - before.receiver,
    senderCpu: after.reduce((sum, { cpu }, index) => sum + cpu - (before.active[index]?.cpu ?? 0), 0),
    shares: after.map(({ sent }, index) => ((sent - (before.active[index]?.sent ?? 0)) / bytes) * 100),
  }
}

/** By then it has links. */
async function untilReceived(device: OfficeDevice, bytes: number): Promise<{ at: number; received: number }> {
  const before = device.lanBytes().received
  const endsAt = performance.now() + 60_000
  for (;;) {
    const received = device.lanBytes().received - before
    const at = performance.now()
    if (received >= bytes) return { at, received }
    if (at > endsAt) throw new Error('nothing comes')
    await sleep(5)
  }
}

function costs(device: OfficeDevice): { readonly cpu: number; readonly sent: number } {
  return { cpu: device.cpuSeconds(), sent: device.lanBytes().sent }
}

async function restart(device: OfficeDevice, settings: Readonly<Record<string, string>>): Promise<void> {
  await device.stop()
  await device.start(settings)
}
