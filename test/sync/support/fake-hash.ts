/**
 * A 32-byte hash for tests, some ten times as fast as SHA3-256: four lanes of 32 bits mixed as in MurmurHash3, then
 * spread to 256 bits. It notices every accidental change (128 bits of state) and resists nobody. NOT SECURE.
 */
export function fakeHash(bytes: Uint8Array, length = bytes.length): Uint8Array {
  let h1 = 0x9e3779b9 ^ length
  let h2 = 0x85ebca6b
  let h3 = 0xc2b2ae35
  let h4 = 0x27d4eb2f
  let at = 0
  for (; at + 16 <= length; at += 16) {
    h1 ^= Math.imul(rotate(Math.imul(word(bytes, at), 0x239b961b), 15), 0xab0e9789)
    h1 = (Math.imul((rotate(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0
    h2 ^= Math.imul(rotate(Math.imul(word(bytes, at + 4), 0xab0e9789), 16), 0x38b34ae5)
    h2 = (Math.imul((rotate(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0
    h3 ^= Math.imul(rotate(Math.imul(word(bytes, at + 8), 0x38b34ae5), 17), 0xa1e38b93)
    h3 = (Math.imul((rotate(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0
    h4 ^= Math.imul(rotate(Math.imul(word(bytes, at + 12), 0xa1e38b93), 18), 0x239b961b)
    h4 = (Math.imul((rotate(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0
  }
  for (; at < length; at++) {
    h1 = (Math.imul(h1 ^ (bytes[at] ?? 0), 0x01000193) + h2) | 0
    h2 = (rotate(h2 ^ h1, 13) + h3) | 0
    h3 = (rotate(h3 ^ h2, 11) + h4) | 0
    h4 = (rotate(h4 ^ h3, 7) + h1) | 0
  }
  return spread(h1, h2, h3, h4)
}

/** Every bit of the output depends on every lane. */
function spread(h1: number, h2: number, h3: number, h4: number): Uint8Array {
  const output = new Uint8Array(32)
  for (let index = 0; index < 8; index++) {
    h1 = finish((h1 + h2 + 0x9e3779b9) | 0)
    h2 = (rotate(h2 ^ h3, 9) + h1) | 0
    h3 = (rotate(h3 ^ h4, 14) + h2) | 0
    h4 = (rotate(h4 ^ h1, 21) + h3) | 0
    const mixed = finish(h1 ^ h2 ^ h3 ^ h4)
    output[index * 4] = mixed
    output[index * 4 + 1] = mixed >>> 8
    output[index * 4 + 2] = mixed >>> 16
    output[index * 4 + 3] = mixed >>> 24
  }
  return output
}

function finish(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24) | 0
}
