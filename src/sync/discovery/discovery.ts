import type { Clock } from '../../base/clock.ts'
import { errorMessage } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import type { HostPort } from '../../net/address.ts'
import type { CryptoSuite, RandomBytes } from '../crypto/suite.ts'
import type { DeviceId } from '../ids.ts'
import { BeaconVoice } from './beacon-voice.ts'
import { discoveryErrors } from './discovery-errors.ts'
import { discoveryLimits as limits, discoveryTimes as times } from './discovery-limits.ts'
import { interfaceKey, type LocalInterface } from './interfaces.ts'
import type { DiscoveryNetwork } from './network.ts'
import { NonceBook } from './nonce-book.ts'
import { PacketGate } from './packet-gate.ts'
import { hourOf } from './pair-tags.ts'
import { ServiceVoice } from './service-voice.ts'
import type { DiscoveryReport, Sighting } from './sighting.ts'
import { TagTable, type DiscoveryMember } from './tag-table.ts'
import type { Voice, VoiceParts } from './voice.ts'

export interface DiscoveryOptions {
  readonly suite: CryptoSuite
  readonly deviceId: DeviceId
  readonly agreementSecret: Uint8Array
  readonly network: DiscoveryNetwork
  readonly ways: { readonly beacons: boolean; readonly mdns: boolean }
  /** All other devices that this one shares a folder with. */
  readonly members: () => readonly DiscoveryMember[]
  /** Where this device listens; undefined if it does not. */
  readonly listening: () => HostPort | undefined
  readonly onSighting: (sighting: Sighting) => void
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: Logger
}

interface Place {
  readonly interface: LocalInterface
  readonly voices: Voice[]
}

const switchedOff = 'switched off'

/** Finds members on the networks that this device is in, and is found by them; strangers learn nothing. */
export class Discovery {
  readonly #options: DiscoveryOptions
  readonly #table: TagTable
  readonly #parts: VoiceParts
  readonly #places = new Map<string, Place>()
  readonly #closing = new Set<Promise<void>>()
  #interfaces: readonly LocalInterface[] = []
  #timer: NodeJS.Timeout | undefined
  #told = ''

