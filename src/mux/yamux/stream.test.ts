import { describe, expect, test } from 'vitest'
import { ScriptedWire } from '../../../test/support/scripted-wire.ts'
import { WireRecorder } from '../../../test/support/wire-recorder.ts'
import { transientBytes } from '../../net/wire.ts'
import { encodeHeader, frameFlag, frameType, frameWord, initialWindowBytes } from './frame.ts'
import { YamuxSession } from './session.ts'
import type { YamuxStream } from './stream.ts'

interface Stage {
  readonly wire: ScriptedWire
  readonly session: YamuxSession
  readonly stream: YamuxStream
  readonly recorder: WireRecorder
}

/** A client's session with one stream, whose SYN has left. */
async function openStream(chunksAreStable = false): Promise<Stage> {
  const wire = new ScriptedWire()
  const session = new YamuxSession(wire, {
    role: 'client',
    clock: { monotonic: () => 0, wall: () => 0 },
    chunksAreStable,
    onStream: () => undefined,
    onClose: () => undefined,
  })
  const stream = session.open()
  const recorder = new WireRecorder()
  stream.setHandler(recorder)
  await turn()
  wire.writes.length = 0
  return { wire, session, stream, recorder }
}

/** What is due after the current code has happened. */
async function turn(): Promise<void> {
  for (let n = 0; n < 4; n += 1) await Promise.resolve()
}

/** What the wire was given from now on, not copied. */
function keepReferences(wire: ScriptedWire): Buffer[] {
  const kept: Buffer[] = []
  const write = wire.write.bind(wire)
  wire.write = (bytes) => {
    if (typeof bytes !== 'string') kept.push(bytes)
    return write(bytes)
  }
  return kept
}

function data(length: number): Buffer {
  return encodeHeader(frameWord(frameType.data, 0), 1, length)
}

const credit = (bytes: number): Buffer => encodeHeader(frameWord(frameType.windowUpdate, 0), 1, bytes)
const fin = encodeHeader(frameWord(frameType.windowUpdate, frameFlag.fin), 1, 0)

