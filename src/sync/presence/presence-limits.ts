/** Of messages: what exceeds one ends the stream and counts as a strike. */
export const presenceLimits = {
  /** Chunk ids in a question of who holds them. */
  ids: 4_096,
  /** Of the other end: questions that are not answered. */
  openQuestions: 4,
  /** Devices whose addresses are told at a time, and addresses of one. */
  devices: 64,
  addresses: 8,
  /** Told and not taken: what a peer that does not read may cost. */
  queuedBytes: 1024 * 1024,
  /** Messages of the other end, and ids in them that have to be looked at, at once and in each second. */
  messages: 2_000,
  idsLooked: 262_144,
  /** Members that are remembered. */
  members: 1_024,
} as const

export const presenceTimes = {
  tickMs: 1_000,
  stateMs: 10_000,
  addressesMs: 5_000,
  /** Ids of a question that are looked up at once, and until the next ones are. */
  lookIds: 256,
  lookMs: 20,
  /** What was heard is written down when it changes, and its time as often. */
  writtenMs: 3_600_000,
  /** Who broke the rules, doubled by each more. */
  barFirstMs: 30_000,
  barLastMs: 3_600_000,
  /** Addresses of a device that was linked so long ago are still told. */
  addressAgeMs: 86_400_000,
} as const
