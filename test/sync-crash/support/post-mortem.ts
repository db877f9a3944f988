import { join } from 'node:path'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { DeviceHome } from '../../../src/sync/device/home.ts'
import { Replica } from '../../../src/sync/replica/replica.ts'
import { SqliteStore } from '../../../src/sync/store/sqlite-store.ts'
import type { CrashDevice } from './crash-device.ts'
import { Violation } from './violation.ts'

/**
 * Opens the logs of devices that were stopped: every version that was ever told of is in them, nobody's chain has forked,
 * and both compute the same tree. Returns how many entries there are.
 */
export function examine(devices: readonly CrashDevice[], versions: Iterable<string>): number {
  const told = [...versions]
  const digests: string[] = []
  let size = 0
  for (const device of devices) {
    const home = new DeviceHome(device.home)
    const [record] = home.folders()
    if (record === undefined) throw new Violation(`${device.name} knows no folder`)
    const store = new SqliteStore(join(home.folderDirectory(record.id), 'log.sqlite'))
    try {
      const keys = home.readDevice(nodeSuite)
      const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))
      const replica = Replica.open({ suite: nodeSuite, keys, random, store, folderId: record.id })
      const { log } = replica
      for (const version of told) {
        if (log.entry(version) === undefined) throw new Violation(`${device.name} has forgotten ${version}`)
      }
      const forks = [...log.equivocations()]
      if (forks.length > 0) throw new Violation(`${device.name}: ${forks.length} forked chains`)
      digests.push(JSON.stringify(replica.digest()))
      size = log.size
    } finally {
      store.close()
    }
  }
  if (new Set(digests).size > 1) throw new Violation(`the logs differ: ${digests.join(' and ')}`)
  return size
}
