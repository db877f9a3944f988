import { systemClock, type Clock } from '../../base/clock.ts'
import type { Sighting } from '../discovery/sighting.ts'
import type { DeviceId } from '../ids.ts'
import type { DialOutcome } from '../link/link-hub.ts'
import type { Link } from '../link/link.ts'
import type { DeviceNames } from './folder-answers.ts'
import type { AddressOrigin, PeerRecord } from './home-records.ts'
import type { DeviceHome } from './home.ts'
import { PeerWays, type KnownWay, type PeerWay } from './peer-ways.ts'

const mostAddresses = 8
/** Of those, what other members say of a device: it never takes the place of what is known first hand. */
const mostTold = 4

/**
 * Names and addresses of other devices: as they said, as they were reached and as others told are kept in the home; where
 * they are seen, and what came of dialling, for this run.
 */
export class PeerBook implements DeviceNames {
  readonly ownId: DeviceId
  readonly #home: DeviceHome
  readonly #ownName: string
  readonly #peers: Map<DeviceId, PeerRecord>
  readonly #ways = new Map<DeviceId, PeerWays>()
  readonly #onFault: (error: unknown) => void
  readonly #clock: Clock
  #isSaved = true

  /** `onFault`: the home takes no notes; what is known goes on as it is, and is written down later. */
  constructor(
    home: DeviceHome,
    own: { readonly deviceId: DeviceId; readonly name: string },
    onFault: (error: unknown) => void,
    clock: Clock = systemClock,
  ) {
    this.#home = home
    this.#onFault = onFault
    this.#clock = clock
    this.ownId = own.deviceId
    this.#ownName = own.name
    this.#peers = new Map(Object.entries(home.peers()))
  }

  get all(): readonly { readonly id: DeviceId; readonly name: string }[] {
    return [...this.#peers].map(([id, { name }]) => ({ id, name }))
  }

  nameOf(device: DeviceId): string | undefined {
    if (device === this.ownId) return this.#ownName
    // Of some only addresses are known.
    return this.#peers.get(device)?.name || undefined
  }

  /** The best first. */
  addressesOf(device: DeviceId): readonly string[] {
    return this.waysOf(device).map(({ address }) => address)
  }

  /** All that is known of how to reach it, in the order in which it is tried. */
  waysOf(device: DeviceId): readonly PeerWay[] {
    return this.#waysOf(device).inOrder(this.#known(device))
  }

  /** What a join code says of its maker, before there was a link. */
  introduce(device: DeviceId, addresses: readonly string[]): void {
    this.#learn(device, this.nameOf(device) ?? '', [...ways(addresses, 'invitation'), ...this.#known(device)])
  }

  /** As it called itself when it joined. */
  rename(device: DeviceId, name: string): void {
    this.#learn(device, name, this.#known(device))
  }

  /** How it was reached comes first, then where it says that it listens. */
  linked(link: Link): void {
    const reached = link.isDialled ? ways([link.address], 'reached') : []
    const said = ways(link.peerListens, 'said')
    this.#learn(link.peer, link.peerName, [...reached, ...said, ...this.#known(link.peer)])
    this.#waysOf(link.peer).reached(link.address)
  }

  /** What another member says of it. */
  told(device: DeviceId, addresses: readonly string[]): void {
    if (device === this.ownId) return
    const known = this.#known(device)
    const fresh = addresses.filter((address) => !known.some((each) => each.address === address))
    if (fresh.length === 0) return
    const others = known.filter(({ via }) => via !== 'member')
    const told = [...ways(fresh, 'member'), ...known.filter(({ via }) => via === 'member')]
    this.#learn(device, this.nameOf(device) ?? '', [...others, ...told.slice(0, mostTold)])
  }

  /** Returns whether it is an address that it was not seen at before. */
  sighted(sighting: Sighting): boolean {
    return this.#waysOf(sighting.device).sighted(sighting)
  }

  dialFailed(device: DeviceId, address: string, outcome: DialOutcome): void {
    this.#waysOf(device).failed(address, outcome)
  }

  /** What is known in this run of all others is forgotten. */
  keepOnly(devices: ReadonlySet<DeviceId>): void {
    for (const device of this.#ways.keys()) if (!devices.has(device)) this.#ways.delete(device)
  }

  #waysOf(device: DeviceId): PeerWays {
    const known = this.#ways.get(device)
    if (known !== undefined) return known
    const added = new PeerWays(this.#clock)
    this.#ways.set(device, added)
    return added
  }

  #known(device: DeviceId): readonly KnownWay[] {
    const { addresses = [], origins } = this.#peers.get(device) ?? {}
    return addresses.map((address) => ({ address, via: origins?.[address] ?? 'said' }))
  }

  #learn(device: DeviceId, name: string, known: readonly KnownWay[]): void {
    const origins = new Map<string, AddressOrigin>()
    for (const { address, via } of known) {
      if (via === 'beacon' || via === 'mdns' || origins.has(address)) continue
      if (origins.size < mostAddresses) origins.set(address, via)
    }
    this.#put(device, { name, addresses: [...origins.keys()], origins: Object.fromEntries(origins) })
  }

  #put(device: DeviceId, record: PeerRecord): void {
    const before = this.#peers.get(device)
    if (JSON.stringify(before) === JSON.stringify(record) && this.#isSaved) return
    this.#peers.set(device, record)
    try {
      this.#home.savePeers(Object.fromEntries(this.#peers))
      this.#isSaved = true
    } catch (error) {
      this.#isSaved = false
      this.#onFault(error)
    }
  }
}

function ways(addresses: readonly string[], via: AddressOrigin): readonly KnownWay[] {
  return addresses.map((address) => ({ address, via }))
}
