import type { CryptoSuite } from '../crypto/suite.ts'
import { chainStart } from './entry-codec.ts'
import type { EntryRecord, Hlc } from './entry.ts'
import { FormatError } from './format-error.ts'

/** Entries of a batch are consecutive in one chain, and only the first may have parents. */
export function requireChain(suite: CryptoSuite, entries: readonly EntryRecord[]): void {
  const first = entries[0]
  if (first === undefined) throw new FormatError('shape', 'no entries')
  const { folderId, deviceId, incarnation, seq } = first.meta
  if (seq === 0 && first.prev !== chainStart(suite, folderId, deviceId, incarnation)) {
    throw new FormatError('chain', 'does not begin at the start of its chain')
  }
  const folder = first.meta.kind === 'genesis' ? first.hash : folderId
  for (let index = 1; index < entries.length; index++) {
    const before = entries[index - 1] ?? first
    const entry = entries[index] ?? first
    const meta = entry.meta
    const follows =
      entry.prev === before.hash &&
      meta.seq === before.meta.seq + 1 &&
      meta.deviceId === deviceId &&
      meta.incarnation === incarnation &&
      meta.folderId === folder &&
      meta.parents.length === 0 &&
      compareHlc(before.meta.hlc, meta.hlc) < 0
    if (!follows) throw new FormatError('chain', `entry ${index} does not follow the one before`)
  }
}

export function compareHlc(left: Hlc, right: Hlc): number {
  return left.ms === right.ms ? left.counter - right.counter : left.ms - right.ms
}
