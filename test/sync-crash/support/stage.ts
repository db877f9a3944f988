import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Chance } from '../../sim/chance.ts'
import { freePorts } from '../../support/free-ports.ts'
import { CrashDevice } from './crash-device.ts'
import { Deeds } from './deeds.ts'
import { TreeReader } from './disk-tree.ts'
import { Ledger } from './ledger.ts'
import { User } from './user.ts'

export interface StageOptions {
  readonly seed: number
  readonly program?: string | undefined
  /** Called with what happens. */
  readonly tell: (line: string) => void
}

/** Two devices, a user at each, and what is known of all that they did. */
export interface Stage {
  readonly base: string
  readonly chance: Chance
  readonly ledger: Ledger
  readonly deeds: Deeds
  readonly devices: readonly [CrashDevice, CrashDevice]
  readonly users: readonly [User, User]
  readonly readers: readonly [TreeReader, TreeReader]
  readonly tell: (line: string) => void
}

const fromSource = fileURLToPath(new URL('../../support/harp-main.ts', import.meta.url))

/** Two devices with homes; no folder and no daemon yet. */
export async function openStage({ seed, program = fromSource, tell }: StageOptions): Promise<Stage> {
  const base = mkdtempSync(join(tmpdir(), 'harp-crash-'))
  const chance = new Chance(seed)
  const ledger = new Ledger()
  const deeds = new Deeds()
  const ports = await freePorts(2)
  const began = performance.now()
  const timed = (line: string): void => tell(`${((performance.now() - began) / 1000).toFixed(2)} ${line}`)
  const make = (name: string, port: number | undefined): CrashDevice =>
    new CrashDevice({ name, base, port: port ?? 0, program })
  const devices = [make('ann', ports[0]), make('bob', ports[1])] as const
  const sit = ({ name, root }: CrashDevice, number: number): User =>
    new User({ device: name, root, chance: new Chance(seed, number), ledger, deeds, tell: timed })
  const users = [sit(devices[0], 1), sit(devices[1], 2)] as const
  const readers = [new TreeReader(devices[0].root), new TreeReader(devices[1].root)] as const
  await Promise.all(devices.map((device) => device.cli('init', '--name', device.name)))
  // One that ends in peace leaves its compiled sources to the many that do not.
  devices[0].start()
  await devices[0].untilUp()
  await devices[0].stop()
  return { base, chance, ledger, deeds, devices, users, readers, tell: timed }
}

/** Founds the folder on the first device and lets the second in. */
export async function shareFolder({ devices: [ann, bob] }: Stage): Promise<void> {
  await Promise.all([ann.untilUp(), bob.untilUp()])
  await ann.cli('folder', 'add', ann.root, '--name', 'crash')
  const { code } = (await ann.cli('invite', 'crash')) as { code: string }
  await bob.cli('join', code, bob.root)
}

export async function closeStage(stage: Stage, isKept: boolean): Promise<void> {
  await Promise.all(stage.devices.map((device) => device.kill()))
  if (!isKept) rmSync(stage.base, { recursive: true, force: true })
}
