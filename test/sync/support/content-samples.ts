import { contentKeysOf } from '../../../src/sync/content/content-keys.ts'
import type { ContentKeys } from '../../../src/sync/content/content.ts'
import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import { fromHex, toHex } from '../../../src/sync/ids.ts'

/** Bytes that look random, the same in every run and quickly made: 32-bit words of a counter, mixed. */
export function seededContent(seed: number, length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = (seed * 0x9e37_79b9) >>> 0
  for (let index = 0; index < words.length; index++) {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    words[index] = (mixed ^ (mixed >>> 14)) >>> 0
  }
  return new Uint8Array(words.buffer, 0, length)
}

export const sampleEpochKey = fromHex('11'.repeat(32))
export const sampleFolder = 'ab'.repeat(32)
export const sampleKeys: ContentKeys = contentKeysOf(nodeSuite, sampleFolder, sampleEpochKey)

/** A folder's chunker with the usual proportions, for contents of kilobytes. */
export const smallChunker = { minimum: 1_024, target: 4_096, maximum: 16_384 } as const

export function rowsText(rows: { ids: Uint8Array; keys: Uint8Array; lengths: Uint32Array }): unknown {
  return { ids: toHex(rows.ids), keys: toHex(rows.keys), lengths: [...rows.lengths] }
}
