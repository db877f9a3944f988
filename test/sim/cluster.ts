import { errorCode } from '../../src/base/errors.ts'
import type { CryptoSuite } from '../../src/sync/crypto/suite.ts'
import type { Snapshot } from '../../src/sync/exchange/snapshot.ts'
import type { EntryHash, FolderId, NodeId } from '../../src/sync/ids.ts'
import type { Replica } from '../../src/sync/replica/replica.ts'
import { SimulatedCrash } from '../sync/support/crashing-store.ts'
import { Chance } from './chance.ts'
import { noCounts, type Counts } from './counts.ts'
import { SimDevice } from './device.ts'
import { foundFolder } from './founding.ts'
import { Links } from './links.ts'
import { Network, type Message } from './network.ts'
import type { NetworkPlan, Schedule, Step } from './schedule.ts'
import { demand } from './violation.ts'

/** A version that a device wrote and announced. */
export interface Promised {
  readonly node: NodeId
  readonly device: number
}

/** All devices of a schedule, with the time and the network between them. */
export class Cluster {
  readonly schedule: Schedule
  readonly suite: CryptoSuite
  readonly devices: readonly SimDevice[]
  readonly network: Network
  readonly links: Links
  readonly counts: Counts
  readonly promised = new Map<EntryHash, Promised>()
  /** The final order as the first device to see it had it. */
  readonly finalOrder: EntryHash[] = []
  /** Names that users gave, for I4. */
  readonly givenNames = new Set<string>()
  /** Batches as they were written, for replays. */
  readonly written: { readonly last: EntryHash; readonly bytes: Uint8Array }[] = []
  /** What joiners were shown, until it can be checked. */
  readonly snapshots: { readonly device: number; readonly snapshot: Snapshot }[] = []
  /** Devices that have, or had, the folder. */
  readonly seated = new Set<number>()
  folderId: FolderId = ''
  time = 0
  /** The latest time that any clock has shown. */
  #latestShown = 0
  chance: Chance

  constructor(schedule: Schedule, suite: CryptoSuite) {
    this.schedule = schedule
    this.suite = suite
    this.chance = new Chance(schedule.seed, 0xc1)
    this.devices = schedule.offsets.map((_, index) => new SimDevice(suite, schedule.seed, index, 0))
    this.network = new Network(schedule.network, schedule.devices, this.chance)
    this.counts = noCounts()
    this.links = new Links(this)
    this.folderId = foundFolder(schedule, this.devices, this.seated)
    this.time = schedule.devices
    schedule.offsets.forEach((offset, index) => (this.device(index).offset = offset))
  }

  device(index: number): SimDevice {
    return this.devices[index] as SimDevice
  }

  get running(): SimDevice[] {
    return this.devices.filter((device) => device.replica !== undefined)
  }

  /** Each step has chances of its own, so that it does the same when others are left out. */
  beginStep(step: Step): void {
    this.chance = new Chance(this.schedule.seed, step.id, 0x57e9)
    this.network.drawFrom(this.chance)
    const { seed } = this.schedule
    for (const device of this.devices) device.chance = new Chance(seed, step.id, device.index, 0xd)
  }

  /** Lets time pass, with all that arrives meanwhile. */
  advance(ms: number): void {
    const until = this.time + ms
    this.links.connect()
    for (;;) {
      const flight = this.network.take(until)
      if (flight === undefined) break
      this.time = Math.max(this.time, flight.due)
      this.#deliver(flight.message)
    }
    this.time = until
    for (const device of this.running) {
      this.change(device, (replica) => replica.settle(device.now(this.time)))
    }
  }

  /** Delivers what is under way now, and nothing that is sent meanwhile. False if there was nothing. */
  round(): boolean {
    const flights = this.network.inFlight
    for (let count = 0; count < flights; count++) {
      const flight = this.network.take(Number.POSITIVE_INFINITY)
      if (flight === undefined) break
      this.time = Math.max(this.time, flight.due)
      this.#deliver(flight.message)
    }
    return flights > 0
  }

  /** Does something on a device; if it dies meanwhile, it is gone. Then its peers are told what is new. */
  change<T>(device: SimDevice, action: (replica: Replica) => T): T | undefined {
    const { replica } = device
    if (replica === undefined) return undefined
    const before = replica.log.size + replica.statements.count * 1_000_000
    let result: T | undefined
    try {
      result = action(replica)
    } catch (error) {
      if (!isDeath(error)) throw error
      this.stop(device)
      return undefined
    }
    if (replica.log.size + replica.statements.count * 1_000_000 !== before) {
      this.watch(device)
      this.links.tellPeers(device.index)
    }
    return result
  }

  /** The device dies, as at a loss of power. */
  stop(device: SimDevice): void {
    device.die()
    this.counts.crashes++
    this.links.disconnect(device.index)
  }

  start(device: SimDevice): void {
    if (device.replica !== undefined || !this.seated.has(device.index)) return
    device.start(this.folderId)
    this.watch(device)
    this.links.connect()
  }

  /** All is well from now on: no more losses, right clocks, everybody runs; and it is later than any clock has shown. */
  calm(plan: NetworkPlan): void {
    this.network.change(plan)
    this.network.heal()
    this.network.clear()
    for (const device of this.devices) this.setClock(device, 0)
    this.time = Math.max(this.time, this.#latestShown)
    this.links.disconnect()
    this.links.joinIslands()
  }

  setClock(device: SimDevice, offset: number): void {
    this.#latestShown = Math.max(this.#latestShown, this.time + device.offset)
    device.offset = offset
  }

  /** A device got something outside of a session. */
  post(from: SimDevice, to: SimDevice, kind: 'batch' | 'statement', bytes: Uint8Array): void {
    this.network.send(this.time, { kind, from: from.index, to: to.index, connection: 0, bytes })
  }

  /** Cheap checks of a device that changed: I6. */
  watch(device: SimDevice): void {
    const { replica } = device
    if (replica === undefined) return
    const { finalOrder } = this
    const { order, finalLength } = replica
    for (let position = 0; position < finalLength; position++) {
      const hash = order[position]?.hash
      if (position === finalOrder.length && hash !== undefined) finalOrder.push(hash)
      demand(
        hash === finalOrder[position],
        'I6',
        () => `${device.name}: the final order changed at ${position}`,
      )
    }
  }

  #deliver(message: Message): void {
    const device = this.device(message.to)
    if (message.kind === 'session' || message.kind === 'broken') this.links.deliver(message)
    else this.#receive(device, message)
    // What was received is durable only after this, and devices differ in how often they do it.
    if (this.chance.percent(40)) this.change(device, (replica) => replica.commit())
  }

  #receive(device: SimDevice, message: Message): void {
    const source = `device-${message.from}`
    const now = device.now(this.time)
    this.change(device, (replica) => {
      if (message.kind === 'batch') replica.receive(message.bytes, source, now)
      else replica.receiveStatement(message.bytes, source, now)
    })
  }
}

/** A device that died of a simulated crash, or whose disk refuses, which it does not survive either. */
function isDeath(error: unknown): boolean {
  return error instanceof SimulatedCrash || errorCode(error).startsWith('SYNC_STORE_')
}
