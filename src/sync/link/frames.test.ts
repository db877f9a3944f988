import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeEnd, encodeFrame, FrameReader, prefixBytes, writePrefix } from './frames.ts'
import type { FrameStep } from './frames.ts'
import { frameLimits, reasonBytes } from './link-limits.ts'

function frame(headLength: number, payloadLength: number): Buffer {
  const bytes = Buffer.alloc(prefixBytes + headLength + payloadLength)
  writePrefix(bytes, headLength, payloadLength)
  for (let at = prefixBytes; at < bytes.length; at++) bytes[at] = at % 251
  return bytes
}

interface Seen {
  readonly steps: FrameStep[]
  readonly heads: string[]
  readonly payloads: string[]
}

function read(reader: FrameReader, chunks: readonly Uint8Array[]): Seen {
  const seen: Seen = { steps: [], heads: [], payloads: [] }
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let step = reader.next(); step !== 'more'; step = reader.next()) {
      seen.steps.push(step)
      seen.heads.push(Buffer.from(reader.head).toString('hex'))
      seen.payloads.push(Buffer.from(reader.payload).toString('hex'))
    }
  }
  return seen
}

test('frames arrive alike however their bytes are cut', () => {
  const size = fc.nat({ max: 400 })
  fc.assert(
    fc.property(
      fc.array(fc.tuple(size, size), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 200 })),
      (sizes, cuts) => {
        const bytes = Buffer.concat([
          ...sizes.map(([head, payload]) => frame(head, payload)),
          encodeEnd('over'),
        ])
        const chunks: Uint8Array[] = []
        let at = 0
        for (const cut of cuts) {
          chunks.push(bytes.subarray(at, at + cut))
          at = Math.min(bytes.length, at + cut)
        }
        chunks.push(bytes.subarray(at))

        const whole = read(new FrameReader(frameLimits.chunks), [bytes])
        expect(read(new FrameReader(frameLimits.chunks), chunks)).toEqual(whole)
        expect(whole.steps).toEqual([...sizes.map(() => 'frame'), 'end'])
        expect(whole.payloads.at(-1)).toBe(Buffer.from('over').toString('hex'))
      },
    ),
  )
})

test.each(['log', 'chunks', 'control', 'topic', 'joinRequest', 'joinAnswer'] as const)(
  'a %s frame may be as large as its limit, and no byte larger',
  (name) => {
    const { headBytes, payloadBytes } = frameLimits[name]
    const reader = new FrameReader(frameLimits[name])
    reader.push(frame(headBytes, payloadBytes))
    expect(reader.next()).toBe('frame')
    expect([reader.head.length, reader.payload.length]).toEqual([headBytes, payloadBytes])

    const prefix = Buffer.alloc(prefixBytes)
    writePrefix(prefix, headBytes + 1, 0)
    expect(read(new FrameReader(frameLimits[name]), [prefix]).steps).toEqual(['head-too-large'])
    writePrefix(prefix, 0, payloadBytes + 1)
    expect(read(new FrameReader(frameLimits[name]), [prefix]).steps).toEqual(['payload-too-large'])
  },
)

test('the reason of an end is limited, too', () => {
  expect(read(new FrameReader(frameLimits.log), [encodeEnd('x'.repeat(reasonBytes))]).steps).toEqual(['end'])
  expect(read(new FrameReader(frameLimits.log), [encodeEnd('x'.repeat(reasonBytes + 1))]).steps).toEqual([
    'reason-too-large',
  ])
})

test('nothing is read after an end or a fault', () => {
  const after = encodeFrame(Buffer.from('more'))
  expect(read(new FrameReader(frameLimits.log), [Buffer.concat([encodeEnd(''), after])]).steps).toEqual([
    'end',
  ])
  expect(read(new FrameReader(frameLimits.topic), [Buffer.concat([frame(300, 0), after])]).steps).toEqual([
    'head-too-large',
  ])
})

test('a frame that comes in small pieces is put together as it comes, and announcing one costs little', () => {
  const reader = new FrameReader(frameLimits.log)
  const bytes = frame(frameLimits.log.headBytes, 0)
  const before = process.memoryUsage().arrayBuffers
  reader.push(bytes.subarray(0, prefixBytes + 1))
  expect(reader.next()).toBe('more')
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 * 1024 * 1024)

  for (let at = prefixBytes + 1; at < bytes.length; at += 65_000) {
    reader.push(bytes.subarray(at, at + 65_000))
    const step = reader.next()
    expect(step).toBe(at + 65_000 >= bytes.length ? 'frame' : 'more')
  }
  expect(Buffer.compare(reader.head, bytes.subarray(prefixBytes))).toBe(0)
})

test('head and payload lie in memory of their own, which can be given to a thread', () => {
  const reader = new FrameReader(frameLimits.chunks)
  const bytes = frame(100, 300_000)
  reader.push(bytes)
  reader.next()
  bytes.fill(0)

  expect(reader.head[0]).not.toBe(0)
  for (const part of [reader.head, reader.payload]) expect(part.buffer.byteLength).toBe(part.length)
  const moved = structuredClone(reader.payload, { transfer: [reader.payload.buffer] })
  expect([moved.length, reader.payload.length]).toEqual([300_000, 0])
})