  constructor(options: DiscoveryOptions) {
    this.#options = options
    const { suite, deviceId, agreementSecret, network, clock, random, listening, onSighting } = options
    this.#table = new TagTable({ suite, deviceId, agreementSecret, random })
    this.#parts = {
      network,
      table: this.#table,
      nonces: new NonceBook(),
      gate: new PacketGate(limits.beaconsPerSecond, clock),
      clock,
      random,
      listening,
      keepTime: () => this.#keepTime(),
      onSighting,
      traffic: { heard: 0, sent: 0 },
    }
  }

  /** Nothing is opened as long as there is no other member. */
  start(): void {
    if (!this.#isOn || this.#timer !== undefined) return
    this.#timer = setInterval(() => this.#look(), times.lookMs)
    this.#timer.unref()
    this.#table.setMembers(this.#options.members())
    this.#look()
  }

  /** Who is new is looked for at once. */
  membersChanged(): void {
    if (this.#timer === undefined || !this.#table.setMembers(this.#options.members())) return
    this.#keepTime()
    this.#look()
    for (const { voices } of this.#places.values()) for (const voice of voices) voice.begin()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#closeAll()
    await Promise.all(this.#closing)
  }

  get report(): DiscoveryReport {
    const { ways } = this.#options
    const interfaces = this.#interfaces.map((at) => ({
      name: at.name,
      address: at.ipv4 ?? `${at.ipv6}%${at.name}`,
      beaconProblem: ways.beacons ? this.#problem(at, 'beacon') : switchedOff,
      mdnsProblem: ways.mdns ? this.#problem(at, 'mdns') : switchedOff,
    }))
    const { heard, sent } = this.#parts.traffic
    return {
      isOn: this.#isOn,
      interfaces,
      problem: this.#isOn ? whyNone(interfaces) : undefined,
      heard,
      sent,
    }
  }

  get #isOn(): boolean {
    return this.#options.ways.beacons || this.#options.ways.mdns
  }

  /** One of several that works is enough. */
  #problem(at: LocalInterface, via: Sighting['via']): string | undefined {
    if (at.problem !== undefined) return at.problem
    const voices = this.#places.get(at.name)?.voices.filter((voice) => voice.via === via) ?? []
    if (voices.some(({ problem }) => problem === undefined)) return undefined
    return voices[0]?.problem
  }

  /** Whoever notices first that the hour is another one: with it all names and lists change. */
  #keepTime(): void {
    if (!this.#table.setHour(hourOf(this.#options.clock.wall()))) return
    for (const { voices } of this.#places.values()) for (const voice of voices) voice.renew()
  }

  #look(): void {
    try {
      this.#interfaces = this.#options.network.interfaces()
    } catch (error) {
      this.#options.log.warn({ error: errorMessage(error) }, 'cannot list the network interfaces')
      return
    }
    this.#keepTime()
    this.#follow()
    this.#tell()
  }

  /** Opens what is new or failed a while ago, closes what is gone. */
  #follow(): void {
    if (this.#table.size === 0) {
      this.#closeAll()
      return
    }
    const wanted = new Map(
      this.#interfaces.flatMap((at) => (at.problem === undefined ? [[at.name, at] as const] : [])),
    )
    for (const [name, place] of this.#places) {
      const at = wanted.get(name)
      if (at !== undefined && interfaceKey(at) === interfaceKey(place.interface)) this.#reopen(place)
      else this.#close(name, place)
    }
    for (const [name, at] of wanted) if (!this.#places.has(name)) this.#open(at)
  }

  #open(at: LocalInterface): void {
    const { beacons, mdns } = this.#options.ways
    const voices: Voice[] = []
    if (beacons && at.ipv4 !== undefined) voices.push(new BeaconVoice(this.#parts, at, 'ipv4'))
    if (beacons && at.ipv6 !== undefined) voices.push(new BeaconVoice(this.#parts, at, 'ipv6'))
    if (mdns) voices.push(new ServiceVoice(this.#parts, at))
    this.#places.set(at.name, { interface: at, voices })
    for (const voice of voices) voice.begin()
  }

  #reopen(place: Place): void {
    const now = this.#options.clock.monotonic()
    const isDue = place.voices.some(
      ({ failedAt }) => failedAt !== undefined && now - failedAt >= times.retryMs,
    )
    if (!isDue) return
    this.#close(place.interface.name, place)
    this.#open(place.interface)
  }

  #close(name: string, { voices }: Place): void {
    this.#places.delete(name)
    for (const voice of voices) {
      const closed = voice.close().finally(() => this.#closing.delete(closed))
      this.#closing.add(closed)
    }
  }

  #closeAll(): void {
    for (const [name, place] of this.#places) this.#close(name, place)
  }

  /** What has changed, once. */
  #tell(): void {
    const { interfaces, problem } = this.report
    const text = JSON.stringify([interfaces, problem?.message])
    if (text === this.#told) return
    this.#told = text
    this.#options.log.info({ interfaces }, 'discovery')
    if (problem !== undefined) this.#options.log.warn({ code: problem.code }, problem.message)
  }
}

function whyNone(interfaces: DiscoveryReport['interfaces']): DiscoveryReport['problem'] {
  const isSilent = interfaces.every(
    ({ beaconProblem, mdnsProblem }) => beaconProblem !== undefined && mdnsProblem !== undefined,
  )
  if (!isSilent) return undefined
  const whys = interfaces.map(({ name, beaconProblem, mdnsProblem }) => {
    const why = beaconProblem === switchedOff ? mdnsProblem : beaconProblem
    return `${name}: ${why}`
  })
  const message = ['other devices cannot be found on any network of this device', ...whys.slice(0, 4)]
  const { fix } = discoveryErrors.DISCOVERY_MULTICAST
  if (whys.length === 0) message.push('no interface is up')
  return { code: 'DISCOVERY_MULTICAST', message: message.join('; '), fix }
}