describe('writing', () => {
  test('small writes of one turn leave as one frame in one write, and may be changed at once', async () => {
    const { wire, stream } = await openStream()
    const buffer = Buffer.from('one ')
    expect(stream.write(buffer)).toBe(true)
    buffer.fill(0)
    expect(stream.write('two')).toBe(true)
    expect(wire.writes).toEqual([])
    await turn()
    expect(wire.writes).toEqual([Buffer.concat([data(7), Buffer.from('one two')])])
  })

  test('a large write leaves inside the call; true means that the buffer is free again', async () => {
    const { wire, stream, recorder } = await openStream()
    expect(stream.write(Buffer.alloc(50_000, 1))).toBe(true)
    expect(wire.written).toEqual(Buffer.concat([data(50_000), Buffer.alloc(50_000, 1)]))
    await turn()
    expect(recorder.drainCount).toBe(0)
  })

  test('a large write that the wire has only queued is false until the wire drains', async () => {
    const { wire, stream, recorder } = await openStream()
    wire.isWritable = false
    expect(stream.write(Buffer.alloc(50_000, 1))).toBe(false)
    await turn()
    expect(recorder.drainCount).toBe(0)
    wire.drain()
    expect(recorder.drainCount).toBe(1)
    expect(wire.written.length).toBe(12 + 50_000)
  })

  test('a large write beyond the window is false until the peer gave credit for all of it', async () => {
    const { wire, stream, recorder } = await openStream()
    const bytes = Buffer.alloc(initialWindowBytes + 10, 1)
    expect(stream.write(bytes)).toBe(false)
    wire.give(credit(9))
    await turn()
    expect(recorder.drainCount).toBe(0)
    wire.give(credit(1))
    await turn()
    expect(recorder.drainCount).toBe(1)
  })

  test('small writes are true below 64 KiB that wait, false above, with one drain when all has left', async () => {
    const { wire, stream, recorder } = await openStream()
    wire.isWritable = false
    stream.write('x')
    await turn()
    const results = Array.from({ length: 8 }, () => stream.write(Buffer.alloc(10_000)))
    expect(results).toEqual([true, true, true, true, true, true, false, false])
    wire.drain()
    await turn()
    expect([recorder.drainCount, wire.written.length]).toEqual([1, 12 + 1 + 2 * 12 + 80_000])
  })

  test('nothing is written while the wire is blocked; then all of it leaves together', async () => {
    const { wire, session, stream } = await openStream()
    wire.isWritable = false
    stream.write('first')
    await turn()
    wire.writes.length = 0
    stream.write('second')
    session.open().write('third')
    await turn()
    expect(wire.writes).toEqual([])
    wire.drain()
    expect(wire.writes).toEqual([
      Buffer.concat([
        encodeHeader(frameWord(frameType.windowUpdate, frameFlag.syn), 3, 0),
        data(6),
        Buffer.from('second'),
        encodeHeader(frameWord(frameType.data, 0), 3, 5),
        Buffer.from('third'),
      ]),
    ])
  })

  test('what is corked waits for uncork, which says whether the wire took it', async () => {
    const { wire, stream, recorder } = await openStream()
    stream.cork()
    stream.write('head')
    stream.write(Buffer.alloc(20_000, 1))
    await turn()
    expect(wire.writes).toEqual([])
    wire.isWritable = false
    expect(stream.uncork()).toBe(false)
    expect(wire.written.length).toBe(12 + 4 + 20_000)
    wire.drain()
    expect(recorder.drainCount).toBe(1)
    stream.cork()
    stream.write(Buffer.alloc(20_000, 1))
    expect(stream.uncork()).toBe(true)
  })

  test('what was written before cork in the same turn takes nothing corked with it', async () => {
    const { wire, stream } = await openStream()
    stream.write('before ')
    stream.cork()
    stream.write('after')
    await turn()
    expect(wire.written.includes('after')).toBe(false)
    stream.uncork()
    await turn()
    expect(wire.written).toEqual(Buffer.concat([data(12), Buffer.from('before after')]))
  })

  test('end while corked sends all, then FIN', async () => {
    const { wire, stream } = await openStream()
    stream.cork()
    stream.write('last')
    stream.end()
    stream.end()
    await turn()
    expect(wire.written).toEqual(Buffer.concat([data(4), Buffer.from('last'), fin]))
  })

  test('after end nothing is sent, and writing says true', async () => {
    const { wire, stream } = await openStream()
    stream.end()
    expect(stream.write('late')).toBe(true)
    await turn()
    expect(wire.written).toEqual(fin)
  })

  test('a batch is limited, so that what comes later need not wait for all bulk', async () => {
    const { wire, session, stream } = await openStream()
    const other = session.open()
    wire.isWritable = false
    stream.write('x')
    await turn()
    stream.write(Buffer.alloc(initialWindowBytes - 1))
    other.write(Buffer.alloc(initialWindowBytes))
    wire.writes.length = 0
    session.onDrain()
    expect(wire.written.length).toBeGreaterThan(262_144)
    expect(wire.written.length).toBeLessThan(262_144 + 2 * 16_384)
  })

  test('bytes that a blocked wire has not taken stay as they are, whatever other sessions send', async () => {
    const first = await openStream()
    const second = await openStream()
    const kept = keepReferences(first.wire)
    first.wire.isWritable = false
    first.stream.write('first')
    await turn()
    second.stream.write('second, and a little longer')
    await turn()
    expect(Buffer.concat(kept)).toEqual(Buffer.concat([data(5), Buffer.from('first')]))
  })

  test('a session that runs inside the write of another leaves its bytes alone', async () => {
    const first = await openStream()
    const second = await openStream()
    const kept = [keepReferences(first.wire), keepReferences(second.wire)]
    second.wire.isWritable = false
    first.wire.onWrite = () => {
      first.wire.onWrite = () => undefined
      second.stream.write(Buffer.alloc(20_000, 2))
    }
    first.stream.write(Buffer.alloc(20_000, 1))
    const third = await openStream()
    third.stream.write('third')
    await turn()
    expect(kept.map((writes) => Buffer.concat(writes))).toEqual(
      [1, 2].map((fill) => Buffer.concat([data(20_000), Buffer.alloc(20_000, fill)])),
    )
  })

  test('a bulk stream and small ones take turns', async () => {
    const { wire, session, stream } = await openStream()
    wire.isWritable = false
    stream.write('x')
    await turn()
    stream.write(Buffer.alloc(100_000))
    session.open().write('small')
    wire.writes.length = 0
    wire.drain()
    const sent = wire.written
    expect(sent.indexOf('small')).toBeLessThan(20_000)
    expect(sent.length).toBeGreaterThan(100_000)
  })
})

