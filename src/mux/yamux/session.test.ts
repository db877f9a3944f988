import { describe, expect, test } from 'vitest'
import { ScriptedWire } from '../../../test/support/scripted-wire.ts'
import { WireRecorder } from '../../../test/support/wire-recorder.ts'
import { encodeHeader, frameFlag, frameType, frameWord, initialWindowBytes } from './frame.ts'
import type { YamuxLimits } from './limits.ts'
import { YamuxSession } from './session.ts'
import type { YamuxStream } from './stream.ts'

class Stage {
  readonly wire = new ScriptedWire()
  readonly streams: YamuxStream[] = []
  readonly recorders: WireRecorder[] = []
  readonly closes: (Error | null)[] = []
  readonly session: YamuxSession
  now = 1_000
  onStream: (stream: YamuxStream) => void = () => undefined

  constructor(role: 'client' | 'server' = 'server', limits: Partial<YamuxLimits> = {}) {
    this.session = new YamuxSession(this.wire, {
      role,
      limits,
      clock: { monotonic: () => this.now, wall: () => 0 },
      onStream: (stream) => {
        this.streams.push(stream)
        const recorder = new WireRecorder()
        this.recorders.push(recorder)
        stream.setHandler(recorder)
        this.onStream(stream)
      },
      onClose: (error) => this.closes.push(error),
    })
  }

  /** The clock goes on; the owner's sweeper looks once. */
  pass(ms: number): void {
    this.now += ms
    if (this.session.deadlineAt <= this.now) this.session.onDeadline(this.now)
  }

  open(...ids: number[]): void {
    for (const id of ids) this.wire.give(frame(frameType.windowUpdate, frameFlag.syn, id, 0))
    this.wire.writes.length = 0
  }
}

function frame(type: number, flags: number, id: number, length: number, payload = ''): Buffer {
  return Buffer.concat([encodeHeader(frameWord(type, flags), id, length), Buffer.from(payload)])
}

const data = (id: number, payload: string, flags = 0): Buffer =>
  frame(frameType.data, flags, id, payload.length, payload)

/** What is due after the current code has happened. */
async function turn(): Promise<void> {
  for (let n = 0; n < 4; n += 1) await Promise.resolve()
}

describe('a handler that throws', () => {
  test('onData: the error passes through, and every other frame of the chunk still arrives', () => {
    const stage = new Stage()
    stage.open(1, 3)
    const [first, second] = stage.recorders
    first!.react = () => {
      first!.react = () => undefined
      throw new Error('a bug')
    }
    const chunk = [data(1, 'one'), data(3, 'two', frameFlag.fin), data(1, 'three', frameFlag.fin)]
    expect(() => stage.wire.give(Buffer.concat(chunk))).toThrow('a bug')
    expect([first!.bytes.toString(), first!.endCount]).toEqual(['onethree', 1])
    expect([second!.bytes.toString(), second!.endCount]).toEqual(['two', 1])
    stage.wire.give(frame(frameType.ping, frameFlag.syn, 0, 9))
    expect(stage.wire.written.subarray(-12)).toEqual(frame(frameType.ping, frameFlag.ack, 0, 9))
  })

  test('onData with the last bytes: onEnd still comes', () => {
    const stage = new Stage()
    stage.open(1)
    stage.recorders[0]!.react = () => {
      throw new Error('a bug')
    }
    expect(() => stage.wire.give(data(1, 'x', frameFlag.fin))).toThrow('a bug')
    expect(stage.recorders[0]!.endCount).toBe(1)
  })

  test('onStream: the stream is reset, the session goes on', () => {
    const stage = new Stage()
    stage.onStream = () => {
      throw new Error('a bug')
    }
    expect(() => stage.wire.give(Buffer.concat([data(1, 'x', frameFlag.syn), data(3, 'y')]))).toThrow('a bug')
    expect([stage.session.streamCount, stage.session.isClosed]).toEqual([0, false])
    expect(stage.wire.written.subarray(-12)).toEqual(frame(frameType.windowUpdate, frameFlag.rst, 1, 0))
  })

  test('onEnd: onClose still follows, and what was written in the same turn leaves', async () => {
    const stage = new Stage()
    stage.open(1, 3)
    const [first, second] = stage.recorders
    first!.whenEnded = () => {
      throw new Error('a bug')
    }
    second!.react = () => stage.streams[1]!.write('answer')
    stage.streams[0]!.end()
    await turn()
    const chunk = Buffer.concat([data(3, 'question'), data(1, '', frameFlag.fin)])
    expect(() => stage.wire.give(chunk)).toThrow('a bug')
    await turn()
    expect([first!.endCount, first!.closes]).toEqual([1, [null]])
    expect(stage.wire.written.subarray(-18)).toEqual(data(3, 'answer'))
  })

  test('onEnd and onClose: the others hear of theirs', async () => {
    const stage = new Stage()
    stage.open(1, 3)
    const [first, second] = stage.recorders
    first!.whenEnded = () => {
      throw new Error('a bug')
    }
    for (const stream of stage.streams) stream.end()
    const fins = [1, 3].map((id) => frame(frameType.windowUpdate, frameFlag.fin, id, 0))
    expect(() => stage.wire.give(Buffer.concat(fins))).toThrow('a bug')
    await turn()
    expect([first!.endCount, first!.closes, second!.closes]).toEqual([1, [null], [null]])
  })
})

