const items = 1024 * 1024

/**
 * A list of a million items of one byte, which cost seconds to build. They are tags, which no format has: a decoder that
 * calls this `malformed` has begun to read them, one that says `limit` has not.
 */
export const bomb = new Uint8Array(5 + items).fill(0xc0)
bomb.set([0x9a, 0, 0x10, 0, 0])
