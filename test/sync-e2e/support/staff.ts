/** The devices of two offices, and the folder that they have in common, named Shared. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FolderStatus, PeerInfo } from '../../../src/sync/device/daemon-api.ts'
import type { Role } from '../../../src/sync/format/membership.ts'
import { eventually } from '../../support/deadline.ts'
import { Device, type DeviceOptions } from './device.ts'
import { Offices, type OfficeName, type OfficesOptions } from './offices.ts'

export const folderName = 'Shared'
/** docs/spec/transfer.md, section 5. */
const nearMs = 5

/** Where somebody's machine is, and how it is used. */
export interface Seat extends Partial<Omit<DeviceOptions, 'name' | 'place'>> {
  readonly office: OfficeName
  readonly machine: number
}

export class Staff<Name extends string> {
  readonly offices: Offices
  readonly #place: string
  readonly #devices: Readonly<Record<Name, Device>>
  readonly #seats: Readonly<Record<Name, Seat>>

  private constructor(offices: Offices, place: string, seats: Readonly<Record<Name, Seat>>) {
    this.offices = offices
    this.#place = place
    this.#seats = seats
    const made = Object.entries<Seat>(seats).map(([name, { office, machine, ...options }]) => {
      const wrap = [...offices.inside(office, machine), ...(options.wrap ?? [])]
      return [name, new Device({ listen: '[::]', port: offices.port, ...options, name, place, wrap })]
    })
    this.#devices = Object.fromEntries(made) as Record<Name, Device>
  }

  /** Offices and devices that are not up; nobody has a folder. */
  static async hire<Name extends string>(
    seats: Readonly<Record<Name, Seat>>,
    line: Pick<OfficesOptions, 'bytesPerSecond' | 'delayMs'>,
  ): Promise<Staff<Name>> {
    const all = Object.values<Seat>(seats)
    const count = (office: OfficeName): number =>
      Math.max(0, ...all.filter((seat) => seat.office === office).map(({ machine }) => machine + 1))
    const offices = await Offices.start({ machines: { a: count('a'), b: count('b') }, ...line })
    const staff = new Staff(offices, mkdtempSync(join(tmpdir(), 'harp-e2e-')), seats)
    try {
      await Promise.all(staff.#all().map(([, device]) => device.init()))
      return staff
    } catch (error) {
      await staff.dispose()
      throw error
    }
  }

  device(name: Name): Device {
    return this.#devices[name]
  }

  /** Of this device's folder. */
  root(name: Name): string {
    return join(this.device(name).place, folderName)
  }

  address(name: Name): string {
    const { office, machine } = this.#seats[name]
    return this.offices.address(office, machine)
  }

  /** Up, with the folder that others join. */
  async founds(name: Name): Promise<void> {
    mkdirSync(this.root(name), { recursive: true })
    await this.device(name).up()
    await this.device(name).api.call('addFolder', { path: this.root(name) })
  }

  /** Up, and a member by the word of another one. */
  async joins(name: Name, inviter: Name, role: Role = 'write', quota?: number): Promise<void> {
    await this.device(name).up()
    const { code } = await this.device(inviter).api.call('invite', { folder: folderName, role })
    await this.device(name).api.call('join', { code, path: this.root(name), quota })
    await this.device(name).until(folderName, 'a role', (status) => status.role === role)
  }

  async peer(name: Name, other: Name): Promise<PeerInfo | undefined> {
    return (await this.device(name).api.call('peers')).find((peer) => peer.name === other)
  }

  /** Each of them has a link with each other one. */
  async areLinked(names: readonly Name[], timeoutMs: number): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        const others = names.filter((other) => other !== name)
        const isLinked = ({ peers }: FolderStatus): boolean =>
          others.every((other) => peers.some((peer) => peer.name === other && peer.connected))
        await this.device(name).until(folderName, `links with ${others.join()}`, isLinked, timeoutMs)
      }),
    )
  }

  /** Each of them has measured that the others are near: on a machine with much to do that takes some attempts. */
  async areNear(names: readonly Name[]): Promise<void> {
    const isNear = async (name: Name): Promise<boolean> => {
      const peers = await this.device(name).api.call('peers')
      const others = peers.filter((peer) => names.some((each) => each === peer.name))
      const areAll = others.length === names.length - 1
      return areAll && others.every(({ roundTripMs }) => roundTripMs !== null && roundTripMs <= nearMs)
    }
    const what = `${names.join()} to be near each other`
    for (const name of names) {
      await eventually(what, async () => ((await isNear(name)) ? true : undefined), { timeoutMs: 45_000 })
    }
  }

  /** Idle, with nothing missing. */
  async areAtRest(names: readonly Name[], timeoutMs?: number): Promise<void> {
    const isDone = ({ state, needFiles }: FolderStatus): boolean => state === 'idle' && needFiles === 0
    await Promise.all(names.map((name) => this.device(name).until(folderName, 'at rest', isDone, timeoutMs)))
  }

  /** Each of them has a file with these bytes. */
  async have(names: readonly Name[], path: string, bytes: Uint8Array, timeoutMs = 60_000): Promise<void> {
    for (const name of names) {
      try {
        await eventually(
          `${name} to have ${path}`,
          () => (hasBytes(join(this.root(name), path), bytes) ? true : undefined),
          { timeoutMs, everyMs: 100 },
        )
      } catch (error) {
        throw new Error(`${name} has no ${path}\n${await this.#report()}`, { cause: error })
      }
    }
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#all().map(([, device]) => device.dispose()))
    await this.offices.dispose()
    rmSync(this.#place, { recursive: true, force: true })
  }

  #all(): [string, Device][] {
    return Object.entries<Device>(this.#devices)
  }

  async #report(): Promise<string> {
    const lines = this.#all().map(async ([name, device]) => {
      const status = await device.folder(folderName).then(JSON.stringify, String)
      return `${name}: ${status}\n${device.output.slice(-1_500)}`
    })
    return (await Promise.all(lines)).join('\n')
  }
}

function hasBytes(path: string, bytes: Uint8Array): boolean {
  try {
    return statSync(path).size === bytes.length && readFileSync(path).equals(bytes)
  } catch {
    return false
  }
}
