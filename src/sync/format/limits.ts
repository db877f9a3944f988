/** Limits of the formats. A decoder refuses what exceeds them; each has a test at the limit and one above. */
export const limits = {
  /** Entries in a batch. */
  batchEntries: 4_096,
  /** Bytes of an encoded batch. */
  batchBytes: 4 * 1024 * 1024,
  /** Parents of an entry. */
  parents: 16,
  /** Bytes of an entry's encoded meta: 16 parents and all else fit. */
  metaBytes: 1_024,
  /** Bytes of an entry's body, sealed or not. */
  bodyBytes: 1024 * 1024,
  /** Chunk ids carried with an entry; longer lists stay behind and are asked for by their hash. */
  inlineChunks: 2_048,
  /** Chunk ids of a put at all. */
  chunks: 0xffff_ffff,
  /** Bytes of a name in UTF-8. */
  nameBytes: 255,
  /** Bytes of a symlink's target in UTF-8. */
  targetBytes: 4_096,
  /** Content heads that a put replaces. */
  bases: 256,
  /** Trash operations that a restore cancels. */
  trashes: 4_096,
  /** Bytes of the manifest in a put. */
  manifestBytes: 256 * 1024,
  /** Epochs that a statement's issuer cannot read. */
  unreadEpochs: 16_384,
  /** Devices that one rekey wraps a key for. */
  wraps: 8_192,
  /** Chain heads in a frontier. */
  frontier: 65_536,
} as const
