/**
 * The chunks of one version in order, as flat arrays: a large file has tens of thousands. `ids` and `keys` hold 32 bytes
 * for each chunk, `lengths` its bytes of plaintext; what travels and is stored is `sealedOverhead` longer.
 */
export interface ChunkRows {
  /** `chunkId = BLAKE3(ciphertext)`. */
  readonly ids: Uint8Array
  /** `k = BLAKE3-keyed(K_content, plaintext)`, from which the chunk's AES key is derived. */
  readonly keys: Uint8Array
  readonly lengths: Uint32Array
}

/** Of one folder, the same on all devices that can read it. Plain data: it is sent to worker threads. */
export interface ContentKeys {
  /** K_content: 32 bytes, keys BLAKE3. */
  readonly content: Uint8Array
  /** 32 bytes, the seed of the chunker's table, so that boundaries tell strangers nothing. */
  readonly boundaries: Uint8Array
}

/** AES-GCM's tag. */
export const sealedOverhead = 16
export const chunkIdLength = 32
