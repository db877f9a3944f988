/**
 * The server's side of RFC 6455 framing, pure and incremental: bytes in, events out, whatever way the
 * bytes are split. Clients must mask; text only; a message never grows past `maxMessageBytes`.
 *
 *   byte 0   FIN(1) RSV(3, must be 0) opcode(4)
 *   byte 1   MASK(1, must be 1) length(7): 0-125, 126 = 16 bits follow, 127 = 64 bits follow
 *   then     length bytes, 4 mask bytes, the masked payload
 */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const
export type Opcode = (typeof Opcode)[keyof typeof Opcode]

/** RFC 6455 section 7.4.1; 1005 stands for a close frame without a code and is never sent. */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupported: 1003,
  none: 1005,
  abnormal: 1006,
  badText: 1007,
  policy: 1008,
  tooBig: 1009,
} as const

export type FrameEvent =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'ping'; readonly payload: Uint8Array }
  | { readonly kind: 'pong' }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }
  /** The peer broke the protocol: send this code, then close. The decoder takes no more bytes. */
  | { readonly kind: 'failed'; readonly code: number; readonly reason: string }

/** An unmasked frame with FIN set, as servers send it. */
export function encodeFrame(opcode: Opcode, payload: Uint8Array): Buffer {
  const size = payload.length
  const head = size < 126 ? Buffer.alloc(2) : Buffer.alloc(size < 65_536 ? 4 : 10)
  head[0] = 0x80 | opcode
  if (size < 126) head[1] = size
  else if (size < 65_536) {
    head[1] = 126
    head.writeUInt16BE(size, 2)
  } else {
    head[1] = 127
    head.writeBigUInt64BE(BigInt(size), 2)
  }
  return Buffer.concat([head, payload])
}

export function encodeClose(code: number, reason: string): Buffer {
  if (code === CloseCode.none) return encodeFrame(Opcode.close, Buffer.alloc(0))
  // NOTE: a control frame carries at most 125 bytes; reasons here are short ASCII.
  const payload = Buffer.alloc(2 + Math.min(Buffer.byteLength(reason), 123))
  payload.writeUInt16BE(code, 0)
  payload.write(reason, 2)
  return encodeFrame(Opcode.close, payload)
}

interface FrameHead {
  readonly isFinal: boolean
  readonly opcode: number
  readonly size: number
  readonly mask: Uint8Array
}

class FrameError extends Error {
  readonly code: number

  constructor(code: number, reason: string) {
    super(reason)
    this.code = code
  }
}

export class FrameDecoder {
  readonly #maxMessageBytes: number
  readonly #headBytes = Buffer.alloc(14)
  #headSize = 0
  #head: FrameHead | null = null
  #payload = Buffer.alloc(0)
  #payloadSize = 0
  /** Parts of a fragmented message; null while no message is open. */
  #parts: Buffer[] | null = null
  #partsSize = 0
  #isFinished = false

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes
  }

  /** Everything these bytes complete, in order. After `close` or `failed` further bytes are ignored. */
  push(chunk: Uint8Array): FrameEvent[] {
    const events: FrameEvent[] = []
    let offset = 0
    while (offset < chunk.length && !this.#isFinished) {
      try {
        if (this.#head === null) offset = this.#takeHead(chunk, offset)
        else offset = this.#takePayload(chunk, offset, this.#head)
        // An empty payload is complete as soon as its head is.
        const head = this.#head
        if (head !== null && this.#payloadSize === head.size) this.#finishFrame(head, events)
      } catch (error) {
        if (!(error instanceof FrameError)) throw error
        this.#isFinished = true
        events.push({ kind: 'failed', code: error.code, reason: error.message })
      }
    }
    return events
  }

  #takeHead(chunk: Uint8Array, start: number): number {
    let offset = start
    while (offset < chunk.length && this.#head === null) {
      this.#headBytes[this.#headSize++] = chunk[offset++] ?? 0
      this.#head = readHead(this.#headBytes.subarray(0, this.#headSize))
    }
    const head = this.#head
    if (head === null) return offset
    this.#headSize = 0
    this.#checkHead(head)
    this.#payload = Buffer.alloc(head.size)
    this.#payloadSize = 0
    return offset
  }

  #checkHead(head: FrameHead): void {
    if (head.opcode >= Opcode.close) return
    const isContinuation = head.opcode === Opcode.continuation
    if (isContinuation !== (this.#parts !== null)) {
      throw new FrameError(CloseCode.protocolError, 'fragments out of order')
    }
    if (head.size + this.#partsSize > this.#maxMessageBytes) {
      throw new FrameError(CloseCode.tooBig, `message over ${this.#maxMessageBytes} bytes`)
    }
  }

  #takePayload(chunk: Uint8Array, start: number, head: FrameHead): number {
    const count = Math.min(chunk.length - start, head.size - this.#payloadSize)
    for (let index = 0; index < count; index++) {
      const position = this.#payloadSize + index
      this.#payload[position] = (chunk[start + index] ?? 0) ^ (head.mask[position & 3] ?? 0)
    }
    this.#payloadSize += count
    return start + count
  }

  #finishFrame(head: FrameHead, events: FrameEvent[]): void {
    const payload = this.#payload
    this.#head = null
    this.#payload = Buffer.alloc(0)
    switch (head.opcode) {
      case Opcode.ping:
        events.push({ kind: 'ping', payload })
        return
      case Opcode.pong:
        events.push({ kind: 'pong' })
        return
      case Opcode.close:
        events.push(readClose(payload))
        this.#isFinished = true
        return
      default:
        this.#finishFragment(head, payload, events)
    }
  }

  #finishFragment(head: FrameHead, payload: Buffer, events: FrameEvent[]): void {
    const parts = this.#parts ?? []
    // Empty fragments are legal and endless: they must not cost memory.
    if (payload.length > 0) parts.push(payload)
    this.#partsSize += payload.length
    this.#parts = parts
    if (!head.isFinal) return
    this.#parts = null
    this.#partsSize = 0
    events.push({ kind: 'text', text: decodeText(Buffer.concat(parts)) })
  }
}

