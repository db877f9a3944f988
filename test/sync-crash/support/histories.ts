import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HarpError } from '../../../src/base/errors.ts'
import type { CrashDevice } from './crash-device.ts'
import { hashOf } from './ledger.ts'
import type { Stage } from './stage.ts'
import { Violation } from './violation.ts'

interface Seen {
  readonly path: string
  readonly size: number
  readonly device: string
}

/** Up to this size a version's content is stored as it is written, so that it outlives its file. */
const storedBytes = 1024 * 1024

/** Versions that a device told of: none may ever be forgotten, and their contents can be had. */
export class Histories {
  readonly #seen = new Map<string, Seen>()
  /** Contents of versions that were current when the devices agreed. */
  readonly #contents = new Map<string, string>()
  readonly #paths = new Set<string>()

  get versions(): ReadonlyMap<string, Seen> {
    return this.#seen
  }

  note(paths: Iterable<string>): void {
    for (const path of paths) this.#paths.add(path)
  }

  /** Asks a device for the versions of some paths that ever were. */
  async ask(device: CrashDevice, paths: Iterable<string> = this.#paths): Promise<void> {
    for (const path of paths) {
      for (const { version, size } of await versionsOf(device, path)) {
        if (!this.#seen.has(version)) this.#seen.set(version, { path, size, device: device.name })
      }
    }
  }

  /** Both devices have this content at this path. */
  async agreed(device: CrashDevice, path: string, content: string): Promise<void> {
    this.#paths.add(path)
    for (const { version, current, size } of await versionsOf(device, path)) {
      if (current) this.#contents.set(version, content)
      this.#seen.set(version, { path, size, device: device.name })
    }
  }

  /** Reads every version that a command can name; then nothing may be missing of what users wrote and kept. */
  async readAll(stage: Stage, shown: Iterable<string>): Promise<{ read: number; missing: number }> {
    const { ledger, devices } = stage
    const found = new Set(shown)
    let read = 0
    let missing = 0
    for (const [version, { path, size }] of await this.#nameable(devices[0])) {
      const bytes = await readVersion(stage, { path, version })
      if (typeof bytes === 'string') {
        const content = this.#contents.get(version)
        const isNeeded = size <= storedBytes || (content !== undefined && ledger.isHeld(content))
        if (isNeeded)
          throw new Violation(`version ${version} of ${path} (${size} bytes) cannot be read: ${bytes}`)
        missing++
        continue
      }
      read++
      const hash = hashOf(bytes)
      found.add(hash)
      if (!ledger.knows(hash)) throw new Violation(`version ${version} of ${path} is what nobody wrote`)
    }
    for (const hash of ledger.held()) {
      if (!found.has(hash)) throw new Violation(`lost: ${ledger.describe(hash)} (${hash.slice(0, 8)})`)
    }
    return { read, missing }
  }

  /** Symlinks have versions without a content. */
  async #nameable(device: CrashDevice): Promise<Map<string, Seen>> {
    const found = new Map<string, Seen>()
    for (const path of this.#paths) {
      if (path.endsWith('.link')) continue
      for (const { version, size } of await versionsOf(device, path)) {
        found.set(version, { path, size, device: device.name })
      }
    }
    return found
  }
}

async function versionsOf(
  device: CrashDevice,
  path: string,
): Promise<readonly { version: string; size: number; current: boolean }[]> {
  try {
    return await device.client.call('log', { path: join(device.root, path) })
  } catch (error) {
    if (error instanceof HarpError && error.code === 'SYNC_NO_HISTORY') return []
    throw error
  }
}

/** From one device or the other; the reason if neither can. */
async function readVersion(
  { devices, chance, base }: Stage,
  { path, version }: { path: string; version: string },
): Promise<Buffer | string> {
  const to = join(base, 'restored')
  const order = chance.percent(50) ? devices : devices.toReversed()
  let reason = ''
  for (const device of order) {
    try {
      await device.client.call('restore', { path: join(device.root, path), version, to })
      return readFileSync(to)
    } catch (error) {
      if (!(error instanceof HarpError)) throw error
      reason += `${device.name}: ${error.message}; `
    } finally {
      if (existsSync(to)) rmSync(to)
    }
  }
  return reason
}
