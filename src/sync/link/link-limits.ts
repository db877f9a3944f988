import type { YamuxLimits } from '../../mux/yamux/limits.ts'
import { limits as formatLimits } from '../format/limits.ts'

/** What one frame may be. Each has a test at the limit and one above; a peer that exceeds one loses the link. */
export interface FrameLimits {
  readonly headBytes: number
  readonly payloadBytes: number
}

const kib = 1024
const mib = 1024 * kib

export const frameLimits = {
  /** Messages of the exchange: a snapshot's part or a batch, and what stands around it. */
  log: { headBytes: 8 * mib + 64 * kib, payloadBytes: 0 },
  /** A chunk of the largest size, sealed, or a group of small ones. */
  chunks: { headBytes: 64 * kib, payloadBytes: mib + 64 * kib },
  /** Groups of chunk ids, and addresses. */
  presence: { headBytes: 160 * kib, payloadBytes: 0 },
  control: { headBytes: 64 * kib, payloadBytes: 0 },
  /** The first frame of a stream. */
  topic: { headBytes: 256, payloadBytes: 0 },
  joinRequest: { headBytes: 4 * kib, payloadBytes: 0 },
  /** A batch is a payload. */
  joinAnswer: { headBytes: 4 * kib, payloadBytes: formatLimits.batchBytes },
} as const satisfies Readonly<Record<string, FrameLimits>>

/** Bytes of UTF-8 in the reason that ends a stream. Callers give at most 200 characters. */
export const reasonBytes = 800
export const reasonCharacters = 200

/**
 * Windows grow to what a second of a fast line over an ocean needs: 90 ms at 139 MB/s are 12.5 MB. What paused readers
 * hold is bounded for the whole link.
 */
export const linkYamuxLimits: Partial<YamuxLimits> = {
  maxStreams: 512,
  maxWindowBytes: 16 * mib,
  sessionWindowBytes: 64 * mib,
  maxBufferedBytes: 96 * mib,
  resetBurst: 1_024,
  writeTimeoutMs: 15_000,
  openTimeoutMs: 30_000,
  closeTimeoutMs: 15_000,
}

/** Of a device that is no member: it is told so on the one stream that it opens. */
export const strangerYamuxLimits: Partial<YamuxLimits> = {
  ...linkYamuxLimits,
  maxStreams: 1,
  maxWindowBytes: 256 * kib,
  sessionWindowBytes: 256 * kib,
  maxBufferedBytes: 256 * kib,
  resetBurst: 4,
  resetsPerSecond: 1,
}

export const linkLimits = {
  nameCharacters: 64,
  addresses: 8,
  addressCharacters: 262,
  features: 32,
  /** Links at one time; and those of one device, with those that wait for its greeting and those that are ending. */
  links: 256,
  linksOfDevice: 8,
  /** Devices that are dialled at one time; and more of them that were just seen. */
  dials: 16,
  dialsOfSeen: 8,
  /** Streams of the peer that came before its greeting was read. */
  earlyStreams: 16,
  /** Connections that have not shown a key yet, and those of one address. */
  handshakes: 64,
  handshakesOfAddress: 24,
  /** Connections of devices that are no members. */
  strangers: 32,
  /** Failed joins of one address before it has to wait. */
  failures: 5,
  failuresAgeMs: 60_000,
  failureAddresses: 1_024,
  /** Batches of a grant, and their bytes together. */
  grantBatches: 64,
  grantBytes: 16 * mib,
} as const

/** All in milliseconds; tests use shorter ones. */
export interface LinkTimes {
  readonly connectMs: number
  /** From the start of a connection to the greeting of the other end. */
  readonly handshakeMs: number
  /** From a stream's opening to its topic. */
  readonly topicMs: number
  /** From the request of a joiner to the last byte of the answer. */
  readonly grantMs: number
  /** For a goodbye to leave. */
  readonly goodbyeMs: number
  readonly backOffFirstMs: number
  readonly backOffLastMs: number
  /** A link that lasted so long was a good one. */
  readonly steadyMs: number
  readonly sweepMs: number
  /** After this silence a sign of life is asked for … */
  readonly keepAliveIntervalMs: number
  /** … and without one for this long the link is dead. */
  readonly keepAliveTimeoutMs: number
}

export const linkTimes: LinkTimes = {
  connectMs: 5_000,
  handshakeMs: 10_000,
  topicMs: 10_000,
  grantMs: 30_000,
  goodbyeMs: 1_000,
  backOffFirstMs: 300,
  backOffLastMs: 30_000,
  steadyMs: 30_000,
  sweepMs: 1_000,
  keepAliveIntervalMs: 5_000,
  keepAliveTimeoutMs: 10_000,
}
