/** Two devices with one folder in common, named Shared. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Role } from '../../../src/sync/format/membership.ts'
import { eventually, WaitTimeout } from '../../support/deadline.ts'
import { Device, type DeviceOptions } from './device.ts'
import { isSameLine, isSameTree, snapshot, type TreeSnapshot } from './tree-snapshot.ts'

export const folderName = 'Shared'

export interface PairOptions {
  readonly role?: Role
  readonly ann?: Partial<DeviceOptions>
  readonly bob?: Partial<DeviceOptions> | ((bobRoot: string) => Partial<DeviceOptions>)
  /** Before the folder is added. */
  readonly prepare?: (annRoot: string, bobRoot: string) => void
}

export class Pair {
  readonly place: string
  readonly ann: Device
  readonly bob: Device

  constructor(place: string, ann: Device, bob: Device) {
    this.place = place
    this.ann = ann
    this.bob = bob
  }

  /** Ann founds the folder, Bob joins it. Not yet in sync. */
  static async start(options: PairOptions = {}): Promise<Pair> {
    const place = newPlace()
    const bobRoot = join(place, 'bob', folderName)
    const ofBob = typeof options.bob === 'function' ? options.bob(bobRoot) : options.bob
    const pair = new Pair(
      place,
      new Device({ name: 'ann', place, ...options.ann }),
      new Device({ name: 'bob', place, ...ofBob }),
    )
    try {
      mkdirSync(pair.annRoot, { recursive: true })
      mkdirSync(pair.bobRoot, { recursive: true })
      options.prepare?.(pair.annRoot, pair.bobRoot)
      await Promise.all([pair.ann, pair.bob].map((device) => device.init().then(() => device.up())))
      await pair.ann.api.call('addFolder', { path: pair.annRoot })
      const { code } = await pair.ann.api.call('invite', { folder: folderName, role: options.role })
      await pair.bob.api.call('join', { code, path: pair.bobRoot })
      return pair
    } catch (error) {
      await pair.dispose()
      throw error
    }
  }

  get annRoot(): string {
    return join(this.ann.place, folderName)
  }

  get bobRoot(): string {
    return join(this.bob.place, folderName)
  }

  /** Both disks show the same (and `isAlso` what a test waits for), and both devices say that they are done. */
  async converge(
    isAlso: (tree: TreeSnapshot) => boolean = () => true,
    timeoutMs: number = 30_000,
  ): Promise<TreeSnapshot> {
    try {
      return await eventually(
        'both show the same',
        async () => {
          if (!(await this.#areIdle())) return undefined
          const tree = snapshot(this.annRoot)
          if (!isSameTree(tree, snapshot(this.bobRoot)) || !isAlso(tree)) return undefined
          return (await this.#areIdle()) ? tree : undefined
        },
        { timeoutMs, everyMs: 100 },
      )
    } catch (error) {
      if (!(error instanceof WaitTimeout)) throw error
      throw new Error(`not the same in time\n${await this.#report()}`, { cause: error })
    }
  }

  /** What was changed on either disk up to now has come to the other. */
  async settle(): Promise<TreeSnapshot> {
    await Promise.all([this.ann, this.bob].map((device) => device.scanned(folderName)))
    return this.converge()
  }

  /** Neither knows of the other for a while. */
  async apart(act: () => void | Promise<void>): Promise<void> {
    await Promise.all([this.ann.stop(), this.bob.stop()])
    await act()
    await Promise.all([this.ann.up(), this.bob.up()])
  }

  async dispose(): Promise<void> {
    await Promise.all([this.ann.dispose(), this.bob.dispose()])
    rmSync(this.place, { recursive: true, force: true })
  }

  async #areIdle(): Promise<boolean> {
    const both = await Promise.all([this.ann, this.bob].map((device) => device.folder(folderName)))
    return both.every(
      ({ state, peers, needFiles }) =>
        state === 'idle' && needFiles === 0 && peers.some(({ connected }) => connected),
    )
  }

  async #report(): Promise<string> {
    const [ann, bob] = [snapshot(this.annRoot), snapshot(this.bobRoot)]
    const paths = [...new Set([...Object.keys(ann), ...Object.keys(bob)])]
    const lines = paths.filter((path) => !isSameLine(ann[path], bob[path])).slice(0, 20)
    const states = await Promise.all(
      [this.ann, this.bob].map((device) =>
        device.folder(folderName).catch((error: unknown) => String(error)),
      ),
    )
    return [
      ...lines.map((path) => `${path}: ann ${ann[path]}, bob ${bob[path]}`),
      ...states.map((state) => JSON.stringify(state)),
      this.ann.output.slice(-2_000),
      this.bob.output.slice(-2_000),
    ].join('\n')
  }
}

export function newPlace(): string {
  return mkdtempSync(join(tmpdir(), 'harp-e2e-'))
}
