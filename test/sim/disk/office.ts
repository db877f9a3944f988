import { errorCode } from '../../../src/base/errors.ts'
import type { CryptoSuite } from '../../../src/sync/crypto/suite.ts'
import type { Role } from '../../../src/sync/format/membership.ts'
import type { Folder } from '../../../src/sync/folder/folder.ts'
import { grantIn } from '../../../src/sync/folder/own-membership.ts'
import { upkeepTimes } from '../../../src/sync/folder/upkeep.ts'
import type { KeepPolicy } from '../../../src/sync/folder/version-source.ts'
import { Chance } from '../chance.ts'
import { Canaries, contentCanary, nameCanary } from './canaries.ts'
import type { DiskDevice } from './disk-device.ts'
import type { DiskWorld } from './disk-run.ts'
import type { LineQuality } from './sim-link.ts'

/** What a device is in an office. */
export interface Place {
  readonly role: Role
  readonly keep: KeepPolicy
  readonly quota: number | undefined
  /** Devices of one are near each other. */
  readonly site: number
  readonly skewMs: number
}

const mebibyte = 1024 * 1024
const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** Less than what ends the patience with who is silent, or has said nothing of itself yet. */
const mostSleepMs = 25 * dayMs
const mostRevocations = 3
/** Entries of a clock that is further ahead are held until it is not. */
const skews = [0, 0, 30_000, -60_000, 200_000, -450_000, -900_000]
const shortTimes = {
  firstRetention: 30_000,
  retention: 60_000,
  retentionAgain: 15_000,
  gathering: 5_000,
  gatheringAgain: 45_000,
}
const usualTimes = { ...upkeepTimes }

/** Who is who in a world with roles, caches, revocations, two sites and different policies. */
export class Office {
  readonly places: readonly Place[]
  readonly canaries = new Canaries()
  readonly #suite: CryptoSuite
  readonly #chance: Chance
  #revocations = 0
  #sleptMs = 0

  constructor(seed: number, suite: CryptoSuite, devices: number | undefined) {
    this.#suite = suite
    const chance = new Chance(seed, 99)
    this.#chance = chance
    const count = devices ?? chance.between(3, 6)
    const keepers = chance.pick<readonly KeepPolicy[]>([
      ['all', 'staggered', 'current'],
      ['all'],
      ['current'],
      ['staggered', 'current'],
    ])
    const places: Place[] = []
    for (let index = 0; index < count; index++) {
      const role = index === 0 ? 'admin' : chance.weighted({ admin: 3, write: 5, read: 2, cache: 3 })
      places.push({
        role,
        keep: chance.pick(keepers),
        quota: role === 'cache' ? chance.pick([8, 8, 64]) * mebibyte : undefined,
        site: chance.below(2),
        skewMs: chance.pick(skews),
      })
    }
    this.places = places
    Object.assign(upkeepTimes, shortTimes)
  }

  /** Nothing of it stays for other worlds. */
  end(): void {
    Object.assign(upkeepTimes, usualTimes)
  }

  meet(world: DiskWorld): void {
    const hasSmallCache = this.places.some(({ quota = Infinity }) => quota < 64 * mebibyte)
    for (const user of world.users) {
      user.isMarkedBy(nameCanary, contentCanary)
      // More than it holds.
      if (hasSmallCache && user.large > 0) user.large = 14
    }
  }

  /** Of a connection: near ones are fast. */
  quality(world: DiskWorld, one: number, two: number): LineQuality {
    const chance = this.#chance
    const isNear = this.places[one]?.site === this.places[two]?.site
    const latency = isNear ? chance.pick([0.2, 1, 3]) : chance.pick([30, 80, 200])
    const between = `${world.devices[one]?.name} and ${world.devices[two]?.name}`
    return {
      delayMs: () => latency + (chance.below(100) / 100) * latency,
      bytesPerSecond: isNear ? 1e8 : chance.pick([3e5, 1e6]),
      roundTripMs: 2 * latency,
      hasPresence: true,
      onFrame: (topic, head, payload) => {
        this.canaries.see(between, topic, head, payload)
        world.count(isNear ? 'near frames' : 'far frames')
      },
    }
  }

  /** An admin lets a device in: for the first time, or again. */
  admit(world: DiskWorld, admin: DiskDevice, device: DiskDevice): void {
    const role = this.places[world.devices.indexOf(device)]?.role ?? 'write'
    if (device.isOff || (device.hasFolder && !device.isUp)) return
    device.disk.model.room = Number.MAX_SAFE_INTEGER
    const found = attempt(admin, (folder) => {
      if (folder.role !== 'admin') return undefined
      const batches = folder.replica.grant(device.keys.record, role, admin.clock.wall())
      folder.announce()
      return { batches, id: folder.id }
    })
    if (found === undefined) return
    const { batches, id } = found
    const invited = { by: admin.id, role, grant: grantIn(this.#suite, batches) }
    const receive = (): void => {
      device.inProcess((folder) => {
        for (const batch of batches) folder.replica.receive(batch, admin.id, device.clock.wall())
      })
    }
    world.say(`${admin.name} lets in ${device.name} as ${role}${device.hasFolder ? ' again' : ''}`)
    if (!device.hasFolder) {
      device.join(id, invited)
      receive()
    } else {
      world.count('let in again')
      void device.rejoin(invited).then(receive)
    }
  }

  /** One thing that happens in an office besides edits. */
  step(world: DiskWorld, device: DiskDevice): void {
    const chance = this.#chance
    const what = chance.weighted({ revoke: 3, admit: 6, sleep: 3 })
    if (what === 'revoke') this.#revoke(world, device)
    else if (what === 'admit') this.#admitSomebody(world, device)
    else {
      const ms = chance.pick([60_000, hourMs, 5 * hourMs, dayMs, 8 * dayMs])
      if (this.#sleptMs + ms > mostSleepMs) return
      this.sleep(world, ms)
    }
  }

  sleep(world: DiskWorld, ms: number): void {
    this.#sleptMs += ms
    world.say(`${(ms / hourMs).toFixed(1)} hours go by`)
    world.time.sleep(ms)
  }

  #admitSomebody(world: DiskWorld, admin: DiskDevice): void {
    const outside = world.devices.filter((device) => {
      if (!device.hasFolder) return true
      return device.isUp && (device.folder?.isOut === true || device.folder?.peers.isRefused === true)
    })
    if (outside.length > 0) this.admit(world, admin, this.#chance.pick(outside))
  }

  #revoke(world: DiskWorld, admin: DiskDevice): void {
    if (this.#revocations >= mostRevocations) return
    const chance = this.#chance
    const target = attempt(admin, (folder) => {
      if (folder.role !== 'admin') return undefined
      const { log } = folder.replica
      const others = log.membership.members(log.heads()).filter(({ deviceId }) => deviceId !== admin.id)
      if (others.length === 0) return undefined
      const { deviceId } = chance.pick(others)
      folder.replica.revoke(deviceId, admin.clock.wall())
      folder.announce()
      return deviceId
    })
    if (target === undefined) return
    this.#revocations++
    world.count('revocations')
    world.say(`${admin.name} revokes ${world.devices.find(({ id }) => id === target)?.name}`)
  }
}

function attempt<T>(device: DiskDevice, act: (folder: Folder) => T): T | undefined {
  try {
    return device.inProcess(act)
  } catch (error) {
    // It has no keys yet, or two histories.
    if (errorCode(error)?.startsWith('SYNC_') !== true) throw error
    return undefined
  }
}