describe('reading', () => {
  test('large payloads come in equal pieces of at most transientBytes, or whole where chunks are stable', async () => {
    for (const [isStable, sizes] of [
      [false, [13_334, 13_334, 13_332]],
      [true, [40_000]],
    ] as const) {
      const { wire, recorder } = await openStream(isStable)
      wire.give(Buffer.concat([data(40_000), Buffer.alloc(40_000, 7)]))
      expect(recorder.chunks.map((chunk) => chunk.length)).toEqual(sizes)
      expect(recorder.bytes).toEqual(Buffer.alloc(40_000, 7))
      expect(Math.max(...sizes)).toBeLessThanOrEqual(isStable ? 40_000 : transientBytes)
    }
  })

  test('a handler that pauses in the middle of a payload gets the rest after resume, never inside it', async () => {
    const { wire, stream, recorder } = await openStream()
    recorder.react = () => stream.pause()
    wire.give(Buffer.concat([data(40_000), Buffer.alloc(40_000, 7)]))
    expect(recorder.byteCount).toBe(13_334)
    recorder.react = () => undefined
    stream.resume()
    expect(recorder.byteCount).toBe(13_334)
    await turn()
    expect(recorder.byteCount).toBe(40_000)
  })

  test('onEnd waits while paused, and onClose for it', async () => {
    const { wire, stream, recorder } = await openStream()
    stream.pause()
    stream.end()
    wire.give(Buffer.concat([data(2), Buffer.from('hi'), fin]))
    await turn()
    expect([recorder.byteCount, recorder.endCount, recorder.closes]).toEqual([0, 0, []])
    stream.resume()
    await turn()
    expect([recorder.byteCount, recorder.endCount, recorder.closes, recorder.broken]).toEqual([
      2,
      1,
      [null],
      [],
    ])
  })

  test('credit comes back for half a window that was read', async () => {
    const { wire, stream } = await openStream()
    const half = initialWindowBytes / 2
    wire.give(Buffer.concat([data(half - 1), Buffer.alloc(half - 1)]))
    expect(wire.writes).toEqual([])
    wire.give(Buffer.concat([data(1), Buffer.alloc(1)]))
    const roundTrip = encodeHeader(frameWord(frameType.ping, frameFlag.syn), 0, 0)
    expect(wire.writes).toEqual([Buffer.concat([roundTrip, credit(half)])])
    stream.pause()
    wire.give(Buffer.concat([data(half), Buffer.alloc(half)]))
    expect(wire.writes.length).toBe(1)
    stream.resume()
    await turn()
    expect(wire.writes.slice(1)).toEqual([credit(half)])
  })

  test('after destroySoon what comes is dropped but credited, and the peer may end in peace', async () => {
    const { wire, session, stream, recorder } = await openStream()
    stream.pause()
    wire.give(Buffer.concat([data(100_000), Buffer.alloc(100_000)]))
    stream.destroySoon()
    await turn()
    expect([recorder.byteCount, recorder.closes, session.streamCount]).toEqual([0, [null], 1])
    expect(wire.written).toEqual(fin)
    wire.give(Buffer.concat([data(50_000), Buffer.alloc(50_000)]))
    expect(wire.written).toEqual(Buffer.concat([fin, credit(150_000)]))
    wire.give(fin)
    expect([session.streamCount, recorder.byteCount, recorder.endCount]).toEqual([0, 0, 0])
    expect(wire.written).toEqual(Buffer.concat([fin, credit(150_000)]))
  })

  test('bytes after the peer ended the stream reset it', async () => {
    const { wire, session, recorder } = await openStream()
    wire.give(Buffer.concat([fin, data(3), Buffer.from('bad')]))
    expect(wire.written).toEqual(encodeHeader(frameWord(frameType.windowUpdate, frameFlag.rst), 1, 0))
    expect([session.isClosed, session.streamCount, recorder.byteCount]).toEqual([false, 0, 0])
    expect(recorder.closes).toEqual([expect.objectContaining({ code: 'YAMUX_PROTOCOL_ERROR' })])
  })
})
