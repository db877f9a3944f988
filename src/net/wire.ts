/**
 * Chunks up to this size may lie in a buffer that all wires share: whoever keeps one beyond the call copies
 * it. Larger ones lie in the wire's own buffer and stay as they are while the wire is paused.
 */
export const transientBytes = 16_383

export interface WireHandler {
  /** The bytes are only valid during the call: write them on at once, or copy. */
  onData(chunk: Buffer): void
  /** The peer will send no more. */
  onEnd(): void
  /** After `write` or `uncork` returned false: everything queued has left. */
  onDrain(): void
  /** The last event; `error` is null after an orderly close. */
  onClose(error: Error | null): void
}

/**
 * A wire is a byte stream with back-pressure: a TCP or TLS connection, a stream of a multiplexer, or one of
 * these behind a cipher. What moves bytes (HTTP client, relay, multiplexer) neither knows nor cares what
 * carries them.
 */
export interface Wire {
  /** Bytes come only once there is a handler; another one may take over at any time. */
  setHandler(handler: WireHandler): void
  /**
   * Text is Latin-1. False: stop until `onDrain`; until then the bytes must not change. Small ones (up to
   * `transientBytes`) are copied where they cannot leave at once, so that they may change in any case.
   */
  write(data: Buffer | string): boolean
  /** Everything written until `uncork` leaves together. The results of those writes say nothing. */
  cork(): void
  /** False, as of `write`: what was written must not change, and no more should come, until `onDrain`. */
  uncork(): boolean
  /** Half-close: no more writes; reading goes on. */
  end(): void
  /** Drops both directions at once; `onClose` follows. */
  destroy(): void
  /** Drops both directions once everything queued has left. */
  destroySoon(): void
  pause(): void
  resume(): void
}

export interface DialTarget {
  readonly address: string
  readonly port: number
}

/** Opens wires. `dial` rejects with the system's error or a HarpError UPSTREAM_CONNECT_TIMEOUT. */
export interface Dialer {
  dial(target: DialTarget, timeoutMs: number): Promise<Wire>
}