describe('deadlines', () => {
  test('a silent peer is asked once per interval; anything it sends is a sign of life', async () => {
    const stage = new Stage('server', { keepAliveIntervalMs: 30_000, keepAliveTimeoutMs: 10_000 })
    stage.pass(29_999)
    await turn()
    expect(stage.wire.writes).toEqual([])
    stage.pass(1)
    await turn()
    expect(stage.wire.writes).toEqual([frame(frameType.ping, frameFlag.syn, 0, 0)])
    stage.now += 9_999
    stage.wire.give(data(77, 'x'))
    stage.pass(1)
    await turn()
    expect(stage.session.isClosed).toBe(false)
    stage.pass(29_998)
    expect(stage.wire.writes.length).toBe(1)
    stage.pass(1)
    await turn()
    expect(stage.wire.writes.length).toBe(2)
    stage.pass(10_000)
    await turn()
    expect(stage.closes).toEqual([expect.objectContaining({ code: 'YAMUX_KEEP_ALIVE_TIMEOUT' })])
    expect([stage.wire.calls, stage.session.deadlineAt]).toEqual([['destroy'], Infinity])
  })

  test('a wire that does not drain ends the session, one that drains does not', async () => {
    const stage = new Stage('server', { writeTimeoutMs: 30_000, keepAliveIntervalMs: Infinity })
    stage.open(1)
    const stream = stage.streams[0]!
    await turn()
    for (let n = 0; n < 4; n += 1) {
      stage.wire.isWritable = false
      stream.write('x')
      await turn()
      stage.pass(29_999)
      stage.wire.drain()
    }
    expect(stage.session.isClosed).toBe(false)
    stage.wire.isWritable = false
    stream.write('x')
    await turn()
    stage.pass(30_000)
    await turn()
    expect(stage.closes).toEqual([expect.objectContaining({ code: 'YAMUX_WRITE_TIMEOUT' })])
  })

  test('ping tells the round trip, or null when late or closed; the streams are told before the session', async () => {
    const stage = new Stage('client')
    const results: (number | null | string)[] = []
    stage.session.ping(500, (ms) => results.push(ms))
    stage.session.ping(500, (ms) => results.push(ms))
    stage.now += 20
    stage.wire.give(frame(frameType.ping, frameFlag.ack, 0, 1))
    expect([results, stage.session.roundTripMs]).toEqual([[20], 20])
    stage.pass(480)
    await turn()
    expect(results).toEqual([20, null])
    stage.session.ping(500, () => results.push(`closed after ${stage.closes.length}`))
    stage.session.destroy()
    stage.session.ping(500, (ms) => results.push(ms))
    await turn()
    expect([results.slice(2), stage.closes]).toEqual([['closed after 0', null], [null]])
  })

  test('after a protocol error the peer gets 5 s to read why, then the wire is destroyed', async () => {
    const stage = new Stage()
    stage.open(1)
    stage.wire.give(frame(4, 0, 1, 0))
    expect(stage.wire.written).toEqual(frame(frameType.goAway, 0, 0, 1))
    expect([stage.wire.calls, stage.recorders[0]!.closes.length, stage.closes]).toEqual([
      ['destroySoon'],
      1,
      [],
    ])
    stage.pass(5_000)
    await turn()
    expect(stage.wire.calls).toEqual(['destroySoon', 'destroy'])
    expect(stage.closes).toEqual([expect.objectContaining({ code: 'YAMUX_PROTOCOL_ERROR' })])
    stage.wire.close()
    await turn()
    expect([stage.closes.length, stage.session.deadlineAt]).toEqual([1, Infinity])
  })

  test('an ACK does not let a closing stream wait for ever', async () => {
    const stage = new Stage('client', { closeTimeoutMs: 30_000, keepAliveIntervalMs: Infinity })
    stage.session.open().destroySoon()
    await turn()
    stage.wire.give(frame(frameType.windowUpdate, frameFlag.ack, 1, 0))
    stage.pass(30_000)
    await turn()
    expect([stage.session.streamCount, stage.session.isClosed]).toEqual([0, false])
  })

  test('a stream that is closing is reset 30 s after its last progress', async () => {
    const stage = new Stage('client', { closeTimeoutMs: 30_000, keepAliveIntervalMs: Infinity })
    const recorder = new WireRecorder()
    const stream = stage.session.open()
    stream.setHandler(recorder)
    stage.wire.give(frame(frameType.windowUpdate, frameFlag.ack, 1, 0))
    stream.write(Buffer.alloc(initialWindowBytes + 2))
    stream.destroySoon()
    await turn()
    stage.pass(29_999)
    stage.wire.give(frame(frameType.windowUpdate, 0, 1, 1))
    stage.pass(29_999)
    expect(stage.session.streamCount).toBe(1)
    stage.pass(1)
    await turn()
    expect(stage.wire.written.subarray(-12)).toEqual(frame(frameType.windowUpdate, frameFlag.rst, 1, 0))
    expect(recorder.closes).toEqual([expect.objectContaining({ code: 'YAMUX_CLOSE_TIMEOUT' })])
    expect([stage.session.streamCount, stage.session.isClosed]).toEqual([0, false])
  })
})

