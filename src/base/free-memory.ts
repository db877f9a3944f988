/** Below this, memory on the heap is cheaper than memory of its own. */
export const ownFrom = 4_096

/**
 * Gives memory back now, if these bytes are all of it; they are gone then. The engine sees small objects only, and would
 * free the large memory behind them late, after many searches of all that it holds, when it is cold in the caches.
 */
export function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < ownFrom || byteLength !== buffer.byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
