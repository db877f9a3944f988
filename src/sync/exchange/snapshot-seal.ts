import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { concatBytes, uint64Bytes } from '../format/cbor.ts'
import { fromHex } from '../ids.ts'
import type { FolderId } from '../ids.ts'

/** What the pages of one snapshot are sealed with; the nonce counts them. */
export interface PageSeal {
  readonly key: Uint8Array
  readonly folderId: FolderId
}

/** Bytes that sealing adds. */
export const sealBytes = 16

export function pageSeal(
  suite: CryptoSuite,
  epochKey: Uint8Array,
  { folderId, salt }: { readonly folderId: FolderId; readonly salt: Uint8Array },
): PageSeal {
  return { key: suite.derive(epochKey, salt, concatBytes(labels.snapshotKey, fromHex(folderId))), folderId }
}

export function sealPage(suite: CryptoSuite, seal: PageSeal, index: number, content: Uint8Array): Uint8Array {
  return suite.seal(seal.key, nonceOf(index), { associated: fromHex(seal.folderId), content })
}

export function openPage(
  suite: CryptoSuite,
  seal: PageSeal,
  index: number,
  content: Uint8Array,
): Uint8Array | undefined {
  if (content.length < sealBytes) return undefined
  return suite.open(seal.key, nonceOf(index), { associated: fromHex(seal.folderId), content })
}

function nonceOf(index: number): Uint8Array {
  return concatBytes(new Uint8Array(4), uint64Bytes(index))
}
