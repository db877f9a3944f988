import { encodeCbor, sameBytes } from '../format/cbor.ts'
import { encodeAuthorityStatement } from '../format/statement-codec.ts'
import type { DeviceId } from '../ids.ts'
import { compareHlc } from '../log/hlc.ts'
import type { LogEntry } from '../log/log-entry.ts'
import type { ExchangeLog, ExchangeStatements } from './exchange-replica.ts'
import { shownRows, type WalkedView } from './make-snapshot.ts'
import type { Snapshot } from './snapshot.ts'
import { encodeRow } from './snapshot-codec.ts'

/** A replica with nothing in it yet, for folding once more what the issuer had: `Replica.open` on an empty store. */
export interface BlankReplica {
  receive(bytes: Uint8Array, source: string, now: number): unknown
  receiveStatement(bytes: Uint8Array, source: string, now: number): unknown
  digest(): { readonly frontier: string; readonly order: string; readonly mapRoot: string | undefined }
  readonly view: WalkedView
}

export interface SnapshotHistory {
  readonly log: ExchangeLog
  readonly statements: ExchangeStatements
}

export interface SnapshotVerdict {
  /** `incomplete`: what the issuer had is not all here, so nothing can be said yet. */
  readonly verdict: 'agrees' | 'differs' | 'incomplete'
  /** In what the issuer did not tell the truth. */
  readonly what: 'order' | 'map' | 'tree' | undefined
  readonly issuer: DeviceId
}

const source = 'snapshot'

/** Whether the history that has come since gives what the snapshot said: exactly the entries of its heads are folded. */
export function checkSnapshot(
  snapshot: Snapshot,
  { log, statements }: SnapshotHistory,
  blank: BlankReplica,
  now: number,
): SnapshotVerdict {
  const { statement } = snapshot.signed
  const { issuer } = statement
  const firsts = recordsOf(snapshot, log)
  if (firsts === undefined || statements.count < snapshot.statements.count) {
    return { verdict: 'incomplete', what: undefined, issuer }
  }
  for (const first of firsts) {
    for (const { bytes } of log.batchesFrom(first.branch, first.seq)) {
      blank.receive(bytes, source, now)
      break
    }
  }
  for (const one of statements.from(0).slice(0, snapshot.statements.count)) {
    blank.receiveStatement(encodeAuthorityStatement(one), source, now)
  }
  const { frontier, order, mapRoot } = blank.digest()
  if (frontier !== statement.frontierHash) return { verdict: 'incomplete', what: undefined, issuer }
  const what =
    order !== statement.logRoot
      ? 'order'
      : mapRoot !== statement.mapRoot
        ? 'map'
        : differenceOf(snapshot, blank.view)
  return { verdict: what === undefined ? 'agrees' : 'differs', what, issuer }
}

/** The first entries of all records up to the heads, causes first; undefined if a head is not here. */
function recordsOf({ heads }: Snapshot, log: ExchangeLog): LogEntry[] | undefined {
  const firsts: LogEntry[] = []
  for (const { hash } of heads) {
    const head = log.entry(hash)
    if (head === undefined) return undefined
    let record: number | undefined
    for (const entry of log.chainEntries(head.branch, 0)) {
      if (entry.seq > head.seq) break
      if (entry.branch !== head.branch || entry.record === record) continue
      record = entry.record
      firsts.push(entry)
    }
  }
  return firsts.sort((left, right) => compareHlc(left.hlc, right.hlc))
}

function differenceOf({ rows }: Snapshot, view: WalkedView): 'tree' | undefined {
  let index = 0
  for (const row of shownRows(view)) {
    const other = rows[index++]
    if (other === undefined || !sameBytes(encodeCbor(encodeRow(row)), encodeCbor(encodeRow(other)))) {
      return 'tree'
    }
  }
  return index === rows.length ? undefined : 'tree'
}
