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
  /** After `write` returned false: everything queued has left. */
  onDrain(): void
  /** The last event; `error` is null after an orderly close. */
  onClose(error: Error | null): void
}

/**
 * A wire is a byte stream to an upstream: a TCP socket today, a tunnel stream next. It exists so that the
 * HTTP client and the relay neither know nor care what carries them.
 */
export interface Wire {
  setHandler(handler: WireHandler): void
  /**
   * Text is Latin-1. False: stop until `onDrain`; until then the bytes must not change, unless the wire
   * says that it copies.
   */
  write(data: Buffer | string): boolean
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
