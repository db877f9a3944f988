/** Below this, memory on the heap is cheaper than memory of its own. */
const ownFrom = 4_096

/** Bytes that nothing else lies beside, so that they can be given to a thread, or back; not zeroed. */
export function ownMemory(length: number): Uint8Array<ArrayBuffer> {
  return length < ownFrom ? new Uint8Array(length) : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}

/**
 * Gives memory back now, if these bytes are all of it; they are gone then. The engine sees small objects only, and would
 * free the large memory behind them late, after many searches of all that it holds, when it is cold in the caches.
 */
export function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < ownFrom || byteLength !== buffer.byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
