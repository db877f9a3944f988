/**
 * Which Ed25519 public keys may sign at all. Libraries differ on keys that no honest device has (unreduced encodings,
 * points of small order), and replicas must not differ on what they accept.
 */

const keyLength = 32

/** y of the points whose order divides 8, little-endian, reduced; the sign of x does not matter. */
const smallOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((digits) =>
  Uint8Array.from({ length: keyLength }, (_, at) => parseInt(digits.slice(at * 2, at * 2 + 2), 16)),
)

/** Says nothing of whether there is a point of this y; decoding finds that out. */
export function isUsableSigningKey(key: Uint8Array): boolean {
  return isReduced(key) && !smallOrder.some((point) => sameY(point, key))
}

/** y < 2^255 - 19 */
function isReduced(key: Uint8Array): boolean {
  if (((key[keyLength - 1] ?? 0) & 0x7f) !== 0x7f) return true
  for (let index = keyLength - 2; index > 0; index--) if (key[index] !== 0xff) return true
  return (key[0] ?? 0) < 0xed
}

function sameY(point: Uint8Array, key: Uint8Array): boolean {
  for (let index = 0; index < keyLength - 1; index++) if (point[index] !== key[index]) return false
  return point[keyLength - 1] === ((key[keyLength - 1] ?? 0) & 0x7f)
}
