/** What a session may hold and how long it waits. Sizes in bytes, times in milliseconds. */
export interface YamuxLimits {
  /** Open streams, both directions. Beyond: a stream of the peer is reset, `open` throws. */
  readonly maxStreams: number
  /** What the receive window of one stream may grow to; 256 KiB, where each starts, is the protocol's. */
  readonly maxWindowBytes: number
  /** Windows of all streams together: while they would exceed it, none grows. */
  readonly sessionWindowBytes: number
  /** Received bytes that paused streams hold, together. The stream that would exceed it is reset. */
  readonly maxBufferedBytes: number
  /** Control frames that wait while the wire is blocked. A peer that causes more loses the session. */
  readonly maxControlBytes: number
  /** Streams the peer may reset, or that are refused, at once; more come back at `resetsPerSecond`. */
  readonly resetBurst: number
  readonly resetsPerSecond: number
  /** After this silence the peer is asked for a sign of life … */
  readonly keepAliveIntervalMs: number
  /** … and the session ends if nothing at all is heard within this time. */
  readonly keepAliveTimeoutMs: number
  /** A wire that did not drain for this long ends the session. */
  readonly writeTimeoutMs: number
  /** A stream of ours that the peer does not acknowledge within this time ends the session. */
  readonly openTimeoutMs: number
  /** After `destroySoon`: without progress, or without the peer's end, for this long, the stream is reset. */
  readonly closeTimeoutMs: number
}

export const defaultYamuxLimits: YamuxLimits = {
  maxStreams: 2_048,
  maxWindowBytes: 6 * 1_048_576,
  sessionWindowBytes: 64 * 1_048_576,
  maxBufferedBytes: 128 * 1_048_576,
  // An honest peer never needs more: per stream one ACK, one RST and two window updates, 12 bytes each.
  maxControlBytes: 131_072,
  resetBurst: 4_096,
  resetsPerSecond: 200,
  keepAliveIntervalMs: 30_000,
  keepAliveTimeoutMs: 10_000,
  writeTimeoutMs: 30_000,
  openTimeoutMs: 75_000,
  closeTimeoutMs: 30_000,
}
