/** The few bytes of RFC 6455 that a WebSocket needs for saying hello: the diagnostics speak them, the doctor listens. */
import { createHash } from 'node:crypto'

/** What Sec-WebSocket-Accept must be for a Sec-WebSocket-Key (section 4.2.2). */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** A text frame as servers send it; at most 125 bytes of ASCII. */
export function textFrame(content: string): Buffer {
  return Buffer.concat([Buffer.of(0x81, content.length), Buffer.from(content, 'latin1')])
}

/** The same as clients send it, with the mask that they have to use. */
export function maskedTextFrame(content: string, mask: Uint8Array): Buffer {
  const payload = Buffer.from(content, 'latin1').map((byte, index) => byte ^ (mask[index % 4] ?? 0))
  return Buffer.concat([Buffer.of(0x81, 0x80 | payload.length), mask.subarray(0, 4), payload])
}

/** A close frame with status 1000. */
export const closeFrame = Buffer.of(0x88, 0x02, 0x03, 0xe8)
