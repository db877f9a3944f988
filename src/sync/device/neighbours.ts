import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import { parseHostPort } from '../../net/address.ts'
import type { DiscoveryWays } from '../config/settings.ts'
import type { DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { Discovery } from '../discovery/discovery.ts'
import { nodeNetwork } from '../discovery/node-network.ts'
import type { DiscoveryReport, Sighting } from '../discovery/sighting.ts'
import type { DiscoveryMember } from '../discovery/tag-table.ts'
import type { Folder } from '../folder/folder.ts'
import type { DeviceId } from '../ids.ts'
import type { LinkHub } from '../link/link-hub.ts'
import { isOwnNetwork } from '../link/own-networks.ts'
import { DialEagerness } from './dial-eagerness.ts'
import type { PeerBook } from './peer-book.ts'

export interface NeighbourParts {
  readonly suite: CryptoSuite
  readonly clock: Clock
  readonly keys: DeviceKeys
  readonly ways: DiscoveryWays
  readonly folders: () => readonly Folder[]
  readonly peers: PeerBook
  readonly hub: LinkHub
  readonly log: Logger
}

/** What is seen on the local networks becomes links. */
export class Neighbours {
  readonly #parts: NeighbourParts
  readonly #discovery: Discovery
  readonly #eagerness: DialEagerness
  #wanted: ReadonlySet<DeviceId> = new Set()
  /** Somebody's keys have not come yet. */
  #isLacking = false

  constructor(parts: NeighbourParts) {
    this.#parts = parts
    const { suite, clock, keys, ways, hub, log } = parts
    this.#eagerness = new DialEagerness(clock)
    this.#discovery = new Discovery({
      suite,
      deviceId: keys.deviceId,
      agreementSecret: keys.agreementSecret,
      network: nodeNetwork({ isLoopback: ways.loopback, clock }),
      ways,
      members: () => this.#members(),
      listening: () => parseHostPort(hub.listening[0] ?? ''),
      onSighting: (sighting) => this.#sighted(sighting),
      clock,
      random: (length) => new Uint8Array(randomBytes(length)),
      log,
    })
  }

  get report(): DiscoveryReport {
    return this.#discovery.report
  }

  start(): void {
    this.#discovery.start()
  }

  /** Often, with all other devices that this one shares a folder with. */
  follow(members: ReadonlySet<DeviceId>): void {
    const isSame = members.size === this.#wanted.size && [...members].every((each) => this.#wanted.has(each))
    if (isSame && !this.#isLacking) return
    this.#wanted = new Set(members)
    this.#eagerness.keepOnly(members)
    this.#parts.peers.keepOnly(members)
    this.#discovery.membersChanged()
  }

  stop(): Promise<void> {
    return this.#discovery.stop()
  }

  #members(): readonly DiscoveryMember[] {
    const members = new Map<DeviceId, Uint8Array>()
    const lacking = new Set(this.#wanted)
    for (const { peers, replica } of this.#parts.folders()) {
      const { log } = replica
      const heads = log.heads()
      for (const device of peers.members()) {
        if (!lacking.has(device)) continue
        const record = log.membership.recordOf(device, heads)
        if (record === undefined) continue
        members.set(device, record.agreementKey)
        lacking.delete(device)
      }
    }
    this.#isLacking = lacking.size > 0
    return [...members].map(([device, agreementKey]) => ({ device, agreementKey }))
  }

  #sighted(sighting: Sighting): void {
    const { peers, hub, log } = this.#parts
    const { device, address, via, interfaceName } = sighting
    const isNew = peers.sighted(sighting)
    if (isNew) log.debug({ peer: device, address, via, interface: interfaceName }, 'a member was seen')
    const link = hub.link(device)
    if (link === undefined) {
      if (this.#eagerness.mayDial(device)) hub.dialNow(device)
    } else if (!isOwnNetwork(link.address) && isOwnNetwork(address)) {
      if (this.#eagerness.mayImprove(device, isNew)) void this.#improve(device, address)
    }
  }

  /** A device that is linked the long way round is here. */
  async #improve(device: DeviceId, address: string): Promise<void> {
    if (await this.#parts.hub.dialBetter(device, address)) this.#eagerness.improved(device)
  }
}
