import type { RandomBytes } from '../crypto/suite.ts'

const poolBytes = 4_096

/** Ids are drawn one for each new file, and a call to the system costs more than all its bytes. */
export function pooledRandom(random: RandomBytes): RandomBytes {
  let pool: Uint8Array = new Uint8Array(0)
  let used = 0
  return (length) => {
    if (length > poolBytes) return random(length)
    if (used + length > pool.length) {
      pool = random(poolBytes)
      used = 0
    }
    used += length
    return pool.slice(used - length, used)
  }
}