describe('a stream that is over on the wire while its reader is paused', () => {
  async function paused(): Promise<Stage> {
    const stage = new Stage()
    stage.open(1)
    stage.streams[0]!.pause()
    stage.streams[0]!.end()
    stage.wire.give(data(1, 'all', frameFlag.fin))
    await turn()
    stage.wire.writes.length = 0
    return stage
  }

  test('cannot be reset any more, and ends well after resume', async () => {
    const stage = await paused()
    stage.wire.give(frame(frameType.windowUpdate, frameFlag.rst, 1, 0))
    stage.streams[0]!.resume()
    await turn()
    const [recorder] = stage.recorders
    expect([recorder!.bytes.toString(), recorder!.endCount, recorder!.closes]).toEqual(['all', 1, [null]])
    expect([stage.session.streamCount, stage.wire.writes]).toEqual([0, []])
  })

  test('is destroyed without a RST', async () => {
    const stage = await paused()
    stage.streams[0]!.destroy()
    await turn()
    expect([stage.recorders[0]!.closes, stage.session.streamCount, stage.wire.writes]).toEqual([
      [null],
      0,
      [],
    ])
  })
})

describe('receive windows', () => {
  const half = Buffer.concat([
    encodeHeader(frameWord(frameType.data, 0), 1, initialWindowBytes / 2),
    Buffer.alloc(initialWindowBytes / 2),
  ])
  const credit = (bytes: number): Buffer => frame(frameType.windowUpdate, 0, 1, bytes)

  /** Half a window is read; then the peer answers the question for the round trip, 40 ms later. */
  function measured(limits: Partial<YamuxLimits> = {}): Stage {
    const stage = new Stage('server', limits)
    stage.open(1)
    stage.wire.give(half)
    expect(stage.wire.written).toEqual(
      Buffer.concat([frame(frameType.ping, frameFlag.syn, 0, 0), credit(initialWindowBytes / 2)]),
    )
    stage.now += 40
    stage.wire.give(frame(frameType.ping, frameFlag.ack, 0, 0))
    stage.wire.writes.length = 0
    return stage
  }

  test('double where half of one lasts less than two round trips', () => {
    const stage = measured()
    stage.now += 39
    stage.wire.give(half)
    expect(stage.wire.written).toEqual(credit(initialWindowBytes / 2 + initialWindowBytes))
  })

  test('stay where the reader is slower, or was paused', async () => {
    const slow = measured()
    slow.now += 40
    slow.wire.give(half)
    expect(slow.wire.written).toEqual(credit(initialWindowBytes / 2))
    const paused = measured()
    paused.streams[0]!.pause()
    paused.wire.give(half)
    paused.wire.give(half.subarray(0, 12))
    paused.streams[0]!.resume()
    await turn()
    expect(paused.wire.written).toEqual(credit(initialWindowBytes / 2))
  })

  test('may grow again when another stream has given its own back', async () => {
    const stage = new Stage('server', { sessionWindowBytes: 2 * initialWindowBytes })
    stage.open(3)
    stage.streams[0]!.destroy()
    stage.open(1)
    stage.wire.give(half)
    stage.now += 40
    stage.wire.give(frame(frameType.ping, frameFlag.ack, 0, 0))
    stage.wire.writes.length = 0
    stage.wire.give(half)
    expect(stage.wire.written).toEqual(credit(initialWindowBytes / 2 + initialWindowBytes))
  })

  test('bytes that a destroyed stream held may be held by others', () => {
    const stage = new Stage('server', { maxBufferedBytes: 10 })
    for (const id of [1, 3, 5]) {
      stage.open(id)
      const stream = stage.streams.at(-1)!
      stream.pause()
      stage.wire.give(data(id, '0123456789'))
      expect(stage.session.streamCount).toBe(1)
      stream.destroy()
    }
  })

  test('stay where one stream, or all together, have what they may have', () => {
    const limits = [{ maxWindowBytes: 262_144 }, { sessionWindowBytes: 524_287 }] as const
    for (const limit of limits) {
      const stage = new Stage('server', limit)
      stage.open(1)
      for (let n = 0; n < 4; n += 1) stage.wire.give(half)
      expect(stage.wire.written).toEqual(Buffer.concat([1, 2, 3, 4].map(() => credit(131_072))))
    }
  })
})

