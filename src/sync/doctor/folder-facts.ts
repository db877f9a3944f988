import { deviceIdOf } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import type { Folder } from '../folder/folder.ts'
import type { DeviceId } from '../ids.ts'
import type { FolderProblem } from '../plan/wanted.ts'

/** What `harp doctor sync` looks at of a folder. */
export interface FolderFacts {
  readonly name: string
  readonly root: string
  readonly isPaused: boolean
  readonly isBlocked: boolean
  readonly needBytes: number
  readonly directories: number
  /** Chunks and files that are not what they were. */
  readonly damaged: number
  readonly problems: readonly FolderProblem[]
  /** This device has no role any more. */
  readonly isRevoked: boolean
  /** Devices that signed two histories. */
  readonly forked: readonly string[]
  /** This one is among them. */
  readonly isForked: boolean
  /** Entries that are held back for clocks that are ahead. */
  readonly held: number
  /** Entries that wait for others which have not come. */
  readonly waiting: number
  readonly authority: AuthorityFacts | undefined
}

export interface AuthorityFacts {
  readonly name: string
  readonly isSelf: boolean
  readonly isConnected: boolean
  /** Of its last statement, by its clock. */
  readonly statedAt: number | undefined
  /** Entries that no statement covers. */
  readonly open: number
}

export function folderFacts(
  folder: Folder,
  suite: CryptoSuite,
  nameOf: (device: DeviceId) => string,
): FolderFacts {
  const { replica } = folder
  const { log, deviceId } = replica
  const heads = log.heads()
  const granted = log.membership.members(heads).filter(({ deviceId: device, role }) => {
    return log.membership.grantedOf(device, heads) !== role
  })
  const forked = granted.map((member) => member.deviceId)
  return {
    name: folder.name,
    root: folder.root,
    isPaused: folder.isPaused,
    isBlocked: folder.state === 'blocked',
    needBytes: folder.need().bytes,
    directories: folder.content?.watched ?? 0,
    damaged: folder.content?.upkeep.damagedNow ?? 0,
    problems: folder.problems,
    isRevoked: folder.problems.some(({ code }) => code === 'FOLDER_REVOKED'),
    forked: forked.filter((device) => device !== deviceId).map(nameOf),
    isForked: forked.includes(deviceId),
    held: log.held.entries,
    waiting: log.pending.entries,
    authority: authorityOf(folder, suite, nameOf),
  }
}

function authorityOf(
  { replica, peers }: Folder,
  suite: CryptoSuite,
  nameOf: (device: DeviceId) => string,
): AuthorityFacts | undefined {
  const record = replica.log.genesis?.authority
  if (record === undefined) return undefined
  const device = deviceIdOf(suite, record.signingKey)
  return {
    name: nameOf(device),
    isSelf: device === replica.deviceId,
    isConnected: peers.linkOf(device) !== undefined,
    statedAt: replica.statements.last?.signed.statement.hlc.ms,
    open: replica.order.length - replica.finalLength,
  }
}
