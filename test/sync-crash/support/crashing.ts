import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { elapse } from '../../support/deadline.ts'
import { checkDeeds, lookOn, untilAgreed, untilTidy } from './agreement.ts'
import type { CrashDevice } from './crash-device.ts'
import type { DiskTree } from './disk-tree.ts'
import { Histories } from './histories.ts'
import { examine, type PostMortem } from './post-mortem.ts'
import { openStage, shareFolder, closeStage, type Stage, type StageOptions } from './stage.ts'
import { Violation } from './violation.ts'

export interface CrashOptions extends StageOptions {
  readonly kills: number
  /** Bytes of the file that is put into the folder while daemons die. */
  readonly bigBytes?: number
  readonly firstFiles?: number
  /** Where the files of a failed run are left. */
  readonly isKept?: boolean
}

export interface CrashSummary {
  readonly kills: number
  readonly deeds: number
  readonly restored: number
  readonly entries: number
  /** Versions whose content is there; and those whose user overwrote it before anybody else had it. */
  readonly read: number
  readonly missing: number
  readonly seconds: number
}

const lookEveryMs = 150
const agreeEvery = 8
const restores = 60
/** Who was told to die is given so much time to come to a place where it does. */
const dyingMs = 2_000

/** One folder on two devices, from its first sync on, while daemons are killed. Throws `Violation`. */
export async function crash(options: CrashOptions): Promise<CrashSummary> {
  const stage = await openStage(options)
  let isFailed = true
  try {
    const summary = await new Crashing(stage, options).run()
    isFailed = false
    return summary
  } catch (error) {
    for (const device of stage.devices) stage.tell(`${device.name}'s log ends:\n${device.logEnd()}`)
    stage.tell(`files are left in ${stage.base}`)
    throw error
  } finally {
    await closeStage(stage, isFailed && options.isKept !== false)
  }
}

class Crashing {
  readonly #stage: Stage
  readonly #options: CrashOptions
  readonly #histories = new Histories()
  /** All that ever were. */
  readonly #paths = new Set<string>()
  #before: DiskTree = new Map()
  #kills = 0
  /** Options of daemons that are started. */
  #more: readonly string[] = []

  constructor(stage: Stage, options: CrashOptions) {
    this.#stage = stage
    this.#options = options
  }

  async run(): Promise<CrashSummary> {
    const began = performance.now()
    const { kills } = this.#options
    await this.#firstSync(Math.ceil(kills * 0.16))
    await this.#bigFile(Math.ceil(kills * 0.14))
    while (this.#kills < kills) {
      const until = Math.min(this.#kills + agreeEvery, kills)
      while (this.#kills < until) await this.#mixedRound()
      await this.#agree()
    }
    const deeds = this.#stage.ledger.size
    const restored = await this.#histories.restoreSome(this.#stage, [...this.#paths], restores)
    const found = await this.#examine()
    const seconds = Math.round((performance.now() - began) / 1000)
    return { kills: this.#kills, deeds, restored, ...found, seconds }
  }

  /** Some hundred files that nobody has yet. */
  async #firstSync(kills: number): Promise<void> {
    const { devices, users, chance } = this.#stage
    const { firstFiles = 300 } = this.#options
    for (let file = 0; file < firstFiles; file++) {
      const size = 512 * chance.between(1, file % 50 === 0 ? 4_000 : 40)
      users[0].save(`first/${file % 7}/n${file}`, size, true)
    }
    for (const device of devices) device.start()
    await shareFolder(this.#stage)
    await this.#untilBusy()
    while (this.#kills < kills) {
      await this.#round(400)
      await this.#untilBusy()
    }
    await this.#agree()
  }

  /** A file of many chunks, at a pace at which daemons die while it is on its way; then a record of it changes. */
  async #bigFile(kills: number): Promise<void> {
    const { users } = this.#stage
    const { bigBytes = 64 * 1024 * 1024 } = this.#options
    const until = this.#kills + kills
    this.#more = ['--max-download', '24M']
    users[0].save('big', bigBytes)
    let isPatched = false
    while (this.#kills < until) {
      if (!isPatched && this.#kills >= until - kills / 2) {
        await this.#agree()
        users[1].patch('big')
        isPatched = true
      }
      await this.#untilBusy()
      await this.#round(600)
    }
    this.#more = []
    await this.#agree()
  }

  async #mixedRound(): Promise<void> {
    const { chance } = this.#stage
    await this.#work(chance.between(0, 1_200))
    await this.#round(chance.pick([30, 300, 1_500]))
    if (chance.percent(60)) await this.#untilUp()
  }

  /**
   * After a while of work: who died meanwhile begins again; if nobody did, one or both are killed. Users may go on with
   * the daemons dead.
   */
  async #round(withinMs: number): Promise<void> {
    const { chance, devices } = this.#stage
    await this.#work(chance.below(withinMs))
    await this.#askSome()
    if (devices.some(({ isDying }) => isDying)) await this.#work(dyingMs, true)
    const chosen = chance.pick([[devices[0]], [devices[1]], devices])
    const dead = devices.filter(({ hasDied }) => hasDied)
    const victims = dead.length > 0 ? dead : chosen
    for (const victim of victims) await this.#kill(victim)
    if (chance.percent(40)) await this.#work(chance.below(600))
    for (const victim of victims) {
      const dies = { seed: chance.below(1_000_000), skip: chance.below(60) }
      victim.start({ more: this.#more, dies: chance.percent(75) ? dies : undefined })
    }
  }

  async #kill(victim: CrashDevice): Promise<void> {
    if (victim.death !== undefined) throw new Violation(victim.death)
    const { tell } = this.#stage
    tell(`${victim.name}: ${victim.hasDied ? victim.lastWords() : 'killed'}`)
    await victim.kill()
    this.#kills++
  }

  /** What a device tells of versions just before it dies, or another one does. */
  async #askSome(): Promise<void> {
    const { chance, devices, deeds } = this.#stage
    const device = chance.pick(devices)
    const paths = [...deeds.paths()]
    if (!device.isUp || paths.length === 0) return
    const some = Array.from({ length: 4 }, () => chance.pick(paths))
    try {
      await this.#histories.ask(device, some)
    } catch (error) {
      if (!device.isDying) throw error
    }
  }