/** The frame's head once all its bytes are there, else null; refuses what may never follow. */
function readHead(bytes: Buffer): FrameHead | null {
  const first = bytes[0] ?? 0
  const opcode = first & 0x0f
  if ((first & 0x70) !== 0) throw new FrameError(CloseCode.protocolError, 'reserved bits set')
  if ((opcode > Opcode.binary && opcode < Opcode.close) || opcode > Opcode.pong) {
    throw new FrameError(CloseCode.protocolError, 'unknown opcode')
  }
  if (opcode === Opcode.binary) throw new FrameError(CloseCode.unsupported, 'text only')
  if (bytes.length < 2) return null
  const second = bytes[1] ?? 0
  const isFinal = (first & 0x80) !== 0
  const shortSize = second & 0x7f
  if ((second & 0x80) === 0) throw new FrameError(CloseCode.protocolError, 'frame is not masked')
  if (opcode >= Opcode.close && (!isFinal || shortSize > 125)) {
    throw new FrameError(CloseCode.protocolError, 'control frame split or too long')
  }
  const sizeBytes = shortSize === 127 ? 8 : shortSize === 126 ? 2 : 0
  if (bytes.length < 2 + sizeBytes + 4) return null
  const size = readSize(bytes, sizeBytes, shortSize)
  return { isFinal, opcode, size, mask: Uint8Array.from(bytes.subarray(2 + sizeBytes)) }
}

function readSize(bytes: Buffer, sizeBytes: number, shortSize: number): number {
  if (sizeBytes === 0) return shortSize
  const size = sizeBytes === 2 ? BigInt(bytes.readUInt16BE(2)) : bytes.readBigUInt64BE(2)
  // RFC 6455 section 5.2: the shortest form, and the top bit of the 64-bit form is zero.
  if (size < (sizeBytes === 2 ? 126n : 65_536n) || size >> 63n !== 0n) {
    throw new FrameError(CloseCode.protocolError, 'length not in its shortest form')
  }
  return size > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(size)
}

function readClose(payload: Buffer): FrameEvent {
  if (payload.length === 0) return { kind: 'close', code: CloseCode.none, reason: '' }
  const code = payload.length === 1 ? 0 : payload.readUInt16BE(0)
  const isRegistered = code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)
  if (!isRegistered && !(code >= 3000 && code <= 4999)) {
    throw new FrameError(CloseCode.protocolError, 'close code not allowed')
  }
  return { kind: 'close', code, reason: decodeText(payload.subarray(2)) }
}

function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    // NOTE: the decoder's own error says nothing more than this.
    throw new FrameError(CloseCode.badText, 'text is not UTF-8')
  }
}
