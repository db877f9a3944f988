/** Limits of the exchange. What exceeds one is refused and counts as a strike; each has a test at it and one above. */
export const exchangeLimits = {
  /** Bytes of a message: a batch or a statement of the authority with all its heads, and what is around it. */
  messageBytes: 8 * 1024 * 1024,
  /** Chain heads in one page of a frontier. Of those lacking, `limits.frontier` are asked for in one round. */
  pageHeads: 1_024,
  /** Heads asked for in one message. */
  wants: 64,
  /** Own entries named for each of them. */
  locator: 24,
  /** Invalid things that a peer may send before the session ends. */
  strikes: 3,
  /** Heads of the peer that are kept in mind although they are not known here; looked for again with each change. */
  unknownHeads: 4_096,
} as const

/** The only version there is. */
export const exchangeVersion = 1
