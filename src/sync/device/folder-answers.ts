import { errorCode, errorMessage, HarpError } from '../../base/errors.ts'
import type { Network } from '../../net/address.ts'
import { deviceText } from '../format/device-text.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { Folder } from '../folder/folder.ts'
import { historyOf } from '../folder/file-history.ts'
import type { DeviceId } from '../ids.ts'
import { pathOver } from '../link/own-networks.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { Hidden } from '../tree/trash-list.ts'
import type { DeletedInfo, FolderInfo, FolderStatus, PeerStatus, VersionInfo } from './daemon-api.ts'
import type { FailedFolder } from './folder-registry.ts'

/** Names of devices as this one knows them. */
export interface DeviceNames {
  nameOf(device: DeviceId): string | undefined
}

/** From folders as they are to what commands show of them. */
export class FolderAnswers {
  readonly #suite: CryptoSuite
  readonly #names: DeviceNames

  constructor(suite: CryptoSuite, names: DeviceNames) {
    this.#suite = suite
    this.#names = names
  }

  info(folder: Folder): FolderInfo {
    const { id, name, root, role, state } = folder
    return { id, name, path: root, role: role ?? null, state }
  }

  /** A folder that could not be opened. */
  failed({ record, error }: FailedFolder): FolderStatus {
    const code = errorCode(error)
    const fix = (error instanceof HarpError ? error.fix : undefined) ?? 'see the log of harp up'
    const { id, name, path } = record
    const info = { id, name, path, role: null, state: 'blocked' as const, activity: errorMessage(error) }
    const nothing = {
      files: 0,
      bytes: 0,
      needFiles: 0,
      needBytes: 0,
      rate: 0,
      etaSeconds: null,
      peers: [],
      cache: null,
    }
    return { ...info, ...nothing, errors: [{ code, path: '', message: errorMessage(error), fix }] }
  }

  status(folder: Folder, networks: readonly Network[]): FolderStatus {
    const { files, bytes } = folder.items.totals()
    const need = folder.need()
    const rate = Math.round(folder.fetcher.stats().bytesPerSecond)
    const eta = need.bytes > 0 && rate > 0 ? Math.ceil(need.bytes / rate) : null
    return {
      ...this.info(folder),
      files,
      bytes,
      needFiles: need.files,
      needBytes: need.bytes,
      rate,
      etaSeconds: need.files === 0 && need.bytes === 0 ? 0 : eta,
      activity: folder.activity,
      errors: folder.problems,
      peers: folder.peers.members().map((device) => this.#peer(folder, device, networks)),
      cache: folder.cache?.status ?? null,
    }
  }

  versions(folder: Folder, path: readonly string[]): readonly VersionInfo[] | undefined {
    const history = historyOf(folder.replica, path)
    return history?.versions.map((version) => ({
      version: version.version,
      device: this.deviceText(version.device),
      deviceName: this.nameOf(version.device),
      time: new Date(version.timeMs).toISOString(),
      size: version.size,
      concurrent: version.concurrent,
      current: version.current,
      final: version.final,
      deleted: history.isDeleted,
    }))
  }

  deleted(folder: Folder): readonly DeletedInfo[] {
    const { replica } = folder
    return replica.view.trashed().map((hidden) => this.#deleted(folder, hidden))
  }

  deviceText(device: DeviceId): string {
    return deviceText(this.#suite, device)
  }

  nameOf(device: DeviceId): string {
    return this.#names.nameOf(device) ?? this.deviceText(device).slice(0, 7)
  }

  #deleted(folder: Folder, { path, kind, trashes, node }: Hidden<LogEntry>): DeletedInfo {
    const trash = trashes[0]
    const last = kind === 'content' ? folder.replica.tree.contentState(node)?.versions.at(-1) : undefined
    const device = trash?.deviceId ?? folder.replica.deviceId
    const type = last?.operation.type
    return {
      path: path.join('/'),
      kind: type === undefined ? 'directory' : type === 'put' ? 'file' : 'symlink',
      device: this.deviceText(device),
      deviceName: this.nameOf(device),
      time: new Date(trash?.hlc.ms ?? 0).toISOString(),
      version: last?.entry.hash ?? null,
      size: last?.operation.type === 'put' ? last.operation.content.size : 0,
    }
  }

  #peer(folder: Folder, device: DeviceId, networks: readonly Network[]): PeerStatus {
    const link = folder.peers.linkOf(device)
    return {
      id: this.deviceText(device),
      name: this.nameOf(device),
      connected: link !== undefined,
      address: link?.address ?? null,
      path: link === undefined ? null : pathOver(link.address, networks),
    }
  }
}
