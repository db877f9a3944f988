import { deviceIdOf } from '../crypto/identity.ts'
import type { CryptoSuite } from '../crypto/suite.ts'
import { hashLength, toHex } from '../ids.ts'
import type { EntryHash } from '../ids.ts'
import type { ByteReader } from './byte-reader.ts'
import type { EntryMeta, EntryRecord } from './entry.ts'
import { decodeMeta, entryHash } from './entry-codec.ts'
import { FormatError } from './format-error.ts'
import { limits } from './limits.ts'
import { decodeGenesis, decodeGrant, decodeRekey, decodeRevoke } from './membership-codec.ts'

/** Reads `[meta, body, chunks]` and checks it against the hashes in its meta. */
export function readEntryItem(suite: CryptoSuite, reader: ByteReader, prev: EntryHash): EntryRecord {
  if (reader.head(4) !== 3) throw new FormatError('shape', 'not an entry')
  const metaBytes = reader.bytes()
  const meta = decodeMeta(metaBytes)
  const body = reader.bytes(meta.bodyLength)
  if (toHex(suite.hash(body)) !== meta.bodyHash) throw new FormatError('hash', 'body')
  const chunkList = reader.bytesOrNull()
  requireChunkList(suite, meta, chunkList)
  requirePlainBody(suite, meta, body)
  return { hash: entryHash(suite, metaBytes, prev), prev, meta, metaBytes, body, chunkList }
}

/** Lists up to the limit travel with their entry, longer ones never do: an entry has one encoding. */
export function requireChunkList(
  suite: CryptoSuite,
  meta: EntryMeta,
  chunkList: Uint8Array | undefined,
): void {
  const count = meta.chunks?.count ?? 0
  if (chunkList === undefined) {
    if (count > 0 && count <= limits.inlineChunks) throw new FormatError('shape', 'the chunk list is missing')
    return
  }
  if (meta.chunks === undefined) throw new FormatError('shape', 'a chunk list that the meta does not name')
  if (count > limits.inlineChunks) throw new FormatError('limit', 'a chunk list too long to travel here')
  if (chunkList.length !== count * hashLength) throw new FormatError('length', 'chunk list')
  if (toHex(suite.hash(chunkList)) !== meta.chunks.hash) throw new FormatError('hash', 'chunk list')
}

/** The shape of a body that is not sealed. What it means where it stands is judged by the log. */
function requirePlainBody(suite: CryptoSuite, meta: EntryMeta, body: Uint8Array): void {
  switch (meta.kind) {
    case 'operation':
      return
    case 'genesis': {
      const genesis = decodeGenesis(body)
      if (genesis.suite !== suite.id) throw new FormatError('version', 'another crypto suite')
      if (deviceIdOf(suite, genesis.creator.signingKey) !== meta.deviceId) {
        throw new FormatError('key', 'genesis by another than its creator')
      }
      return
    }
    case 'grant':
      decodeGrant(body)
      return
    case 'revoke':
      decodeRevoke(body)
      return
    case 'rekey':
      decodeRekey(body)
  }
}
