import type { CryptoSuite } from '../../../src/sync/crypto/suite.ts'
import { Chance } from '../chance.ts'
import { demand, Violation } from '../violation.ts'
import { checkDisks } from './disk-checks.ts'
import { DiskDevice, root } from './disk-device.ts'
import { DiskUser } from './disk-user.ts'
import { Killed } from './life.ts'
import { checkOffice } from './office-checks.ts'
import { takesPart } from './office-groups.ts'
import { hasAllItCan } from './office-content.ts'
import { checkRot } from './office-rot.ts'
import { Office } from './office.ts'
import { SimLine } from './sim-link.ts'
import { SimTime } from './sim-time.ts'

export interface DiskRunOptions {
  readonly seed: number
  readonly suite: CryptoSuite
  readonly devices?: number | undefined
  /** What may happen besides edits. */
  readonly faults: Faults
  /** The trace names what devices write to the log. */
  readonly tellsLog?: boolean
  /** Does something to a world at rest, to see that it is found. */
  readonly tamper?: (world: DiskWorld) => void
}

export interface Faults {
  readonly kills: boolean
  readonly power: boolean
  readonly cuts: boolean
  readonly races: boolean
  /** Disks with no room for a while. */
  readonly full?: boolean
  /** Clocks that are wrong by up to two minutes. */
  readonly skew?: boolean
  /** Names may be lost by a loss of power though later things are not. */
  readonly looseNames?: boolean
  /** Roles, caches, revocations, near and far devices, old versions that are dropped. */
  readonly office?: boolean
  /** With `office`: disks lose bits. */
  readonly rot?: boolean
}

export interface DiskRunResult {
  readonly violation: Violation | undefined
  readonly trace: readonly string[]
  readonly counts: Record<string, number>
}

const restMs = 1_200_000
const scrubRate = 8 * 1024 * 1024
/** Asked for, and received and not yet taken care of. */
const windowBytes = 64 * 1024 * 1024
/** Calls of a process that has nothing to do, in a minute. */
const idleCalls = 60
/** Of who looks every minute what may be dropped, which is once an hour outside this world. */
const idleCallsWithUpkeep = 1_000

/** One world from one number. */
export async function runDisks(options: DiskRunOptions): Promise<DiskRunResult> {
  const world = new DiskWorld(options)
  let violation: Violation | undefined
  world.time.install(() => world.chance.below(1_000_000) / 1_000_000)
  try {
    await world.run()
  } catch (error) {
    violation = error instanceof Violation ? error : new Violation('error', String((error as Error).stack))
  } finally {
    world.time.uninstall()
    world.end()
  }
  return { violation, trace: world.trace, counts: world.counts }
}

export class DiskWorld {
  readonly time = new SimTime()
  readonly chance: Chance
  readonly devices: DiskDevice[] = []
  readonly users: DiskUser[] = []
  readonly trace: string[] = []
  readonly counts: Record<string, number> = {}
  readonly office: Office | undefined
  readonly suite: CryptoSuite
  /** Versions brought back so far. */
  restored = 0
  readonly #options: DiskRunOptions
  readonly #lines = new Map<string, SimLine>()
  /** Pairs that cannot reach each other. */
  readonly #apart = new Set<string>()
  readonly #told = new Set<string>()

  constructor(options: DiskRunOptions) {
    this.#options = options
    const { seed, suite } = options
    this.suite = suite
    this.chance = new Chance(seed, 77)
    this.office = options.faults.office === true ? new Office(seed, suite, options.devices) : undefined
    const count = this.office?.places.length ?? options.devices ?? this.chance.pick([2, 2, 2, 3, 3, 4, 5])
    for (let index = 0; index < count; index++) {
      const device = new DiskDevice({
        name: `d${index}`,
        suite,
        time: this.time,
        chance: new Chance(seed, index, 1),
        keep: this.office?.places[index]?.keep ?? 'all',
        ...this.#upkeepOf(index),
        hasOneJournal: options.faults.looseNames !== true,
        tickMs: this.chance.pick([1, 1, 4, 10]),
      })
      if (options.faults.skew === true) device.skewMs = new Chance(seed, index, 3).between(-120_000, 120_000)
      device.skewMs += this.office?.places[index]?.skewMs ?? 0
      device.onDeath = () => this.#unlink(device)
      this.devices.push(device)
      const user = new DiskUser(device, root, new Chance(seed, index, 2), (line) => this.say(line))
      // A large file may be lost with the power before anybody else has it, though the log has its version.
      if (options.faults.power) user.large = 0
      this.users.push(user)
    }
    this.office?.meet(this)
  }

