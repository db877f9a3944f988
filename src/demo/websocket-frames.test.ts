import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeClose, encodeFrame, FrameDecoder, Opcode, type FrameEvent } from './websocket-frames.ts'

const limit = 1000

/** A frame as clients send it, written without the code under test. */
function clientFrame(opcode: number, payload: string | Buffer, options: { isFinal?: boolean } = {}): Buffer {
  const bytes = Buffer.from(payload)
  const mask = Buffer.from([0x37, 0xfa, 0x21, 0x3d])
  const size =
    bytes.length < 126
      ? [0x80 | bytes.length]
      : bytes.length < 65_536
        ? [0x80 | 126, bytes.length >> 8, bytes.length & 0xff]
        : [0x80 | 127, 0, 0, 0, 0, 0, bytes.length >> 16, (bytes.length >> 8) & 0xff, bytes.length & 0xff]
  const masked = bytes.map((byte, index) => byte ^ mask[index % 4]!)
  const first = (options.isFinal === false ? 0 : 0x80) | opcode
  return Buffer.concat([Buffer.from([first, ...size]), mask, masked])
}

function decode(...chunks: Buffer[]): FrameEvent[] {
  const decoder = new FrameDecoder(limit)
  return chunks.flatMap((chunk) => decoder.push(chunk))
}

const conversation = Buffer.concat([
  clientFrame(Opcode.text, 'héllo, wörld'),
  clientFrame(Opcode.text, 'first ', { isFinal: false }),
  clientFrame(Opcode.ping, 'still there?'),
  clientFrame(Opcode.continuation, '', { isFinal: false }),
  clientFrame(Opcode.continuation, 'and second'),
  clientFrame(Opcode.text, 'x'.repeat(200)),
  clientFrame(Opcode.text, ''),
  clientFrame(Opcode.pong, ''),
  clientFrame(Opcode.close, Buffer.from([0x03, 0xe8, 0x62, 0x79, 0x65])),
])

const conversationEvents = [
  { kind: 'text', text: 'héllo, wörld' },
  { kind: 'ping', payload: Buffer.from('still there?') },
  { kind: 'text', text: 'first and second' },
  { kind: 'text', text: 'x'.repeat(200) },
  { kind: 'text', text: '' },
  { kind: 'pong' },
  { kind: 'close', code: 1000, reason: 'bye' },
]

test('a conversation split at every byte gives the same events', () => {
  expect(decode(conversation)).toEqual(conversationEvents)
  for (let at = 1; at < conversation.length; at++) {
    expect(decode(conversation.subarray(0, at), conversation.subarray(at)), `split at ${at}`).toEqual(
      conversationEvents,
    )
  }
  expect(decode(...Array.from(conversation, (byte) => Buffer.from([byte])))).toEqual(conversationEvents)
})

const anyFrames = fc.array(
  fc.oneof(
    fc
      .record({
        opcode: fc.constantFrom(Opcode.text, Opcode.continuation, Opcode.ping, Opcode.pong),
        payload: fc.string({ unit: 'binary', maxLength: 300 }),
        isFinal: fc.boolean(),
      })
      .map(({ opcode, payload, isFinal }) => clientFrame(opcode, payload, { isFinal })),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  ),
  { maxLength: 8 },
)

test('any frames and any garbage in any pieces give the same events, and no message over the limit', () => {
  const property = fc.property(anyFrames, fc.array(fc.nat(60), { minLength: 1 }), (frames, sizes) => {
    const bytes = Buffer.concat(frames)
    const pieces: Buffer[] = []
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = 1 + sizes[turn % sizes.length]!
      pieces.push(bytes.subarray(at, at + size))
      at += size
    }
    const whole = decode(bytes)
    const isBounded = whole.every((event) => event.kind !== 'text' || Buffer.byteLength(event.text) <= limit)
    return isBounded && isDeepStrictEqual(decode(...pieces), whole)
  })

  expect(() => fc.assert(property)).not.toThrow()
})

