/** What five devices cost that have nothing to do. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchRun } from '../bench-command.ts'
import { proportionalKiB } from '../process-cost.ts'
import { until } from '../sync/pair.ts'
import { allDone, type OfficeDevice } from './device.ts'
import type { OfficeBenchOptions } from './options.ts'
import { Place, writeMany } from './place.ts'

export interface IdleDevice {
  readonly name: string
  readonly cpuPercent: number
  readonly receivedPerSecond: number
  readonly sentPerSecond: number
  readonly mib: number
}

export interface IdleCost {
  readonly files: number
  readonly seconds: number
  readonly devices: readonly IdleDevice[]
}

const devices = 5
const fileBytes = 16
const restMs = 20_000

export async function measureIdle(options: OfficeBenchOptions, run: BenchRun): Promise<IdleCost> {
  const { files, idleSeconds, directory } = options
  const place = await Place.open(directory, { a: devices, b: 0 })
  run.cleaners.push(() => place.leave())
  try {
    const all: OfficeDevice[] = []
    for (let index = 0; index < devices; index++) all.push(await place.device('a', `device${index}`))
    const [first, ...others] = all
    if (first === undefined) throw new Error('no device')
    await first.start()
    await first.founds()
    await first.hold()
    writeMany(first.folder, files, fileBytes)
    await first.goOn()
    await allDone([first], files, 'the first device')
    run.say(`${files} files on one device`)
    for (const device of others) {
      await device.start()
      await device.joins(first)
    }
    await allDone(all, files, 'all devices')
    await until(async () => {
      for (const one of all) if (!(await one.isLinkedWith(all.filter((other) => other !== one)))) return false
      return true
    }, 'links between all')
    run.say(`${files} files on ${devices} devices`)
    await sleep(restMs, undefined, { signal: run.signal })
    const before = all.map(costs)
    await sleep(idleSeconds * 1_000, undefined, { signal: run.signal })
    const after = all.map(costs)
    return {
      files,
      seconds: idleSeconds,
      devices: all.map((device, index) => difference(device, before[index], after[index])),
    }
  } finally {
    await place.leave()
  }
}

function costs(device: OfficeDevice) {
  return { at: performance.now(), cpu: device.cpuSeconds(), ...device.lanBytes() }
}

function difference(
  device: OfficeDevice,
  before: ReturnType<typeof costs> | undefined,
  after: ReturnType<typeof costs> | undefined,
): IdleDevice {
  if (before === undefined || after === undefined) throw new RangeError('not measured')
  const seconds = (after.at - before.at) / 1_000
  return {
    name: device.name,
    cpuPercent: ((after.cpu - before.cpu) / seconds) * 100,
    receivedPerSecond: (after.received - before.received) / seconds,
    sentPerSecond: (after.sent - before.sent) / seconds,
    mib: proportionalKiB([device.own.pid]) / 1_024,
  }
}
