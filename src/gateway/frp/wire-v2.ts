/**
 * frp's opt-in wire protocol v2: the client starts every stream with the magic; then both sides send frames of
 * type u16, flags u16 (0), length u32 and payload. Messages (message-codec.ts) and hellos (hello.ts) lie in them.
 */
import type { ByteReader } from './byte-reader.ts'
import { frpError } from './errors.ts'

export const wireV2Magic = Buffer.from('46525000020d0a', 'hex')
export const frameType = { clientHello: 1, serverHello: 2, message: 16 } as const
export type FrameType = (typeof frameType)[keyof typeof frameType]
export const maxFramePayload = 65_536
/** Hellos come before any proof of identity and are a few hundred bytes long. */
export const maxHelloBytes = 4_096

const headerBytes = 8

export interface Frame {
  readonly type: FrameType
  readonly payload: Buffer
}

export function encodeFrame(type: FrameType, payload: Buffer): Buffer {
  if (payload.length > maxFramePayload) throw tooLarge(payload.length, maxFramePayload)
  const frame = Buffer.allocUnsafe(headerBytes + payload.length)
  frame.writeUInt16BE(type, 0)
  frame.writeUInt16BE(0, 2)
  frame.writeUInt32BE(payload.length, 4)
  payload.copy(frame, headerBytes)
  return frame
}

/** The next frame; null when it is not complete yet. Its payload is only valid until the reader moves on. */
export function readFrame(bytes: ByteReader): Frame | null {
  const header = bytes.peek(headerBytes)
  if (header === null) return null
  const type = header.readUInt16BE(0)
  if (!isFrameType(type)) throw frpError('FRP_WIRE_V2_INVALID', `unknown frame type ${type}`)
  const flags = header.readUInt16BE(2)
  if (flags !== 0) throw frpError('FRP_WIRE_V2_INVALID', `unknown frame flags ${flags}`)
  const length = header.readUInt32BE(4)
  const limit = type === frameType.message ? maxFramePayload : maxHelloBytes
  if (length > limit) throw tooLarge(length, limit)
  const frame = bytes.take(headerBytes + length)
  return frame === null ? null : { type, payload: frame.subarray(headerBytes) }
}

function isFrameType(type: number): type is FrameType {
  return type === frameType.message || type === frameType.clientHello || type === frameType.serverHello
}

function tooLarge(length: number, limit: number): Error {
  return frpError('FRP_MESSAGE_TOO_LARGE', `a frame of ${length} bytes, the limit is ${limit}`)
}
