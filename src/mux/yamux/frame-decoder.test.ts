import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameDecoder } from './frame-decoder.ts'
import { encodeHeader, frameFlag, frameType, frameWord } from './frame.ts'

interface SeenFrame {
  readonly fields: readonly [version: number, type: number, flags: number, streamId: number, length: number]
  payload: string
}

/** What comes out of `bytes` pushed in pieces of these sizes, the last one repeated. */
function decode(bytes: Buffer, sizes: readonly number[], skips = false): SeenFrame[] {
  const decoder = new FrameDecoder()
  const seen: SeenFrame[] = []
  let at = 0
  for (let piece = 0; at < bytes.length; piece += 1) {
    const size = sizes[Math.min(piece, sizes.length - 1)] ?? bytes.length
    const chunk = Buffer.from(bytes.subarray(at, at + size))
    at += chunk.length
    decoder.push(chunk)
    for (let found = decoder.next(); found !== 'more'; found = decoder.next()) {
      const { version, type, flags, streamId, length, payload } = decoder
      if (found === 'header') {
        seen.push({ fields: [version, type, flags, streamId, length], payload: '' })
        if (skips) decoder.skipPayload()
      } else {
        const frame = seen.at(-1)
        if (frame !== undefined) frame.payload += payload.toString('latin1')
      }
    }
    expect(decoder.isDone).toBe(true)
    chunk.fill(0xaa)
  }
  return seen
}

const hello = Buffer.concat([
  Buffer.from('000100010000000100' + '5c0000', 'hex'),
  Buffer.from('000000000000000100000005', 'hex'),
  Buffer.from('hello'),
  Buffer.from('00020002' + '00000000' + 'ffffffff', 'hex'),
  Buffer.from('00000005' + 'fffffffe' + '00000000', 'hex'),
  Buffer.from('07ff8001' + '00000000' + '00000002', 'hex'),
])
const frames: SeenFrame[] = [
  { fields: [0, frameType.windowUpdate, frameFlag.syn, 1, 6_029_312], payload: '' },
  { fields: [0, frameType.data, 0, 1, 5], payload: 'hello' },
  { fields: [0, frameType.ping, frameFlag.ack, 0, 0xffffffff], payload: '' },
  { fields: [0, frameType.data, frameFlag.syn | frameFlag.fin, 0xfffffffe, 0], payload: '' },
  { fields: [7, 0xff, 0x8001, 0, 2], payload: '' },
]

test('every field of every frame is read, cut at any byte', () => {
  expect(decode(hello, [hello.length])).toEqual(frames)
  expect(decode(hello, [1])).toEqual(frames)
  for (let at = 1; at < hello.length; at += 1) expect(decode(hello, [at, hello.length])).toEqual(frames)
})

test('any cuts of any frames give the same frames', () => {
  const frame = fc.record({
    type: fc.constantFrom(...Object.values(frameType)),
    flags: fc.nat(0xffff),
    streamId: fc.nat(0xffffffff),
    payload: fc.uint8Array({ maxLength: 60 }),
  })
  fc.assert(
    fc.property(
      fc.array(frame),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (list, sizes) => {
        const expected = list.map(({ type, flags, streamId, payload }): SeenFrame => {
          const text = type === frameType.data ? Buffer.from(payload).toString('latin1') : ''
          return { fields: [0, type, flags, streamId, payload.length], payload: text }
        })
        const bytes = expected.map(({ fields: [, type, flags, streamId, length], payload }) =>
          Buffer.concat([
            encodeHeader(frameWord(type, flags), streamId, length),
            Buffer.from(payload, 'latin1'),
          ]),
        )
        expect(decode(Buffer.concat(bytes), sizes)).toEqual(expected)
      },
    ),
  )
})

test('a payload that is not wanted is passed over, and the next frame found', () => {
  const expected = frames.map(({ fields }) => ({ fields, payload: '' }))
  for (const size of [1, 5, 13, hello.length]) expect(decode(hello, [size], true)).toEqual(expected)
})

test('payload comes as slices of the chunk it arrived in, not as copies', () => {
  const decoder = new FrameDecoder()
  const chunk = Buffer.concat([encodeHeader(frameWord(frameType.data, 0), 1, 10), Buffer.alloc(4)])
  decoder.push(chunk)
  expect([decoder.next(), decoder.next()]).toEqual(['header', 'payload'])
  expect([decoder.payload.buffer === chunk.buffer, decoder.payload.length, decoder.payloadLeft]).toEqual([
    true,
    4,
    6,
  ])
  const rest = Buffer.alloc(6)
  expect(decoder.next()).toBe('more')
  decoder.push(rest)
  expect(decoder.next()).toBe('payload')
  expect(decoder.payload).toBe(rest)
})