test('stream ids of both sides are even for the server and odd for the client, and nobody may open the other’s', () => {
  for (const [role, ids, wrong] of [
    ['client', [1, 3], [0, 5]],
    ['server', [2, 4], [0, 6]],
  ] as const) {
    const stage = new Stage(role)
    expect([stage.session.open().id, stage.session.open().id]).toEqual(ids)
    for (const id of wrong) {
      const other = new Stage(role)
      other.wire.give(data(id, '', frameFlag.syn))
      expect(other.wire.written).toEqual(frame(frameType.goAway, 0, 0, 1))
      expect(other.session.isClosed).toBe(true)
    }
  }
})

test('a stream that is one too many is acknowledged and reset, and its bytes are drained', () => {
  const stage = new Stage('server', { maxStreams: 1 })
  stage.open(1)
  stage.wire.give(Buffer.concat([data(3, 'abc', frameFlag.syn), data(1, 'ok')]))
  expect(stage.wire.written).toEqual(
    Buffer.concat([
      frame(frameType.windowUpdate, frameFlag.ack, 3, 0),
      frame(frameType.windowUpdate, frameFlag.rst, 3, 0),
    ]),
  )
  expect([stage.streams.length, stage.recorders[0]!.bytes.toString()]).toEqual([1, 'ok'])
  expect(() => stage.session.open()).toThrow(expect.objectContaining({ code: 'YAMUX_STREAM_LIMIT' }))
})

test('a window beyond 4 GiB ends the session', () => {
  const stage = new Stage()
  stage.open(1)
  stage.wire.give(frame(frameType.windowUpdate, 0, 1, 0xffff_ffff - initialWindowBytes))
  expect(stage.session.isClosed).toBe(false)
  stage.wire.give(frame(frameType.windowUpdate, 0, 1, 1))
  expect(stage.wire.written).toEqual(frame(frameType.goAway, 0, 0, 1))
})

test('a GoAway with a reason ends the session and its streams with it', async () => {
  const stage = new Stage()
  stage.open(1)
  stage.wire.give(frame(frameType.goAway, 0, 0, 2))
  await turn()
  const expected = [expect.objectContaining({ code: 'YAMUX_PEER_ERROR' })]
  expect([stage.recorders[0]!.closes, stage.closes, stage.wire.calls]).toEqual([
    expected,
    expected,
    ['destroy'],
  ])
})

test('the end of the wire is orderly without streams, an error with them', async () => {
  const idle = new Stage()
  idle.wire.giveEnd()
  await turn()
  expect(idle.closes).toEqual([null])
  const busy = new Stage()
  busy.open(1)
  busy.wire.close(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  await turn()
  const lost = expect.objectContaining({
    code: 'YAMUX_CONNECTION_LOST',
    cause: expect.objectContaining({ code: 'ECONNRESET' }),
  })
  expect([busy.closes, busy.recorders[0]!.closes]).toEqual([[lost], [lost]])
})
