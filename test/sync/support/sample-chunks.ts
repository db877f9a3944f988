import { nodeContentSuite } from '../../../src/sync/content/content-suite.ts'
import type { ChunkRows } from '../../../src/sync/content/content.ts'

export interface SampleChunk {
  readonly id: Uint8Array
  readonly key: Uint8Array
  readonly sealed: Uint8Array
}

/** Bytes that stand for a sealed chunk: a store does not look into them. */
export function sampleChunk(number: number, length = 1 + ((number * 37) % 200)): SampleChunk {
  const sealed = new Uint8Array(length + 16).map((_, at) => (number * 31 + at * 7 + (at >> 8)) & 0xff)
  new DataView(sealed.buffer).setUint32(0, number)
  return { id: nodeContentSuite.hash(sealed), key: new Uint8Array(32).fill(number), sealed }
}

export function rowsOf(chunks: readonly SampleChunk[]): ChunkRows {
  return {
    ids: Buffer.concat(chunks.map(({ id }) => id)),
    keys: Buffer.concat(chunks.map(({ key }) => key)),
    lengths: Uint32Array.from(chunks, ({ sealed }) => sealed.length - 16),
  }
}

export function sealedOf(chunks: readonly SampleChunk[]): Uint8Array {
  return Buffer.concat(chunks.map(({ sealed }) => sealed))
}
