import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HarpError } from '../../../src/base/errors.ts'
import type { CrashDevice } from './crash-device.ts'
import { hashOf } from './ledger.ts'
import type { Stage } from './stage.ts'
import { Violation } from './violation.ts'

interface Version {
  readonly version: string
  readonly path: string
  readonly size: number
}

/** So small a content is stored with its version. */
const surelyStored = 256 * 1024

/** Versions that a device told of: none may ever be forgotten. */
export class Histories {
  readonly #told = new Map<string, Version>()

  get versions(): Iterable<string> {
    return this.#told.keys()
  }

  /** Asks a device what it knows of some paths, now. */
  async ask(device: CrashDevice, paths: Iterable<string>): Promise<void> {
    for (const path of paths) {
      for (const one of await versionsOf(device, path)) this.#told.set(one.version, one)
    }
  }

  /** Has some of the versions of these paths written elsewhere, as a person does who wants an old one back. */
  async restoreSome(stage: Stage, paths: readonly string[], count: number): Promise<number> {
    const { chance, devices, ledger, base } = stage
    const to = join(base, 'restored')
    let restored = 0
    for (let attempt = 0; attempt < count && paths.length > 0; attempt++) {
      const device = chance.pick(devices)
      const path = chance.pick(paths)
      const versions = (await versionsOf(device, path)).filter(({ size }) => size <= surelyStored)
      if (versions.length === 0) continue
      const { version } = chance.pick(versions)
      try {
        await device.client.call('restore', { path: join(device.root, path), version, to })
      } catch (error) {
        throw new Violation(`${device.name}: ${path} ${version} is not restored: ${String(error)}`)
      }
      const hash = hashOf(readFileSync(to))
      if (!ledger.knows(hash)) throw new Violation(`${version} of ${path} is restored as what nobody wrote`)
      rmSync(to)
      restored++
    }
    if (existsSync(to)) rmSync(to)
    return restored
  }
}

async function versionsOf(device: CrashDevice, path: string): Promise<Version[]> {
  if (path.endsWith('.link')) return []
  try {
    const versions = await device.client.call('log', { path: join(device.root, path) })
    return versions.map(({ version, size }) => ({ version, path, size }))
  } catch (error) {
    if (error instanceof HarpError && error.code === 'SYNC_NO_HISTORY') return []
    throw error
  }
}
