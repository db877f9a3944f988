import type { CryptoSuite } from '../crypto/suite.ts'
import { fromHex, toHex } from '../ids.ts'
import { hashPair, pairInput } from './merkle-hash.ts'

export interface ConsistencyClaim {
  readonly olderSize: number
  readonly olderRoot: string
  readonly newerSize: number
  readonly newerRoot: string
  readonly hashes: readonly string[]
}

/**
 * Whether the tree of `olderRoot` is a prefix of the tree of `newerRoot`: RFC 9162, 2.1.4.2. Sizes come from others and
 * go up to 2^53, so the steps divide instead of shifting. An empty older tree is a prefix of everything.
 */
export function verifyConsistency(suite: Pick<CryptoSuite, 'hash'>, claim: ConsistencyClaim): boolean {
  const { olderSize, newerSize, olderRoot, newerRoot, hashes } = claim
  if (olderSize < 0 || olderSize > newerSize) return false
  if (olderSize === 0) return hashes.length === 0 && olderRoot === toHex(suite.hash())
  if (olderSize === newerSize) return hashes.length === 0 && olderRoot === newerRoot

  const path = isPowerOfTwo(olderSize) ? [olderRoot, ...hashes] : hashes
  const [first, ...rest] = path
  if (first === undefined || rest.length === 0) return false
  let olderIndex = olderSize - 1
  let newerIndex = newerSize - 1
  while (olderIndex % 2 === 1) {
    olderIndex = half(olderIndex)
    newerIndex = half(newerIndex)
  }
  const input = pairInput()
  let older = fromHex(first)
  let newer = older
  for (const hash of rest) {
    if (newerIndex === 0) return false
    const sibling = fromHex(hash)
    if (olderIndex % 2 === 1 || olderIndex === newerIndex) {
      older = hashPair(suite, input, sibling, older)
      newer = hashPair(suite, input, sibling, newer)
      while (olderIndex % 2 === 0 && olderIndex !== 0) {
        olderIndex = half(olderIndex)
        newerIndex = half(newerIndex)
      }
    } else {
      newer = hashPair(suite, input, newer, sibling)
    }
    olderIndex = half(olderIndex)
    newerIndex = half(newerIndex)
  }
  return newerIndex === 0 && toHex(older) === olderRoot && toHex(newer) === newerRoot
}

function half(value: number): number {
  return Math.floor(value / 2)
}

function isPowerOfTwo(value: number): boolean {
  let rest = value
  while (rest % 2 === 0) rest /= 2
  return rest === 1
}