  /** Users work and the trees are looked at for so long; or until a daemon has died. */
  async #work(forMs: number, untilDead = false): Promise<void> {
    const { users, chance, devices } = this.#stage
    const endsAt = performance.now() + forMs
    let nextLook = 0
    while (performance.now() < endsAt) {
      const isQuiet = this.#before.size === 0
      if (!isQuiet && chance.percent(60)) users[chance.below(2)]?.act()
      if (performance.now() >= nextLook) {
        lookOn(this.#stage, this.#before)
        nextLook = performance.now() + lookEveryMs
      }
      for (const { death } of devices) if (death !== undefined) throw new Violation(death)
      if (untilDead && devices.some(({ hasDied }) => hasDied)) return
      await elapse(chance.between(5, 70))
    }
  }

  async #untilUp(): Promise<void> {
    await Promise.all(this.#stage.devices.map((device) => device.untilUp()))
  }

  /** Until something is being put in place somewhere, or for a while. */
  async #untilBusy(): Promise<void> {
    await this.#untilUp()
    const endsAt = performance.now() + 1_000
    while (performance.now() < endsAt) {
      if (this.#stage.devices.some((device) => isBusy(device))) return
      await elapse(10)
    }
  }

  async #agree(): Promise<void> {
    const stage = this.#stage
    const { devices, deeds, ledger, chance, tell } = stage
    for (const device of devices) {
      if (!device.isDying) continue
      await this.#kill(device)
      device.start({ more: this.#more })
    }
    await this.#untilUp()
    const began = performance.now()
    const now = await untilAgreed(stage, this.#before)
    tell(`agreed on ${now.size} after ${Math.round(performance.now() - began)} ms, ${this.#kills} kills`)
    checkDeeds(stage, this.#before, now)
    for (const [path, { kind, content }] of now) {
      if (kind !== 'file') continue
      this.#paths.add(path)
      for (const { name } of devices) ledger.shown(content, name)
    }
    const touched = deeds.paths()
    for (const path of touched) this.#paths.add(path)
    await this.#histories.ask(chance.pick(devices), touched)
    await untilTidy(stage)
    deeds.clear()
    this.#before = new Map(now)
  }

  async #examine(): Promise<PostMortem> {
    const { devices, tell, ledger, base } = this.#stage
    for (const device of devices) {
      const audits = await device.client.call('audit', {})
      for (const { findings } of audits) {
        if (findings.length > 0) throw new Violation(`${device.name}: audit: ${JSON.stringify(findings)}`)
      }
      const { errors } = await device.folder()
      if (errors.length > 0) tell(`${device.name} reports ${JSON.stringify(errors)}`)
    }
    for (const device of devices) {
      const code = await device.stop()
      if (code !== 0) throw new Violation(`${device.name} ended with ${code}`)
    }
    return examine(devices, { versions: this.#histories.versions, ledger, base })
  }
}

function isBusy({ root }: CrashDevice): boolean {
  const directory = join(root, '.harp/tmp')
  return existsSync(directory) && readdirSync(directory).length > 0
}
