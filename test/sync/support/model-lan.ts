/** Networks in memory: interfaces on segments; what is said on one is heard by all on it, the speaker included. */
import { systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/logger.ts'
import { parseNetwork } from '../../../src/net/address.ts'
import type { DeviceKeys } from '../../../src/sync/crypto/identity.ts'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { Discovery, type DiscoveryOptions } from '../../../src/sync/discovery/discovery.ts'
import type { Family, LocalInterface } from '../../../src/sync/discovery/interfaces.ts'
import type {
  BeaconHandlers,
  DiscoveryNetwork,
  ServiceHandlers,
} from '../../../src/sync/discovery/network.ts'
import type { ServiceAnswer } from '../../../src/sync/discovery/service-records.ts'
import type { Sighting } from '../../../src/sync/discovery/sighting.ts'
import type { DeviceId } from '../../../src/sync/ids.ts'
import { seededBytes } from './seeded-bytes.ts'

interface Ear {
  readonly family: Family | 'mdns'
  readonly beacon?: BeaconHandlers
  readonly service?: ServiceHandlers
}

export interface Said {
  readonly from: string
  readonly way: Family | 'query' | 'response'
  readonly bytes: Uint8Array
  readonly answers: readonly ServiceAnswer[]
}

/** One cable. */
export class Segment {
  readonly said: Said[] = []
  readonly #ears = new Set<Ear>()
  /** Nothing that is said arrives anywhere, and nobody is told. */
  isMute = false

  get ears(): number {
    return this.#ears.size
  }

  join(ear: Ear): () => void {
    this.#ears.add(ear)
    return () => void this.#ears.delete(ear)
  }

  beacon(from: string, family: Family, bytes: Uint8Array): void {
    this.said.push({ from, way: family, bytes, answers: [] })
    if (this.isMute) return
    for (const ear of this.#ears) if (ear.family === family) ear.beacon?.onDatagram(bytes.slice(), from)
  }

  query(from: string, name: string): void {
    this.said.push({ from, way: 'query', bytes: new Uint8Array(), answers: [] })
    if (this.isMute) return
    const packet = { questions: [{ name, type: 'PTR' }], records: [] }
    for (const { service } of this.#ears) service?.onQuery(packet)
  }

  respond(from: string, answers: readonly ServiceAnswer[]): void {
    this.said.push({ from, way: 'response', bytes: new Uint8Array(), answers })
    if (this.isMute) return
    for (const { service } of this.#ears) service?.onResponse({ questions: [], records: answers }, from)
  }

  of(way: Said['way'], from?: string): readonly Said[] {
    return this.said.filter((each) => each.way === way && (from === undefined || each.from === from))
  }
}

export interface Plug {
  readonly at: LocalInterface
  readonly segment: Segment
}

export function plug(name: string, segment: Segment, ipv4: string): Plug {
  const ipv6 = `fe80::${ipv4.split('.').at(-1)}`
  const networks = [parseNetwork(`${ipv4}/24`)!.network]
  return { at: { name, ipv4, ipv6, networks, addresses: [ipv4, ipv6], problem: undefined }, segment }
}

/** A device of which only discovery is there. */
export class LanDevice {
  readonly keys: DeviceKeys
  readonly plugs: Plug[]
  readonly sightings: Sighting[] = []
  readonly discovery: Discovery
  members: readonly DeviceKeys[] = []
  port = 1_000
  /** What the system says to whoever wants to open or to send something. */
  openProblem: string | undefined
  sendProblem: string | undefined
  /** Until an answer by mDNS has left. */
  sendDelayMs = 0

  constructor(keys: DeviceKeys, plugs: readonly Plug[], options: Partial<DiscoveryOptions> = {}) {
    this.keys = keys
    this.plugs = [...plugs]
    this.discovery = new Discovery({
      suite: nodeSuite,
      deviceId: keys.deviceId,
      agreementSecret: keys.agreementSecret,
      network: this.#network(),
      ways: { beacons: true, mdns: true },
      members: () =>
        this.members.map(({ deviceId, record }) => ({ device: deviceId, agreementKey: record.agreementKey })),
      listening: () => ({ host: '::', port: this.port }),
      onSighting: (sighting) => this.sightings.push(sighting),
      clock: systemClock,
      random: seededBytes(`lan ${keys.deviceId} ${Math.random()}`),
      log: silentLogger,
      ...options,
    })
  }

  seen(device: DeviceId): readonly string[] {
    return [...new Set(this.sightings.filter((each) => each.device === device).map(({ address }) => address))]
  }

  #network(): DiscoveryNetwork {
    return {
      interfaces: () => this.plugs.map(({ at }) => at),
      openBeacons: ({ name }, family, handlers) => {
        const { segment, at } = this.plugs.find((each) => each.at.name === name)!
        const from = family === 'ipv4' ? at.ipv4! : `${at.ipv6}%${name}`
        const leave = this.#join(segment, { family, beacon: handlers })
        return {
          send: async (bytes) => {
            if (this.sendProblem === undefined) segment.beacon(from, family, bytes)
            return this.sendProblem
          },
          close: leave,
        }
      },
      openServices: ({ name }, handlers) => {
        const { segment, at } = this.plugs.find((each) => each.at.name === name)!
        const leave = this.#join(segment, { family: 'mdns', service: handlers })
        const unless = async (act: () => void): Promise<string | undefined> => {
          if (this.sendProblem === undefined) act()
          if (this.sendDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.sendDelayMs))
          return this.sendProblem
        }
        return {
          query: (asked) => unless(() => segment.query(at.ipv4!, asked)),
          respond: (answers) => unless(() => segment.respond(at.ipv4!, answers)),
          close: leave,
        }
      },
    }
  }

  #join(segment: Segment, ear: Ear): () => void {
    const problem = this.openProblem
    if (problem === undefined) return segment.join(ear)
    queueMicrotask(() => (ear.beacon ?? ear.service)?.onProblem(problem))
    return () => undefined
  }
}
