/**
 * The layers of a recorded frp connection, taken off one by one: websocket, yamux, message framing, ciphers.
 * Simple on purpose and independent of the code under test; it trusts its input, which are fixed recordings.
 */
import { createDecipheriv, createHash, hkdfSync, pbkdf2Sync } from 'node:crypto'

/** Bytes and when they came: milliseconds since the recording began. */
export interface TimedBytes {
  readonly at: number
  readonly bytes: Buffer
}

export interface ClearMessage {
  readonly at: number
  /** The type byte in wire v1, the message id in wire v2. */
  readonly type: string | number
  readonly json: Buffer
  readonly isEncrypted: boolean
  /** The message as framed, in clear. */
  readonly framed: Buffer
}

/** What one direction of a control stream sent behind the clear messages. */
export interface SealedPart {
  /** v1: the IV. v2: the nonce. */
  readonly start: Buffer
  /** As recorded, with the start. */
  readonly wire: Buffer
  /** v1: all in one. v2: one per record. `wireEnd` is where it ends in `wire`. */
  readonly records: readonly { readonly plain: Buffer; readonly wireEnd: number }[]
}

export function joined(chunks: readonly TimedBytes[]): Buffer {
  return Buffer.concat(chunks.map((chunk) => chunk.bytes))
}

/** When the byte at `offset` had come. */
export function timeOf(chunks: readonly TimedBytes[], offset: number): number {
  let end = 0
  for (const chunk of chunks) {
    end += chunk.bytes.length
    if (offset < end) return chunk.at
  }
  return chunks.at(-1)?.at ?? 0
}

/** Pieces of `whole`, each with the time at which its last byte had come. */
function timed(
  chunks: readonly TimedBytes[],
  pieces: readonly { bytes: Buffer; end: number }[],
): TimedBytes[] {
  return pieces.map(({ bytes, end }) => ({ bytes, at: timeOf(chunks, end - 1) }))
}

/** The HTTP head goes, and the frames' payloads are unmasked. */
export function unwrapWebsocket(chunks: readonly TimedBytes[]): TimedBytes[] {
  const bytes = joined(chunks)
  const pieces: { bytes: Buffer; end: number }[] = []
  let at = bytes.indexOf('\r\n\r\n') + 4
  while (at < bytes.length) {
    const short = bytes[at + 1]! & 0x7f
    const length = short === 126 ? bytes.readUInt16BE(at + 2) : short
    let from = at + (short === 126 ? 4 : 2)
    let mask: Buffer = Buffer.alloc(4)
    if ((bytes[at + 1]! & 0x80) !== 0) {
      mask = bytes.subarray(from, from + 4)
      from += 4
    }
    const isData = (bytes[at]! & 0x0f) <= 2
    at = from + length
    const payload = Buffer.from(bytes.subarray(from, at)).map((byte, index) => byte ^ mask[index % 4]!)
    if (isData) pieces.push({ bytes: Buffer.from(payload), end: at })
  }
  return timed(chunks, pieces)
}

export interface StreamBytes {
  readonly chunks: TimedBytes[]
  /** When a FIN or RST came. */
  endedAt: number | null
}

/** The data of each stream, by id. */
export function unwrapYamux(chunks: readonly TimedBytes[]): Map<number, StreamBytes> {
  const bytes = joined(chunks)
  const streams = new Map<number, StreamBytes>()
  for (let at = 0; at < bytes.length;) {
    const type = bytes[at + 1]
    const flags = bytes.readUInt16BE(at + 2)
    const id = bytes.readUInt32BE(at + 4)
    const length = type === 0 ? bytes.readUInt32BE(at + 8) : 0
    const from = at + 12
    at = from + length
    if (id === 0) continue
    const stream = streams.get(id) ?? { chunks: [], endedAt: null }
    streams.set(id, stream)
    const time = timeOf(chunks, at - 1)
    if (length > 0) stream.chunks.push({ at: time, bytes: bytes.subarray(from, at) })
    if ((flags & (4 | 8)) !== 0) stream.endedAt = time
  }
  return streams
}

/** The v1 messages from `offset` on, at most `limit`, as far as they are complete. */
export function v1Messages(bytes: Buffer, limit = Number.POSITIVE_INFINITY): ClearMessage[] {
  const messages: ClearMessage[] = []
  for (let at = 0; at + 9 <= bytes.length && messages.length < limit;) {
    const end = at + 9 + Number(bytes.readBigInt64BE(at + 1))
    messages.push({
      at: 0,
      type: String.fromCharCode(bytes[at]!),
      json: bytes.subarray(at + 9, end),
      isEncrypted: false,
      framed: bytes.subarray(at, end),
    })
    at = end
  }
  return messages
}

/** The v2 frames as they are: hellos have the type 'hello'. */
export function v2Messages(bytes: Buffer, limit = Number.POSITIVE_INFINITY): ClearMessage[] {
  const messages: ClearMessage[] = []
  for (let at = 0; at + 8 <= bytes.length && messages.length < limit;) {
    const isMessage = bytes.readUInt16BE(at) === 16
    const end = at + 8 + bytes.readUInt32BE(at + 4)
    messages.push({
      at: 0,
      type: isMessage ? bytes.readUInt16BE(at + 8) : 'hello',
      json: bytes.subarray(at + (isMessage ? 10 : 8), end),
      isEncrypted: false,
      framed: bytes.subarray(at, end),
    })
    at = end
  }
  return messages
}

export function openCfb(authToken: string, wire: Buffer): SealedPart {
  const start = wire.subarray(0, 16)
  const key = pbkdf2Sync(authToken, 'frp', 64, 16, 'sha1')
  const plain = createDecipheriv('aes-128-cfb', key, start).update(wire.subarray(16))
  return { start, wire, records: [{ plain, wireEnd: wire.length }] }
}

export interface AeadDirection {
  readonly clientHello: Buffer
  readonly serverHello: Buffer
  readonly direction: 'client-to-server' | 'server-to-client'
}

export function transcriptOf(hellos: Pick<AeadDirection, 'clientHello' | 'serverHello'>): Buffer {
  const part = (label: string, bytes: Buffer): Buffer => {
    const length = Buffer.alloc(8)
    length.writeBigUInt64BE(BigInt(bytes.length))
    return Buffer.concat([Buffer.from(`\0${label}\0`), length, bytes])
  }
  return createHash('sha256')
    .update('frp wire v2 crypto transcript')
    .update(part('client hello', hellos.clientHello))
    .update(part('server hello', hellos.serverHello))
    .digest()
}

export function openAead(authToken: string, wire: Buffer, hellos: AeadDirection): SealedPart {
  const info = `frp wire v2 control aead aes-256-gcm ${hellos.direction}`
  const key = Buffer.from(hkdfSync('sha256', authToken, transcriptOf(hellos), info, 32))
  const start = wire.subarray(0, 12)
  const records: { plain: Buffer; wireEnd: number }[] = []
  let count = BigInt(`0x${start.toString('hex')}`)
  for (let at = 12; at < wire.length;) {
    const end = at + 4 + wire.readUInt32BE(at)
    const nonce = Buffer.from(count.toString(16).padStart(24, '0'), 'hex')
    const decipher = createDecipheriv('aes-256-gcm', key, nonce)
    decipher.setAAD(Buffer.concat([start, wire.subarray(at, at + 4)]))
    decipher.setAuthTag(wire.subarray(end - 16, end))
    const plain = Buffer.concat([decipher.update(wire.subarray(at + 4, end - 16)), decipher.final()])
    records.push({ plain, wireEnd: end })
    count += 1n
    at = end
  }
  return { start, wire, records }
}
