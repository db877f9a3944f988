/** The entrance of the sync zone: what the command line needs, and nothing else. */
import type { SyncSettings } from './config/settings.ts'
import type { CheckInfo } from './device/daemon-api.ts'
import type { StartDaemon } from './device/daemon-start.ts'
import type { DeviceHome } from './device/home.ts'

export { createDeviceKeys, deviceIdOf, type DeviceKeys } from './crypto/identity.ts'
export { nodeSuite } from './crypto/node-suite.ts'
export { ExchangeSession } from './exchange/exchange-session.ts'
export { deviceText, parseDeviceText } from './format/device-text.ts'
export type { Operation } from './format/operation.ts'
export { rootNode, toHex, type DeviceId, type NodeId } from './ids.ts'
export type { LogEntry } from './log/log-entry.ts'
export { decodeHistoryProof, encodeHistoryProof, type HistoryProof } from './proof/history-proof.ts'
export {
  verifyHistory,
  type ProofRefusal,
  type ProvedHistory,
  type VerifiedHistory,
} from './proof/verify-history.ts'
export { Replica } from './replica/replica.ts'
export { SqliteStore } from './store/sqlite-store.ts'
export { makeDirectory, move, putFile, trash, type Planned } from './tree/intents.ts'
export type { Shown, ShownFile } from './tree/shown.ts'
export type { TreeView } from './tree/tree-view.ts'

export { parseSize, parseTime } from './config/amounts.ts'
export { readSyncEnvironment, type SyncEnvironment } from './config/env.ts'
export { parseName, readSettings, type SettingFlags, type SyncSettings } from './config/settings.ts'
export { ControlClient } from './device/control-client.ts'
export { ControlServer } from './device/control-server.ts'
export type {
  AuditInfo,
  CheckInfo,
  DaemonApi,
  DeletedInfo,
  DeviceStatus,
  FolderInfo,
  FolderStatus,
  InviteInfo,
  MemberInfo,
  PeerInfo,
  ProofInfo,
  RestoreInfo,
  StatusError,
  VersionInfo,
} from './device/daemon-api.ts'
export type { DaemonOptions, RunningDaemon, StartDaemon } from './device/daemon-start.ts'
export { deviceErrors, type DeviceErrorCode } from './device/device-errors.ts'
export { writeDurably } from './device/durable-file.ts'
export { homePath, openHome, type DeviceHome, type NamedDevice } from './device/home.ts'
export { openBackup, sealBackup, shortestPassphrase, type BackedUpKeys } from './device/key-backup.ts'
export { findDevice, findFolder, type KnownDevice } from './device/name-lookup.ts'
export { deviceKeysOf } from './crypto/identity.ts'
export { decodeStatement } from './format/statement-codec.ts'
export { fromHex } from './ids.ts'

/** `harp doctor sync` without a daemon; loaded when it is called. */
export const examineOffline = async (
  home: DeviceHome,
  settings: SyncSettings,
): Promise<readonly CheckInfo[]> => {
  const doctor = await import('./doctor/doctor.ts')
  return doctor.examineOffline(home, settings, Date.now())
}

/** Loaded when it is called: commands that only ask a daemon need nothing of it. */
export const startDaemon: StartDaemon = async (options) => {
  const daemon = await import('./device/daemon.ts')
  return daemon.startDaemon(options)
}
