import type { DeviceId, FolderId } from '../ids.ts'

/** An authenticated connection to another device: TLS 1.3 with pinned keys, many streams. */
export interface Link {
  readonly peer: DeviceId
  readonly peerName: string
  /** Of this run of the peer's daemon: 32 hex digits. Two links with different ones are two processes. */
  readonly peerInstance: string
  /** As dialled or as it came in, `host:port`. */
  readonly address: string
  /** Where the peer listens, as it says; the host may be how it reached us. */
  readonly peerListens: readonly string[]
  readonly isDialled: boolean
  /** The shortest that was measured since the link is there: a link that is busy would seem far. */
  readonly roundTripMs: number | undefined
  /** The other end knows streams of the type `presence`; an older one takes such a topic for a fault. */
  readonly hasPresence?: boolean
  readonly bytesIn: number
  readonly bytesOut: number
  /** Throws HarpError `LINK_CLOSED`. The other end may refuse: then the stream ends with a reason. */
  open(topic: StreamTopic): FrameStream
  /** Tells the peer that this end may now want streams that it refused before. */
  poke(): void
  close(reason: string): void
}

/** What a stream is for; the first thing sent on it. */
export interface StreamTopic {
  readonly type: 'log' | 'chunks' | 'presence'
  readonly folderId: FolderId
}

/**
 * Frames in order, with back-pressure, on one stream of a link. A frame is a small head and an optional payload of raw
 * bytes; both have limits by the type of the stream (`link-limits.ts`), and a peer that exceeds them loses the link.
 */
export interface FrameStream {
  readonly peer: DeviceId
  readonly topic: StreamTopic
  setHandler(handler: FrameHandler): void
  /**
   * Takes the bytes over: they must not change any more. False: no more until `onDrain`. `isSpent`: nobody reads the
   * payload after this, and its memory may be given back as soon as it has left.
   */
  send(head: Uint8Array, payload?: Uint8Array, isSpent?: boolean): boolean
  /** Stops reading, and so in time the peer's sending. */
  pause(): void
  resume(): void
  /** What was sent still arrives. The reason is for the peer's log, at most 200 characters. */
  close(reason?: string): void
}

export interface FrameHandler {
  /** The bytes are the handler's to keep. */
  onFrame(head: Uint8Array, payload: Uint8Array): void
  onDrain(): void
  /** The last event. `reason`: what the other end said, or what broke. */
  onClose(reason: string): void
}