test('a message of exactly the limit arrives, one byte more is refused before its payload comes', () => {
  const over = clientFrame(Opcode.text, 'x'.repeat(limit + 1))

  expect(decode(clientFrame(Opcode.text, 'x'.repeat(limit)))).toEqual([
    { kind: 'text', text: 'x'.repeat(limit) },
  ])
  expect(decode(over.subarray(0, 8))).toEqual([
    { kind: 'failed', code: 1009, reason: 'message over 1000 bytes' },
  ])
})

test('fragments count together against the limit', () => {
  const half = 'x'.repeat(limit / 2)
  const first = clientFrame(Opcode.text, half, { isFinal: false })
  const second = clientFrame(Opcode.continuation, half, { isFinal: false })

  expect(decode(first, second, clientFrame(Opcode.continuation, ''))).toMatchObject([{ kind: 'text' }])
  expect(decode(first, second, clientFrame(Opcode.continuation, 'x'))).toMatchObject([{ code: 1009 }])
})

const violations: readonly [what: string, bytes: Buffer, code: number][] = [
  ['an unmasked frame', Buffer.from([0x81, 0x02, 0x68, 0x69]), 1002],
  ['a reserved bit', Buffer.from([0xc1, 0x80, 0, 0, 0, 0]), 1002],
  ['an unknown data opcode', clientFrame(3, ''), 1002],
  ['an unknown control opcode', clientFrame(11, ''), 1002],
  ['a binary message', clientFrame(Opcode.binary, 'x'), 1003],
  ['a continuation of nothing', clientFrame(Opcode.continuation, 'x'), 1002],
  [
    'a new message inside a fragmented one',
    Buffer.concat([clientFrame(1, 'a', { isFinal: false }), clientFrame(1, 'b')]),
    1002,
  ],
  ['a fragmented ping', clientFrame(Opcode.ping, 'x', { isFinal: false }), 1002],
  ['a ping of 126 bytes', clientFrame(Opcode.ping, 'x'.repeat(126)), 1002],
  ['a 16-bit length for 125 bytes', Buffer.from([0x81, 0xfe, 0, 125, 0, 0, 0, 0]), 1002],
  [
    'a 64-bit length for 65535 bytes',
    Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]),
    1002,
  ],
  ['a length with its top bit set', Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1002],
  [
    'a length beyond every memory',
    Buffer.from([0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]),
    1009,
  ],
  ['text that is not UTF-8', clientFrame(Opcode.text, Buffer.from([0xc3, 0x28])), 1007],
  ['a close of one byte', clientFrame(Opcode.close, 'x'), 1002],
  ['a close with a code that is never sent', clientFrame(Opcode.close, Buffer.from([0x03, 0xed])), 1002],
  ['a close with a code out of range', clientFrame(Opcode.close, Buffer.from([0x13, 0x88])), 1002],
  [
    'a close with a reason that is not UTF-8',
    clientFrame(Opcode.close, Buffer.from([0x03, 0xe8, 0xff])),
    1007,
  ],
]

test.each(violations)(
  '%s ends the connection with its close code, and nothing after it is read',
  (_, bytes, code) => {
    const events = decode(Buffer.concat([bytes, clientFrame(Opcode.text, 'after')]))

    expect(events.at(-1)).toMatchObject({ kind: 'failed', code })
  },
)

test('nothing is read after a close frame', () => {
  expect(decode(clientFrame(Opcode.close, ''), clientFrame(Opcode.text, 'after'))).toEqual([
    { kind: 'close', code: 1005, reason: '' },
  ])
})

test.each([
  [0, [0x81, 0]],
  [125, [0x81, 125]],
  [126, [0x81, 126, 0, 126]],
  [65_535, [0x81, 126, 255, 255]],
  [65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
])('a sent frame of %i bytes has the shortest length form and no mask', (size, head) => {
  const frame = encodeFrame(Opcode.text, Buffer.alloc(size))

  expect([...frame.subarray(0, head.length)]).toEqual(head)
  expect(frame.length).toBe(head.length + size)
})

test('a sent close frame never passes the 125 bytes of a control frame', () => {
  expect(encodeClose(1000, 'r'.repeat(500)).length).toBe(2 + 125)
  expect(encodeClose(1005, '')).toEqual(Buffer.from([0x88, 0]))
})
