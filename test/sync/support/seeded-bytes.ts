import { nodeSuite } from '../../../src/sync/crypto/node-suite.ts'
import type { RandomBytes } from '../../../src/sync/crypto/suite.ts'

/** The same bytes in every run: SHA3-256 of the seed and a counter, one call after the other. */
export function seededBytes(seed: string): RandomBytes {
  const start = new TextEncoder().encode(seed)
  let counter = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) {
      const block = nodeSuite.hash(start, new TextEncoder().encode(`/${counter++}`))
      bytes.set(block.subarray(0, Math.min(32, length - at)), at)
    }
    return bytes
  }
}
