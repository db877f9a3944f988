import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { HarpError } from '../../base/errors.ts'
import { parseName } from '../config/settings.ts'
import { deviceIdOf } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { DiscoveryReport } from '../discovery/sighting.ts'
import type { Folder } from '../folder/folder.ts'
import { toHex } from '../ids.ts'
import { ownNetworks } from '../link/own-networks.ts'
import type {
  AuditInfo,
  CheckInfo,
  DaemonApi,
  DeletedInfo,
  DeviceStatus,
  FolderInfo,
  FolderKeysInfo,
  InviteInfo,
  MemberInfo,
  PeerInfo,
  ProofInfo,
  RestoreInfo,
  RevokeInfo,
  TrustInfo,
  VersionInfo,
} from './daemon-api.ts'
import { auditOf, restoringOf } from '../folder/content-requests.ts'
import { historyOf } from '../folder/file-history.ts'
import { discoveryStatus } from './discovery-status.ts'
import { requireQuota, requireSameKind, usualQuota } from '../cache/cache-quota.ts'
import { FolderAnswers } from './folder-answers.ts'
import type { FolderRegistry } from './folder-registry.ts'
import type { Introductions } from './introductions.ts'
import { MeantFolder } from './meant-folder.ts'
import type { MemberAnswers } from './member-answers.ts'
import { findDevice } from './name-lookup.ts'
import type { PeerAnswers } from './peer-answers.ts'
import type { PeerBook } from './peer-book.ts'

export interface OperationParts {
  readonly suite: CryptoSuite
  readonly clock: Clock
  readonly registry: FolderRegistry
  readonly peers: PeerBook
  readonly introductions: Introductions
  readonly members: MemberAnswers
  readonly peerAnswers: PeerAnswers
  readonly doctor: () => Promise<readonly CheckInfo[]>
  readonly device: { readonly id: string; readonly name: string }
  readonly listening: () => readonly string[]
  readonly discovery: () => DiscoveryReport
  /** A folder came, went, paused or goes on: links and their streams follow. */
  readonly foldersChanged: () => void
}

/** What commands ask of the daemon. */
export class DaemonOperations implements DaemonApi {
  readonly #parts: OperationParts
  readonly #answers: FolderAnswers
  readonly #meant: MeantFolder

  constructor(parts: OperationParts) {
    this.#parts = parts
    this.#answers = new FolderAnswers(parts.suite, parts.peers)
    this.#meant = new MeantFolder(parts.registry, this.#answers)
  }

