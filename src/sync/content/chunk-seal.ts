import { ownMemory } from '../../base/own-memory.ts'
import { labels } from '../crypto/labels.ts'
import { sameBytes } from '../format/cbor.ts'
import { nodeContentSuite as suite } from './content-suite.ts'
import { sealedOverhead } from './content.ts'
import type { ContentKeys } from './content.ts'

const chunkKeyContext = new TextDecoder().decode(labels.chunkKey)

export interface SealedChunk {
  readonly id: Uint8Array
  /** `k` of its row. */
  readonly key: Uint8Array
  readonly sealed: Uint8Array
}

/** `k`: the same for the same plaintext in one folder, and for nothing else. */
export function chunkKeyOf(keys: ContentKeys, plaintext: Uint8Array): Uint8Array {
  return suite.keyedHash(keys.content, plaintext)
}

/** What is stored and travels. The nonce is zero because a key is the key of one plaintext only. */
export function sealWith(key: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const sealed = ownMemory(plaintext.length + sealedOverhead)
  suite.seal(suite.derive(chunkKeyContext, key), labels.chunk, plaintext, sealed)
  return sealed
}

/** The id of what `sealWith` would give, for who does not need it now. */
export function sealedId(key: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return suite.hashSealed(suite.derive(chunkKeyContext, key), labels.chunk, plaintext)
}

export function sealChunk(keys: ContentKeys, plaintext: Uint8Array): SealedChunk {
  const key = chunkKeyOf(keys, plaintext)
  const sealed = sealWith(key, plaintext)
  return { id: suite.hash(sealed), key, sealed }
}

/** Whether these are the bytes that the id names: for who has no key, or does not need the plaintext. */
export function isChunk(id: Uint8Array, sealed: Uint8Array): boolean {
  return sameBytes(suite.hash(sealed), id)
}

/**
 * `bad`: not the bytes that the id names, so who sent them is wrong. `wrong`: they are, and the version's author was: the
 * key does not open them, or not to a plaintext that has this key. Checked so that one id never stands for two contents.
 * The plaintext is written to the beginning of `into`, which may be `sealed` itself, and is a part of it.
 */
export function openChunk(
  keys: ContentKeys,
  id: Uint8Array,
  key: Uint8Array,
  sealed: Uint8Array,
  into: Uint8Array = ownMemory(sealed.length),
): Uint8Array | 'bad' | 'wrong' {
  if (!isChunk(id, sealed)) return 'bad'
  const plaintext = suite.open(suite.derive(chunkKeyContext, key), labels.chunk, sealed, into)
  if (plaintext === undefined || !sameBytes(chunkKeyOf(keys, plaintext), key)) return 'wrong'
  return plaintext
}
