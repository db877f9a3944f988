import { labels } from '../crypto/labels.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { fromHex } from '../ids.ts'
import type { FolderId } from '../ids.ts'
import type { ContentKeys } from './content.ts'

/**
 * From the folder's first epoch key, and for good: equal data meets whenever it was written, and nothing is sealed anew
 * after a rekey. The price: a member that was revoked may check a guess, whether a chunk that it sees is a content which
 * it has at hand. It reads nothing by that: chunk keys come from the plaintext, and stand in bodies that are sealed with
 * keys of later epochs.
 */
export function contentKeysOf(
  suite: CryptoSuite,
  folderId: FolderId,
  firstEpochKey: Uint8Array,
): ContentKeys {
  const salt = fromHex(folderId)
  return {
    content: suite.derive(firstEpochKey, salt, labels.content),
    boundaries: suite.derive(firstEpochKey, salt, labels.boundaries),
  }
}