  #upkeepOf(index: number): { readonly quota?: number; readonly scrubRate?: number } {
    const quota = this.office?.places[index]?.quota
    return {
      ...(quota !== undefined && { quota }),
      ...(this.#options.faults.rot === true && { scrubRate }),
    }
  }

  say(line: string): void {
    this.trace.push(`${(this.time.monotonic() / 1000).toFixed(3)} ${line}`)
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  async run(): Promise<void> {
    const { devices, chance, time } = this
    const [founder, ...others] = devices as [DiskDevice, ...DiskDevice[]]
    if (chance.percent(50)) this.#edits(0, chance.below(12))
    const id = founder.found()
    for (const device of others) {
      if (chance.percent(30)) this.#edits(devices.indexOf(device), chance.below(6))
      if (this.office !== undefined) {
        if (chance.percent(70)) this.office.admit(this, founder, device)
        continue
      }
      founder.inProcess((folder) => {
        folder.replica.grant(device.keys.record, 'write', founder.clock.wall())
        folder.announce()
      })
      device.join(id, { by: founder.id, role: 'write' })
    }
    const steps = 20 + chance.below(80)
    for (let step = 0; step < steps; step++) {
      this.#connect()
      this.#step()
      const pauseMs = chance.pick([1, 10, 60, 400, 400, 1_500, 5_000])
      await time.run(pauseMs + chance.below(pauseMs))
      this.#watchOver()
    }
    await this.#rest()
    await this.#idle()
    this.#options.tamper?.(this)
    if (this.office === undefined) await checkDisks(this)
    else {
      await checkOffice(this)
      if (this.#options.faults.rot === true) await checkRot(this)
    }
  }

  end(): void {
    this.office?.end()
    for (const device of this.devices) device.kill()
  }

  /** Until nobody has anything to do. */
  async rest(): Promise<void> {
    await this.#rest()
  }

  #edits(index: number, count: number): void {
    if (this.devices[index]?.isOff === true || this.devices[index]?.quota !== undefined) return
    for (let edit = 0; edit < count; edit++) this.users[index]?.act(this.time.monotonic())
  }

  #step(): void {
    const { chance, devices } = this
    const { kills, power, cuts, races, full = false } = this.#options.faults
    const index = chance.below(devices.length)
    const device = devices[index] as DiskDevice
    const what = chance.weighted({
      user: 60,
      kill: kills ? 4 : 0,
      killAt: kills ? 6 : 0,
      power: power ? 4 : 0,
      restart: kills ? 2 : 0,
      cut: cuts ? 4 : 0,
      apart: cuts ? 4 : 0,
      mend: cuts ? 5 : 0,
      race: races ? 8 : 0,
      full: full ? 4 : 0,
      room: full ? 5 : 0,
      office: this.office === undefined ? 0 : 12,
      alone: this.office === undefined ? 0 : 3,
    })
    if (what === 'office') this.office?.step(this, device)
    else if (what === 'alone') {
      this.say(`${device.name} is cut off`)
      for (let other = 0; other < devices.length; other++) {
        if (other === index) continue
        this.#lines.get(keyOf(index, other))?.cut()
        this.#apart.add(keyOf(index, other))
      }
    } else if (what === 'user') this.#edits(index, 1 + chance.below(4))
    else if (what === 'kill') {
      this.#die(device, 'killed')
    } else if (what === 'killAt') {
      const at = chance.below(chance.pick([10, 100, 1_000]))
      this.#atCall(device, at, () => {
        this.#die(device, `killed at call ${at}`)
        throw new Killed('killed')
      })
    } else if (what === 'race') {
      this.#atCall(device, chance.below(chance.pick([10, 100, 1_000])), (call, path) => {
        this.say(`${device.name}: meanwhile, before ${call} ${path}`)
        this.#edits(index, 1)
      })
    } else if (what === 'power') {
      if (device.isUp) this.#die(device, 'loses power', true)
    } else if (what === 'restart') {
      if (!device.isUp) return
      this.say(`${device.name} restarts`)
      void device.stop().then(() => this.#startLater(device))
    } else if (what === 'full') {
      this.say(`${device.name}: disk full`)
      this.count('full')
      device.disk.model.room = this.chance.below(30_000)
    } else if (what === 'room') {
      for (const { disk } of devices) disk.model.room = Number.MAX_SAFE_INTEGER
    } else if (what === 'mend') {
      this.#apart.clear()
    } else {
      const other = chance.below(devices.length)
      if (other === index) return
      const key = keyOf(index, other)
      this.say(`cut ${key}`)
      this.#lines.get(key)?.cut()
      if (what === 'apart') this.#apart.add(key)
    }
  }

  #atCall(device: DiskDevice, calls: number, act: (call: string, path: string) => void): void {
    if (!device.isUp) return
    let left = calls
    const { life } = device
    life.onCall = (call, path) => {
      if (left-- > 0) return
      life.onCall = undefined
      act(call, path)
    }
  }

  #die(device: DiskDevice, how: string, isPower = false): void {
    if (device.life.isDead && !isPower) return
    this.count(isPower ? 'power' : 'kills')
    this.say(`${device.name} ${how}`)
    if (isPower) device.losePower(this.chance.below(1e9))
    else device.kill()
    this.#startLater(device)
  }

  #startLater(device: DiskDevice): void {
    this.time.after(200 + this.chance.below(6_000), () => {
      if (!device.life.isDead || device.folder !== undefined || !device.hasFolder) return
      this.say(`${device.name} starts`)
      try {
        device.start()
      } catch (error) {
        if (!(error instanceof Killed)) throw error
      }
    })
  }

  #unlink(device: DiskDevice): void {
    for (const line of this.#lines.values()) {
      if (line.ends.some((end) => end.device === device)) line.cut('process gone')
    }
  }

  /** Who can reach each other are linked. */
  #connect(): void {
    const { devices, chance } = this
    for (let one = 0; one < devices.length; one++) {
      for (let two = one + 1; two < devices.length; two++) {
        const key = keyOf(one, two)
        const pair = [devices[one], devices[two]] as [DiskDevice, DiskDevice]
        if (this.office !== undefined) this.#endUseless(this.#lines.get(key))
        if (this.#apart.has(key) || this.#lines.get(key)?.isCut === false) continue
        if (!pair[0].isUp || !pair[1].isUp) continue
        const isFriend = pair[0].folder?.peers.members().includes(pair[1].id)
        const isFriendToo = pair[1].folder?.peers.members().includes(pair[0].id)
        if (isFriend !== true && isFriendToo !== true) continue
        if (this.office !== undefined) {
          // Who dials takes the other one for a member.
          const isFirst = isFriend === true && (isFriendToo !== true || chance.percent(50))
          const quality = this.office.quality(this, one, two)
          this.#lines.set(key, new SimLine(this.time, isFirst ? pair : [pair[1], pair[0]], quality))
          continue
        }
        const latency = chance.pick([1, 5, 40, 200])
        const quality = {
          delayMs: () => latency + chance.below(latency),
          bytesPerSecond: chance.pick([1e8, 1e7, 1e6]),
        }
        this.#lines.set(key, new SimLine(this.time, chance.percent(50) ? pair : [pair[1], pair[0]], quality))
      }
    }
  }

  /** As the daemon does with links for which there is no common folder any more. */
  #endUseless(line: SimLine | undefined): void {
    if (line === undefined || line.isCut) return
    const [dialler, listener] = line.ends.map(({ device }) => device) as [DiskDevice, DiskDevice]
    if (dialler.folder?.peers.isMember(listener.id) === false) line.cut('no folder in common')
  }

  /** What each device wrote to the log since it was looked at last. */
  #tellLog(): void {
    for (const { name, id, folder } of this.devices) {
      for (const { operation, deviceId, hash, hlc } of folder?.replica.order ?? []) {
        if (deviceId !== id || operation === undefined || this.#told.has(hash)) continue
        this.#told.add(hash)
        const at = `${name} logged ${operation.type} at ${((hlc.ms - 1_700_000_000_000) / 1000).toFixed(3)}: ${'name' in operation ? operation.name : ''}${'node' in operation ? ` of ${operation.node.slice(0, 6)}` : ''}`
        this.say(
          `  ${at}${operation.type === 'put' ? ` ${operation.content.size} bytes ${operation.content.hash.slice(0, 12)}` : ''} (${hash.slice(0, 12)})`,
        )
      }
    }
  }

  #watchOver(): void {
    if (this.#options.tellsLog === true) this.#tellLog()
    for (const device of this.devices) {
      const { violation } = device.oracle
      if (violation !== undefined) throw violation
      this.office?.canaries.learn(device)
      const { folder } = device
      const { outstandingBytes = 0, settlingBytes = 0 } = folder?.fetcher.stats() ?? {}
      demand(
        outstandingBytes + settlingBytes <= windowBytes,
        'I13',
        () => `${device.name} fetches too much at once`,
      )
      if (folder?.hasFault === true && device.isUp && this.#options.faults.full === true) {
        // As the daemon does.
        this.count('reopened')
        this.say(`${device.name} opens its folder again: ${folder.problems[0]?.message}`)
        void device.stop().then(() => this.#startLater(device))
      } else if (folder?.hasFault === true && device.isUp) {
        throw new Violation('fault', `${device.name}: ${JSON.stringify(folder.problems)}`)
      }
    }
  }

  /** Whoever has nothing to do does nothing: after files were made durable, before the next scan of all. */
  async #idle(): Promise<void> {
    const { time, devices } = this
    await time.run(150_000)
    const calls = devices.map(({ life }) => life.calls)
    await time.run(60_000)
    for (const [index, device] of devices.entries()) {
      const { life, name, folder } = device
      if (!this.#mayBeIdle(device)) continue
      const made = life.calls - (calls[index] ?? 0)
      demand(this.#isResting(device), 'I14', () => `${name} was idle, and is ${folder?.state}`)
      const most = this.office === undefined ? idleCalls : idleCallsWithUpkeep
      demand(
        made <= most || folder?.role === 'read',
        'I14',
        () => `${name} made ${made} calls to its disk, idle`,
      )
    }
  }

  #mayBeIdle(device: DiskDevice): boolean {
    return this.office === undefined || (!device.isAbsent && takesPart(device, this.devices))
  }

  #isResting(device: DiskDevice): boolean {
    if (!this.#mayBeIdle(device)) return device.isAbsent || device.isUp
    if (!device.isUp) return false
    // Entries of a clock that is ahead are held until their time has come.
    if ((device.folder?.replica.log.held.entries ?? 0) > 0) return false
    const { folder } = device
    // Who is refused tries again and again, and is not idle in that moment.
    const isRefused = this.office !== undefined && folder?.peers.isRefused === true
    if (isRefused && (folder?.content?.state === 'idle' || folder?.cache !== undefined)) return true
    return folder?.state === 'idle' || (this.office !== undefined && hasAllItCan(this, device))
  }

  async #rest(): Promise<void> {
    const { time, devices } = this
    this.say('rest')
    this.#apart.clear()
    for (const { disk } of devices) disk.model.room = Number.MAX_SAFE_INTEGER
    for (const user of this.users) if (user.later !== undefined) user.act(Number.POSITIVE_INFINITY)
    for (const { life } of devices) life.onCall = undefined
    // Who never was let in is in no office.
    if (this.office !== undefined) for (const device of devices) if (!device.hasFolder) device.isAbsent = true
    const end = time.monotonic() + restMs
    let quiet = 0
    while (time.monotonic() < end && quiet < 15) {
      for (const device of devices) {
        if (device.isAbsent) continue
        if (device.life.isDead && device.folder === undefined) this.#startLater(device)
        const code = device.folder?.problems[0]?.code
        if (code === 'FOLDER_MASS_DELETION') device.inProcess((folder) => folder.resume(true))
      }
      this.#connect()
      await time.run(1_000)
      this.#watchOver()
      quiet = devices.every((device) => this.#isResting(device)) ? quiet + 1 : 0
    }
    demand(quiet > 0, 'I14', () =>
      devices
        .map((device) => {
          const { folder } = device
          const peers = folder?.peers.isIdle === true ? 'idle' : 'not idle'
          return `${device.name} is ${folder?.state ?? 'down'}, content ${folder?.content?.state}, peers ${peers}, downloads ${folder?.content?.downloads.files}: ${JSON.stringify(folder?.problems)}`
        })
        .join('; '),
    )
  }
}

function keyOf(one: number, two: number): string {
  return one < two ? `d${one}-d${two}` : `d${two}-d${one}`
}
