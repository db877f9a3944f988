/** The frames of yamux, protocol version 0: a header of 12 bytes, big-endian; only Data has a payload. */
export const frameType = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const

/** A mask: flags may be combined, on Data as well as on WindowUpdate. */
export const frameFlag = { syn: 1, ack: 2, fin: 4, rst: 8 } as const

/** Others mean an error, too. */
export const goAwayCode = { normal: 0, protocolError: 1 } as const

export const headerBytes = 12

/** What each side may send on a new stream before any window update. */
export const initialWindowBytes = 262_144

/** The largest value of a stream id, a length and a window. */
export const maxUint32 = 0xffff_ffff

/** The first four bytes of a header: version 0, type, flags. */
export function frameWord(type: number, flags: number): number {
  return (type << 16) | flags
}

/** Writes a header at `offset`; `length` is the payload's, a window's credit, a ping's id or a go-away code. */
export function writeHeader(
  target: Buffer,
  offset: number,
  word: number,
  streamId: number,
  length: number,
): void {
  target.writeUInt32BE(word, offset)
  target.writeUInt32BE(streamId, offset + 4)
  target.writeUInt32BE(length, offset + 8)
}

export function encodeHeader(word: number, streamId: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(headerBytes)
  writeHeader(header, 0, word, streamId, length)
  return header
}
