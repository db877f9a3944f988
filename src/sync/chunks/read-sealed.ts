import type { SealedChunk, SealedChunks } from './sealed-chunks.ts'

/** BLAKE3, which a chunk's id is of its sealed bytes. */
export type ChunkHash = (sealed: Uint8Array) => Uint8Array

export interface CheckedChunk {
  readonly chunk: SealedChunk
  /** Undefined if what is there is not the chunk. */
  readonly sealed: Uint8Array | undefined
}

/** Neighbours are read in one go, up to this many bytes. */
const readBytes = 4 * 1024 * 1024

/** Chunks of one pack in its order, each with its bytes if they are what their id says. */
export function* readSealed(
  chunks: readonly SealedChunk[],
  sealed: SealedChunks,
  hash: ChunkHash,
): Generator<CheckedChunk> {
  for (let from = 0; from < chunks.length;) {
    const first = chunks[from]
    if (first === undefined) return
    let to = from + 1
    let end = first.offset + first.length
    for (let next = chunks[to]; next !== undefined; next = chunks[++to]) {
      if (next.pack !== first.pack || next.offset + next.length - first.offset > readBytes) break
      end = next.offset + next.length
    }
    const bytes = sealed.read(first.pack, first.offset, end - first.offset)
    for (const chunk of chunks.slice(from, to)) {
      const at = chunk.offset - first.offset
      const part = bytes.subarray(at, at + chunk.length)
      const isWhole = part.length === chunk.length && isSame(hash(part), chunk.id)
      yield { chunk, sealed: isWhole ? part : undefined }
    }
    from = to
  }
}

export function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}
