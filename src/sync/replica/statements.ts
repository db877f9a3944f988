import { HarpError } from '../../base/errors.ts'
import type { DeviceKeys } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import {
  encodeSignedStatement,
  decodeSignedStatement,
  frontierHash,
  signStatement,
  statementHash,
} from '../format/statement-codec.ts'
import { limits } from '../format/limits.ts'
import type { AuthorityStatement, ChainHead, SignedStatement, Statement } from '../format/statement.ts'
import { compareIds, noHash, type EpochId } from '../ids.ts'
import { tickHlc, compareHlc } from '../log/hlc.ts'
import type { Log } from '../log/log.ts'
import type { LogStore } from '../store/log-store.ts'
import type { Described, FinalOrder, RootsAt } from './final-order.ts'

export interface StatementParts {
  readonly suite: CryptoSuite
  readonly keys: DeviceKeys
  readonly log: Log
  readonly store: LogStore
  readonly rootsAt: RootsAt
  /** Epochs of operations that cannot be read here, sorted. */
  readonly closedEpochs: () => readonly EpochId[]
  readonly leaveOut: (epochs: readonly EpochId[]) => void
  /** Epochs that the authority could not read when it published last. */
  readonly unread: () => readonly EpochId[]
}

const lastOwnStatement = 'own-statement'
const restored = 'restored-statements'

/** This device may have signed more statements than its store knows. To be committed. */
export function markRestored(store: LogStore): void {
  store.setFact(restored, Uint8Array.of(1))
}

/** It knows now where its statements go on. To be committed. */
export function clearRestored(store: LogStore): void {
  store.setFact(restored, new Uint8Array())
}

export function mayLackStatements(store: LogStore): boolean {
  return (store.fact(restored)?.length ?? 0) > 0
}

/**
 * The authority's next statement, over everything in the log, or as much as one statement has room to list; undefined
 * if nothing is new. What it cannot read does nothing from then on for everybody: a writer who seals for nobody must
 * not be able to stop the final order, and nor must one who founds chain after chain.
 */
export function nextAuthorityStatement(
  parts: StatementParts,
  final: FinalOrder,
  now: number,
): AuthorityStatement | undefined {
  const after = final.last?.signed.statement
  const unread = parts.closedEpochs()
  if (after?.size === parts.log.size && unread.join() === final.unread.join()) return undefined
  const place = { index: final.count, previous: final.lastHash, after, now }
  const allHeads = final.changedHeads(parts.log.frontier())
  const changedHeads = wholeChains(allHeads, limits.frontier)
  if (changedHeads.length < allHeads.length) {
    if (changedHeads.length === 0 && unread.join() === final.unread.join()) return undefined
    const part = describe(parts, place, { ...final.draft(changedHeads, unread), unread })
    return { signed: signStatement(parts.suite, parts.keys, part), changedHeads }
  }
  parts.leaveOut(unread)
  try {
    const statement = describe(parts, place, { ...whole(parts), unread })
    return { signed: signStatement(parts.suite, parts.keys, statement), changedHeads }
  } catch (error) {
    parts.leaveOut(final.unread)
    throw error
  }
}

/**
 * As many as there is room for, chain by chain: a statement lists all heads of a chain or none. A chain with more heads
 * than that has been forked beyond all reason, and becomes final no further.
 */
export function wholeChains(heads: readonly ChainHead[], most: number): readonly ChainHead[] {
  if (heads.length <= most) return heads
  const found: ChainHead[] = []
  for (let from = 0, to = 1; from < heads.length; from = to++) {
    while (to < heads.length && isSameChain(heads[from], heads[to])) to++
    const isTooMuch = found.length + to - from > most
    for (let at = from; at < to && !isTooMuch; at++) found.push(heads[at] as ChainHead)
  }
  return found
}

function isSameChain(left: ChainHead | undefined, right: ChainHead | undefined): boolean {
  return left?.deviceId === right?.deviceId && left?.incarnation === right?.incarnation
}

function whole({ suite, log, rootsAt }: StatementParts): Described {
  const { logRoot, mapRoot } = rootsAt(log.size)
  return { size: log.size, logRoot, mapRoot, frontierHash: frontierHash(suite, log.frontier()) }
}

/**
 * What this device says of its log as it is now; the statement before, if nothing has changed since. The chain of a
 * device's own statements goes on after a restart: the last one is kept in the store. In a store that may be older it is
 * not the last one, and what was signed since cannot be continued: the clock in milliseconds is an index above all.
 */
export function ownStatement(parts: StatementParts, now: number): SignedStatement {
  const { suite, keys, store } = parts
  const kept = store.fact(lastOwnStatement)
  const last = kept === undefined ? undefined : decodeSignedStatement(kept)
  const isGap = mayLackStatements(store)
  const index = last === undefined ? 0 : last.statement.index + 1
  const none = isGap ? statementHash(suite, new Uint8Array()) : noHash
  const previous = last === undefined ? none : statementHash(suite, last.bytes)
  const place = { index, previous, after: last?.statement, now }
  const unread = [...new Set([...parts.unread(), ...parts.closedEpochs()])].sort(compareIds)
  const next = describe(parts, place, { ...whole(parts), unread })
  if (!isGap && last !== undefined && saysTheSame(last.statement, next)) return last
  const statement = isGap ? { ...next, index: Math.max(index + 1, next.hlc.ms) } : next
  const signed = signStatement(suite, keys, statement)
  store.setFact(lastOwnStatement, encodeSignedStatement(signed))
  if (isGap) clearRestored(store)
  store.commit()
  return signed
}

interface PlaceInChain {
  readonly index: number
  readonly previous: string
  readonly after: Statement | undefined
  readonly now: number
}

function describe(
  { keys, log }: StatementParts,
  place: PlaceInChain,
  said: Described & { readonly unread: readonly EpochId[] },
): Statement {
  const { folderId, latestHlc } = log
  const { size, logRoot, mapRoot, unread } = said
  if (folderId === undefined || mapRoot === undefined) {
    throw new HarpError(
      'SYNC_NO_KEY',
      'a statement tells of the tree, and this device has no key of the folder',
      {
        fix: 'wait until the log is complete, or sign on a device whose role is read, write or admin',
      },
    )
  }
  if (unread.length > limits.unreadEpochs) {
    throw new HarpError('SYNC_TOO_MANY_EPOCHS', `no key of ${unread.length} epochs is known here`, {
      fix: 'revoke the device that founded them; if nobody has the keys, found the folder anew',
    })
  }
  const earlier = [latestHlc, place.after?.hlc]
    .filter((hlc) => hlc !== undefined)
    .sort(compareHlc)
    .at(-1)
  return {
    folderId,
    issuer: keys.deviceId,
    index: place.index,
    size,
    logRoot,
    mapRoot,
    frontierHash: said.frontierHash,
    hlc: tickHlc(place.now, earlier),
    previous: place.previous,
    ...(unread.length > 0 && { unread }),
  }
}

function saysTheSame(last: Statement, next: Statement): boolean {
  return (
    last.logRoot === next.logRoot && last.mapRoot === next.mapRoot && last.frontierHash === next.frontierHash
  )
}