  status(): DeviceStatus {
    const { device, listening, discovery, registry } = this.#parts
    const networks = ownNetworks()
    const open = registry.all.map((folder) => this.#answers.status(folder, networks))
    const folders = [...open, ...registry.failed.map((failed) => this.#answers.failed(failed))]
    return { device, listening: listening(), discovery: discoveryStatus(discovery()), folders }
  }

  async addFolder(request: Parameters<DaemonApi['addFolder']>[0]): Promise<FolderInfo> {
    const { registry } = this.#parts
    const { path, name, authority } = request
    if (authority !== undefined && authority !== 'self') this.#requireSelf(authority)
    const mode = authority === undefined ? 'peer' : 'server_authoritative'
    return this.#started(await registry.add(path, name, mode))
  }

  folders(): readonly FolderInfo[] {
    return this.status().folders.map(({ id, name, path, role, state }) => ({ id, name, path, role, state }))
  }

  async pause(request: { folder: string }): Promise<FolderInfo> {
    const folder = this.#meant.open(request.folder)
    await folder.pause()
    this.#parts.registry.save()
    return this.#answers.info(folder)
  }

  async resume(request: { folder: string; acceptDeletions?: boolean | undefined }): Promise<FolderInfo> {
    const folder = await this.#meant.revived(request.folder)
    folder.resume(request.acceptDeletions === true)
    this.#parts.registry.save()
    this.#parts.foldersChanged()
    return this.#answers.info(folder)
  }

  async remove(request: { folder: string }): Promise<FolderInfo> {
    const { registry, introductions, foldersChanged } = this.#parts
    const info = this.#meant.info(request.folder)
    await registry.remove(info.id)
    introductions.forget(info.id)
    foldersChanged()
    return info
  }

  setQuota(request: { folder: string; quota: number }): FolderInfo {
    const folder = this.#meant.open(request.folder)
    folder.setQuota(request.quota)
    this.#parts.registry.save()
    return this.#answers.info(folder)
  }

  async invite(request: Parameters<DaemonApi['invite']>[0]): Promise<InviteInfo> {
    const { introductions } = this.#parts
    return introductions.invite(this.#meant.open(request.folder), request.role, request.expiresMs)
  }

  async join(request: Parameters<DaemonApi['join']>[0]): Promise<FolderInfo> {
    const { introductions, registry } = this.#parts
    const folder = await introductions.join(request.code, ({ folderId, folderName, role }) => {
      const isCache = role === 'cache'
      requireQuota(request.quota, isCache)
      const known = registry.forRejoining(folderId, request.path)
      if (known !== undefined) {
        requireSameKind(known, isCache)
        return { path: known.root, name: known.name }
      }
      const name = parseName(folderName.replaceAll(/[/\\]/g, '-')) ?? 'folder'
      const usual = isCache ? registry.cachePlace(folderId) : join(homedir(), name)
      const path = request.path ?? usual
      registry.requireJoinable(folderId, path)
      const quota = isCache ? (request.quota ?? usualQuota(registry.free(path))) : undefined
      return { path, name, quota }
    })
    return this.#started(folder)
  }

  members(request: { folder: string }): readonly MemberInfo[] {
    return this.#parts.members.list(this.#meant.open(request.folder))
  }

  async revoke(request: { folder: string; device: string }): Promise<RevokeInfo> {
    return this.#parts.members.revoke(this.#meant.open(request.folder), request.device)
  }

  peers(): readonly PeerInfo[] {
    return this.#parts.peerAnswers.all()
  }

  async doctor(): Promise<readonly CheckInfo[]> {
    return this.#parts.doctor()
  }

  async log(request: { path: string }): Promise<readonly VersionInfo[]> {
    const { folder, names } = this.#meant.around(request.path)
    const versions = this.#answers.versions(folder, names)
    if (versions !== undefined) return versions
    throw new HarpError('SYNC_NO_HISTORY', `nothing is known of ${request.path}`, {
      fix: 'a directory has no versions; see harp deleted for what was there',
    })
  }

  async restore(request: Parameters<DaemonApi['restore']>[0]): Promise<RestoreInfo> {
    const { path, version, to } = request
    const { folder, names } = this.#meant.around(path)
    const restoring = restoringOf(folder)
    if (to !== undefined) {
      const { size, version: hash } = await restoring.toFile(names, version, to)
      return { path: to, version: hash, size }
    }
    this.#requireWriter(folder)
    await folder.content?.scanNow('everything')
    const restored = await restoring.inPlace(names, version)
    return { path, version: restored.version, size: restored.size }
  }

  async deleted(request: { folder: string }): Promise<readonly DeletedInfo[]> {
    const folder = this.#meant.open(request.folder)
    folder.requireKeys()
    const deleted = [...this.#answers.deleted(folder)]
    return deleted.sort((left, right) => right.time.localeCompare(left.time))
  }

  async proof(request: { path: string; reveal?: boolean | undefined }): Promise<ProofInfo> {
    const { folder, names } = this.#meant.around(request.path)
    const history = historyOf(folder.replica, names)
    if (history === undefined) {
      throw new HarpError('SYNC_NO_HISTORY', `nothing is known of ${request.path}`, { fix: 'name a file' })
    }
    const { replica } = folder
    const final = replica.statements.last
    const reveal = request.reveal === true ? ('all' as const) : ('none' as const)
    const proof = replica.proveHistory({ nodes: history.nodes, reveal }, this.#parts.clock.wall())
    const issuer = final?.signed.statement.issuer ?? replica.deviceId
    return {
      folder: folder.id,
      issuer: this.#answers.deviceText(issuer),
      proof: Buffer.from(proof).toString('base64'),
    }
  }

  async audit(request: Parameters<DaemonApi['audit']>[0]): Promise<readonly AuditInfo[]> {
    const { folder: text, repair } = request
    const folders = text === undefined ? this.#parts.registry.all : [this.#meant.open(text)]
    const audits: AuditInfo[] = []
    for (const folder of folders) {
      audits.push({ folder: folder.id, name: folder.name, ...(await auditOf(folder, repair === true)) })
    }
    return audits
  }

  async trust(request: { folder: string }): Promise<TrustInfo> {
    const folder = this.#meant.open(request.folder)
    const { replica } = folder
    const members = replica.log.membership.members(replica.log.heads())
    const authority = replica.log.genesis?.authority
    const authorityId =
      authority === undefined ? undefined : deviceIdOf(this.#parts.suite, authority.signingKey)
    return {
      folder: folder.id,
      name: folder.name,
      devices: members.map(({ deviceId }) => ({
        id: this.#answers.deviceText(deviceId),
        name: this.#answers.nameOf(deviceId),
      })),
      authority: authorityId === undefined ? null : this.#answers.deviceText(authorityId),
    }
  }

  async folderKeys(): Promise<readonly FolderKeysInfo[]> {
    return this.#parts.registry.all.map(({ id, name, replica }) => ({
      folder: id,
      name,
      keys: replica.epochKeys().map(({ epoch, key }) => ({ epoch, key: toHex(key) })),
    }))
  }

  #started(folder: Folder): FolderInfo {
    folder.start()
    this.#parts.foldersChanged()
    return this.#answers.info(folder)
  }

  #requireSelf(authority: string): void {
    const { suite, peers, device } = this.#parts
    const found = findDevice(suite, [...peers.all, { id: peers.ownId, name: device.name }], authority)
    if (found.id === peers.ownId) return
    throw new HarpError('SYNC_AUTHORITY', `${found.name} cannot be made the authority from here`, {
      fix: 'begin the folder on that device with --authority self, and invite this one',
    })
  }

  #requireWriter(folder: Folder): void {
    if (folder.role === 'write' || folder.role === 'admin') return
    throw new HarpError(
      'SYNC_NOT_ALLOWED',
      `the role of this device in the folder is ${folder.role ?? 'none'}`,
      {
        fix: 'use --to to get the content, or ask an admin for the role write',
      },
    )
  }
}
