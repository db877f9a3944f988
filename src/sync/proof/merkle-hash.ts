import type { CryptoSuite } from '../crypto/suite.ts'
import { hashLength } from '../ids.ts'

/** RFC 9162 keeps leaves and inner nodes apart by their first byte, so that none can be shown as the other. */
const leafByte = 0
const pairByte = 1

/** Room for the hash of a leaf: the byte and the entry hash. Kept by whoever hashes many. */
export function leafInput(): Uint8Array {
  const input = new Uint8Array(1 + hashLength)
  input[0] = leafByte
  return input
}

/** Room for the hash of an inner node: the byte, the left and the right hash. */
export function pairInput(): Uint8Array {
  const input = new Uint8Array(1 + 2 * hashLength)
  input[0] = pairByte
  return input
}

export function hashPair(
  suite: Pick<CryptoSuite, 'hash'>,
  input: Uint8Array,
  left: Uint8Array,
  right: Uint8Array,
): Uint8Array {
  input.set(left, 1)
  input.set(right, 1 + hashLength)
  return suite.hash(input)
}
