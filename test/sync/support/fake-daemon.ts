import { silentLogger } from '../../../src/base/logger.ts'
import type {
  CheckInfo,
  DaemonApi,
  DeviceStatus,
  FolderInfo,
  MemberInfo,
  PeerInfo,
} from '../../../src/sync/device/daemon-api.ts'
import { ControlServer } from '../../../src/sync/device/control-server.ts'

export const folderId = 'ab'.repeat(32)
export const entryHash = '9c'.repeat(32)
export const deviceId = 'AAAAAAA-BBBBBBB-CCCCCCC-DDDDDDD-EEEEEEE-FFFFFFF-GGGGGGG-HHHHHHH'
const time = '2026-01-31T09:05:00.000Z'

export const music: FolderInfo = {
  id: folderId,
  name: 'Music',
  path: '/home/ann/Music',
  role: 'admin',
  state: 'idle',
}

export const sampleStatus: DeviceStatus = {
  device: { id: deviceId, name: 'laptop' },
  listening: ['[::]:22783'],
  discovery: {
    enabled: true,
    interfaces: [{ name: 'eth0', address: '192.0.2.4', beacons: null, mdns: null }],
    errors: [],
  },
  folders: [
    {
      ...music,
      state: 'syncing',
      files: 1_204,
      bytes: 1_000,
      needFiles: 12,
      needBytes: 250,
      rate: 2_048,
      etaSeconds: 61,
      activity: 'fetching 12 files',
      errors: [
        { code: 'FILE_CHANGES', path: 'a/b.db', message: 'it changes while it is read', fix: 'close it' },
      ],
      peers: [
        { id: deviceId, name: 'desktop', connected: true, address: '192.0.2.7:22783', path: 'direct' },
        { id: deviceId, name: 'nas', connected: false, address: null, path: null },
      ],
      cache: null,
    },
  ],
}

export const sampleMember: MemberInfo = {
  id: deviceId,
  name: 'desktop',
  role: 'write',
  state: 'member',
  self: false,
  connected: true,
  grantedBy: deviceId,
  since: time,
  revokedBy: null,
  revokedAt: null,
  fencedEntries: 0,
  keep: 'all',
  lastSeen: time,
}

export const samplePeer: PeerInfo = {
  id: deviceId,
  name: 'desktop',
  connected: true,
  address: '192.0.2.7:22783',
  path: 'lan',
  dialled: true,
  roundTripMs: 0.4,
  since: time,
  bytesIn: 2_048,
  bytesOut: 1_048_576,
  addresses: [{ address: '192.0.2.7:22783', via: 'beacon', problem: null }],
  folders: [{ id: folderId, name: 'Music', role: 'write' }],
  hint: null,
}

/** Answers everything, and remembers what it was asked. */
export class FakeApi implements DaemonApi {
  readonly asked: (readonly [method: string, request: unknown])[] = []
  findings: { code: string; path: string; message: string; fix: string }[] = []
  trustInfo: Awaited<ReturnType<DaemonApi['trust']>> = {
    folder: folderId,
    name: 'Music',
    devices: [],
    authority: null,
  }
  proofText = ''
  memberInfos: readonly MemberInfo[] = [sampleMember]
  peerInfos: readonly PeerInfo[] = [samplePeer]
  checks: readonly CheckInfo[] = [{ name: 'clock', result: 'ok', message: 'no difference', fix: null }]
  fail: Error | undefined

  #answer<Value>(method: string, request: unknown, value: Value): Value {
    this.asked.push([method, request])
    if (this.fail !== undefined) throw this.fail
    return value
  }

  status() {
    return this.#answer('status', undefined, sampleStatus)
  }

  async addFolder(request: object) {
    return this.#answer('addFolder', request, music)
  }

  folders() {
    return this.#answer('folders', undefined, [music])
  }

  async pause(request: object) {
    return this.#answer('pause', request, { ...music, state: 'paused' as const })
  }

  async resume(request: object) {
    return this.#answer('resume', request, { ...music, state: 'scanning' as const })
  }

  async remove(request: object) {
    return this.#answer('remove', request, music)
  }

  setQuota(request: object) {
    return this.#answer('setQuota', request, { ...music, role: 'cache' as const })
  }

  async invite(request: object) {
    const invite = { code: 'harp-abc', folder: folderId, role: 'write' as const, expires: time }
    return this.#answer('invite', request, invite)
  }

  async join(request: object) {
    return this.#answer('join', request, { ...music, role: 'write' as const })
  }

  members(request: object) {
    return this.#answer('members', request, this.memberInfos)
  }

  async revoke(request: object) {
    const revoked = { folder: folderId, device: deviceId, name: 'desktop', told: 1, untold: 2, withdrawn: 0 }
    return this.#answer('revoke', request, revoked)
  }

  peers() {
    return this.#answer('peers', undefined, this.peerInfos)
  }

  async doctor() {
    return this.#answer('doctor', undefined, this.checks)
  }

  async log(request: object) {
    const one = {
      device: deviceId,
      deviceName: 'laptop\u001b[31m',
      time,
      size: 5_120,
      final: false,
      deleted: false,
    }
    return this.#answer('log', request, [
      { ...one, version: entryHash, concurrent: false, current: true },
      { ...one, version: 'ab'.repeat(32), concurrent: true, current: false },
    ])
  }

  async restore(request: { path: string; to?: string | undefined }) {
    return this.#answer('restore', request, { path: request.to ?? request.path, version: entryHash, size: 7 })
  }

  async deleted(request: object) {
    const by = { device: deviceId, deviceName: 'laptop', time }
    return this.#answer('deleted', request, [
      { ...by, path: 'a/b.txt', kind: 'file' as const, version: entryHash, size: 7 },
      { ...by, path: 'old', kind: 'directory' as const, version: null, size: 0 },
    ])
  }

  async proof(request: object) {
    return this.#answer('proof', request, { folder: folderId, issuer: deviceId, proof: this.proofText })
  }

  async audit(request: object) {
    const audit = { folder: folderId, name: 'Music', entries: 3, files: 2, chunks: 5, repaired: 0 }
    return this.#answer('audit', request, [{ ...audit, findings: this.findings }])
  }

  async trust(request: object) {
    return this.#answer('trust', request, this.trustInfo)
  }

  async folderKeys() {
    const keys = [{ epoch: 'cd'.repeat(16), key: 'ef'.repeat(32) }]
    return this.#answer('folderKeys', undefined, [{ folder: folderId, name: 'Music', keys }])
  }
}

/** A daemon of this home as far as commands can see; the caller stops it. */
export async function serveFake(socketPath: string, api: DaemonApi): Promise<ControlServer> {
  const server = new ControlServer({ path: socketPath, log: silentLogger })
  await server.start()
  server.serve(api)
  return server
}
