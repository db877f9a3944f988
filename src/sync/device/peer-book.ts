import type { DeviceId } from '../ids.ts'
import type { Link } from '../link/link.ts'
import type { DeviceNames } from './folder-answers.ts'
import type { PeerRecord } from './home-records.ts'
import type { DeviceHome } from './home.ts'

const mostAddresses = 8

/** Names and addresses of other devices, as they said and as they were reached: kept in the home. */
export class PeerBook implements DeviceNames {
  readonly ownId: DeviceId
  readonly #home: DeviceHome
  readonly #ownName: string
  readonly #peers: Map<DeviceId, PeerRecord>
  readonly #onFault: (error: unknown) => void
  #isSaved = true

  /** `onFault`: the home takes no notes; what is known goes on as it is, and is written down later. */
  constructor(
    home: DeviceHome,
    own: { readonly deviceId: DeviceId; readonly name: string },
    onFault: (error: unknown) => void,
  ) {
    this.#home = home
    this.#onFault = onFault
    this.ownId = own.deviceId
    this.#ownName = own.name
    this.#peers = new Map(Object.entries(home.peers()))
  }

  get all(): readonly { readonly id: DeviceId; readonly name: string }[] {
    return [...this.#peers].map(([id, { name }]) => ({ id, name }))
  }

  nameOf(device: DeviceId): string | undefined {
    return device === this.ownId ? this.#ownName : this.#peers.get(device)?.name
  }

  addressesOf(device: DeviceId): readonly string[] {
    return this.#peers.get(device)?.addresses ?? []
  }

  /** What a join code says of its maker, before there was a link. */
  introduce(device: DeviceId, addresses: readonly string[]): void {
    const known = this.#peers.get(device)
    this.#put(device, { name: known?.name ?? '', addresses: merge(addresses, known?.addresses ?? []) })
  }

  /** As it called itself when it joined. */
  rename(device: DeviceId, name: string): void {
    this.#put(device, { name, addresses: this.addressesOf(device) })
  }

  /** How it was reached comes first, then where it says that it listens. */
  linked(link: Link): void {
    const reached = link.isDialled ? [link.address] : []
    const addresses = merge(reached, link.peerListens, this.#peers.get(link.peer)?.addresses ?? [])
    this.#put(link.peer, { name: link.peerName, addresses })
  }

  #put(device: DeviceId, record: PeerRecord): void {
    const before = this.#peers.get(device)
    const isKnown = before?.name === record.name && before.addresses.join() === record.addresses.join()
    if (isKnown && this.#isSaved) return
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

function merge(...lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat())].slice(0, mostAddresses)
}
