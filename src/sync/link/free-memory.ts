/** Below this, looking after it costs more than it gives. */
const worthwhileBytes = 32_768

/**
 * Gives memory back now, if these bytes are all of it. The engine sees small objects only, and would free the large memory
 * behind them late, after many searches of all that it holds.
 */
export function freeMemory({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < worthwhileBytes || byteLength !== buffer.byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
