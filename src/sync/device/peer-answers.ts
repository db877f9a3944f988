import type { Clock } from '../../base/clock.ts'
import type { Network } from '../../net/address.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { Folder } from '../folder/folder.ts'
import { deviceText } from '../format/device-text.ts'
import type { Role } from '../format/membership.ts'
import type { DeviceId } from '../ids.ts'
import type { Link } from '../link/link.ts'
import { isOwnNetwork, ownNetworks, pathOver } from '../link/own-networks.ts'
import type { MemberPresence } from '../presence/presence.ts'
import type { PeerInfo } from './daemon-api.ts'
import type { DeviceNames } from './folder-answers.ts'
import { peerHint } from './peer-hint.ts'
import type { PeerHistory } from './peer-history.ts'
import type { PeerWay } from './peer-ways.ts'

export interface PeerAnswersParts {
  readonly suite: CryptoSuite
  readonly clock: Clock
  readonly names: DeviceNames
  readonly history: PeerHistory
  readonly folders: () => readonly Folder[]
  readonly linkOf: (device: DeviceId) => Link | undefined
  readonly waysOf: (device: DeviceId) => readonly PeerWay[]
  /** Why nothing is found on the local networks. */
  readonly noDiscovery: () => string | undefined
}

interface Shared {
  readonly folder: Folder
  readonly role: Role
}

/** A folder that is not exchanged for so long after the link began is worth a word. */
const silentMs = 10_000

/** All devices that share a folder with this one, and how they are reached. */
export class PeerAnswers {
  readonly #parts: PeerAnswersParts

  constructor(parts: PeerAnswersParts) {
    this.#parts = parts
  }

  all(): readonly PeerInfo[] {
    const shared = new Map<DeviceId, Shared[]>()
    for (const folder of this.#parts.folders()) {
      for (const [device, role] of rolesOf(folder)) {
        const list = shared.get(device)
        if (list === undefined) shared.set(device, [{ folder, role }])
        else list.push({ folder, role })
      }
    }
    const networks = ownNetworks()
    return [...shared].map(([device, folders]) => this.#peer(device, folders, networks))
  }

  #peer(device: DeviceId, shared: readonly Shared[], networks: readonly Network[]): PeerInfo {
    const { suite, names, history, linkOf, waysOf, noDiscovery } = this.#parts
    const heard = lastHeard(
      shared.map(({ folder }) => folder),
      device,
    )
    const link = linkOf(device)
    const past = history.of(device)
    const ways = waysOf(device)
    const path = link === undefined ? null : pathOver(link.address, networks)
    const address = link?.address ?? null
    const roundTripMs = link?.roundTripMs === undefined ? null : Number(link.roundTripMs.toFixed(3))
    const since = link === undefined ? (past?.endedAt ?? heard?.heardAt) : past?.since
    return {
      id: deviceText(suite, device),
      name: names.nameOf(device) ?? '',
      connected: link !== undefined,
      address,
      path,
      dialled: link?.isDialled ?? null,
      roundTripMs,
      since: since === undefined ? null : new Date(since).toISOString(),
      bytesIn: (past?.bytesIn ?? 0) + (link?.bytesIn ?? 0),
      bytesOut: (past?.bytesOut ?? 0) + (link?.bytesOut ?? 0),
      addresses: ways.map((way) => ({
        address: way.address,
        via: way.via,
        problem: withoutAddress(way),
      })),
      folders: shared.map(({ folder, role }) => ({ id: folder.id, name: folder.name, role })),
      hint: peerHint({
        path,
        address,
        roundTripMs,
        ways,
        lanAddresses: ways.map((way) => way.address).filter((each) => isOwnNetwork(each, networks)),
        lastReason: past?.reason,
        silentFolders: link === undefined ? [] : this.#silent(device, shared),
        lostFolders: shared.every(({ folder }) => folder.isOut)
          ? shared.map(({ folder }) => folder.name)
          : [],
        clockAheadMs: heard?.clockAheadMs,
        noDiscovery: noDiscovery(),
      }),
    }
  }

  #silent(device: DeviceId, shared: readonly Shared[]): readonly string[] {
    const { history, clock } = this.#parts
    const since = history.of(device)?.since
    if (since === undefined || clock.wall() - since < silentMs) return []
    return shared
      .filter(({ folder }) => !folder.isPaused && !folder.hasFault && !folder.isOut)
      .filter(({ folder }) => folder.peers.linkOf(device) === undefined)
      .map(({ folder }) => folder.name)
  }
}

/** What it said last in one of the folders, and when. */
export function lastHeard(folders: readonly Folder[], device: DeviceId): MemberPresence | undefined {
  const said = folders.flatMap(({ presence }) => presence.members.get(device) ?? [])
  return said.toSorted((left, right) => right.heardAt - left.heardAt)[0]
}

/** It stands beside it. */
function withoutAddress({ address, problem }: PeerWay): string | null {
  return problem?.message.replace(`${address}: `, '') ?? null
}

/** Other members with their roles. Whom this device was invited by is an admin: until the log says so, too. */
function rolesOf(folder: Folder): readonly (readonly [DeviceId, Role])[] {
  const { log } = folder.replica
  const roles = new Map(log.membership.members(log.heads()).map(({ deviceId, role }) => [deviceId, role]))
  return folder.peers.members().map((device) => [device, roles.get(device) ?? 'admin'])
}
