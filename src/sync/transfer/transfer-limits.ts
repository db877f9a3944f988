const kib = 1024
const mib = 1024 * kib

/** Limits of the chunk protocol. What exceeds one ends the stream; those of messages have tests at it and one above. */
export const transferLimits = {
  /** Chunk ids in one message. */
  wantIds: 256,
  /** Bytes of a sealed chunk, or of several in one message. */
  payloadBytes: mib + 64 * kib,
  /** Bytes of a list of chunk ids, and of the part of it in one message. */
  listBytes: 256 * mib,
  rangeBytes: mib,
  /** Small chunks are put together up to this. */
  groupBytes: 256 * kib,

  /** Streams on which one device asks: it needs one, and the next may come before the end of the last is heard. */
  streamsOfPeer: 4,
  /** Of the other end, on one stream: requests that are not fully answered; so no more than 16,384 ids. */
  openRequests: 64,
  /** Of one stream: bytes read and not sent, and jobs that read. */
  preparedBytes: 8 * mib,
  serveJobs: 2,
  serveJobBytes: mib,
  /** Places tried for one chunk. */
  sourcesTried: 8,

  /** Of this end, for one peer. */
  wants: 32,
  askedIds: 4_096,
  wantBytes: 4 * mib,
  leastWindow: mib,
  mostWindow: 16 * mib,
  /** For all peers: asked for, and received and not yet taken care of. */
  window: 32 * mib,
  /** Signs of life between two answers. */
  busySigns: 128,
  /** Ranges of one list that are asked for at a time; bytes of lists that are fetched at a time, beyond one. */
  listRanges: 4,
  activeListBytes: 64 * mib,
  /** Proven lies of one device within an hour, until it is not asked any more. */
  strikes: 3,
} as const

export const transferTimes = {
  tickMs: 1_000,
  /** A peer that owes something and sends nothing. */
  silentMs: 20_000,
  /** A peer that shows signs of life and no chunk. */
  stuckMs: 300_000,
  /** How long a WANT should take, and is too long. */
  quickMs: 2_000,
  lateMs: 8_000,
  /** Until an id is asked again of a peer that did not have it. */
  missFirstMs: 5_000,
  missLastMs: 60_000,
  /** The same for one that sent something else under that id. */
  liedMs: 3_600_000,
  /** A peer that had nothing of what it was asked for is left alone, as long as there are others. */
  dryFirstMs: 250,
  dryLastMs: 5_000,
  nearMs: 5,
  /** A device nearby that owes something and has sent nothing for so long does not keep others from being asked. */
  stalledMs: 2_000,
  /** The same for one that gives so little that its least window is not through in `lateMs`; a larger one has longer. */
  crawlMs: 32_000,
  /** Of the answering end. */
  busyMs: 5_000,
  unreadMs: 300_000,
} as const

/** Neighbours that fetch from far for each other. */
export const sharingLimits = {
  /** Devices that claims are sent to. */
  neighbours: 32,
  /** Chunk ids in one message. */
  ids: 1_024,
  /** Claimed and not asked for yet: enough for the next requests, and no more than others can wait for. */
  leastAhead: 512 * kib,
  mostAhead: 8 * mib,
  /** Claims whose answers may still come, for each neighbour. */
  claims: 16,
  /** A chunk that somebody says it has, and has not when asked: so often, and it is not believed. */
  toldMisses: 4,
  /** A chunk that was left to neighbours so often, and given back, is left to nobody any more. */
  returns: 2,
} as const

export const sharingTimes = {
  nearMs: 5,
  tickMs: 100,
  /** For the answers of all neighbours to a claim; they come within a round trip, unless one of them is busy. */
  claimMs: 250,
  /** What has come is told together with what comes in this time. */
  gotMs: 3,
  /** Until what a neighbour said it has is asked of it again, doubled each time. */
  againMs: 250,
  /** How long a neighbour is believed to need, until it has shown it. */
  paceMs: 3_000,
  /** It keeps none of its promises for so long, by its pace; or not the oldest. */
  silentFirstMs: 25_000,
  silentLastMs: 60_000,
  holdFirstMs: 60_000,
  holdLastMs: 180_000,
  /** A device that has nothing else to do fetches itself what a neighbour has promised for so long, and its own pace. */
  takeOverMs: 5_000,
  /** For how long its promises count for nothing then; doubled by each more. */
  ignoreFirstMs: 30_000,
  ignoreLastMs: 600_000,
  /** Promises kept, until one that was not is forgiven. */
  forgiveAfter: 64,
  /** Ids of claims looked up in a second, for each neighbour. */
  looks: 16_384,
} as const
