/** What a peer may send before the framing layer refuses; all in bytes unless named otherwise. */
export interface Http1Limits {
  /** Start line and fields together, without the final empty line. */
  readonly maxHeadBytes: number
  readonly maxFields: number
  /** All chunk extensions of one body together. */
  readonly maxChunkExtensionBytes: number
}

/** The original's effective limits: a 16 kB buffer less its reserve, 101 headers (contract section 0). */
export const defaultHttp1Limits: Http1Limits = {
  maxHeadBytes: 15_360,
  maxFields: 101,
  maxChunkExtensionBytes: 4_096,
}
