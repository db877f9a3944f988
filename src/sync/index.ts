/** The entrance of the sync zone: what the command line needs, and nothing else. */
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
