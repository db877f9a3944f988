import type { DeviceId } from '../ids.ts'
import type { Acceptance } from '../log/acceptance.ts'
import { FolderPresence, type FolderPresenceParts } from '../presence/folder-presence.ts'
import type { Replica } from '../replica/replica.ts'
import type { LogStore } from '../store/log-store.ts'
import { ChunkFetcher } from '../transfer/chunk-fetcher.ts'
import { ChunkServer, type ServedStore } from '../transfer/chunk-server.ts'
import type { FolderOptions } from './folder-options.ts'
import { FolderPeers } from './folder-peers.ts'
import type { OwnMembership } from './own-membership.ts'

export interface NetworkParts {
  readonly replica: Replica
  readonly store: LogStore
  readonly own: OwnMembership
  /** What others may have. */
  readonly served: ServedStore
  /** On this device, or on its way to its place. */
  readonly has: (id: Uint8Array) => boolean
  /** In its store. */
  readonly keeps: (id: Uint8Array) => boolean
  readonly ownPresence: FolderPresenceParts['own']
  readonly isRecovering: () => boolean
  readonly onGrown: (acceptance: Acceptance | undefined) => void
  /** A device that may have what was not to be had. */
  readonly onSource: () => void
  /** Runs something that may meet a store that fails. */
  readonly guard: (act: () => void) => void
}

export interface FolderNetwork {
  readonly fetcher: ChunkFetcher
  readonly presence: FolderPresence
  readonly peers: FolderPeers
}

const presenceFact = 'presence'

/** What a folder has to do with other devices: whom it talks to, what it asks them for, what it gives. */
export function folderNetwork(options: FolderOptions, parts: NetworkParts): FolderNetwork {
  const { suite, clock, log, pool, upload, download, keys } = options
  const { replica, store, own, has, guard } = parts
  const onStrike = (peer: DeviceId, detail: string): void => peers.struck(peer, detail)
  const fetcher = new ChunkFetcher({
    self: keys.deviceId,
    has,
    clock,
    rate: download,
    hash: (bytes: Uint8Array) => suite.hash(bytes),
    onStrike,
    onPeerGone: (peer: DeviceId, reason: string) => peers.sourceGone(peer, reason),
  })
  const presence = new FolderPresence({
    clock,
    sharing: fetcher.sharing,
    keeps: parts.keeps,
    own: parts.ownPresence,
    roleOf: (device) => replica.log.membership.roleOf(device, replica.log.heads()),
    read: () => store.fact(presenceFact),
    write: (notes) =>
      guard(() => {
        store.setFact(presenceFact, notes)
        replica.commit()
      }),
    onAddresses: (device, addresses) => options.learned?.(device, addresses),
    onStrike,
  })
  const peers: FolderPeers = new FolderPeers({
    folderId: replica.folderId,
    replica,
    suite,
    clock,
    log,
    fetcher,
    server: new ChunkServer({ store: parts.served, pool, rate: upload, log, onStrike }),
    presence,
    trusted: () => own.trusted,
    knew: () => (parts.isRecovering() && replica.role === undefined ? (options.knownDevices?.() ?? []) : []),
    isBlank: () => own.isBlank,
    isOut: () => own.exclusion !== undefined,
    nameOf: (device) => options.nameOf?.(device),
    onGrown: parts.onGrown,
    onSource: parts.onSource,
    guard,
  })
  return { fetcher, presence, peers }
}
