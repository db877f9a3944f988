/** A recorded conversation, split and cut at every byte. */
import { beforeAll, expect, test } from 'vitest'
import { decodeFrame, flag, kind, type NaiveFrame } from '../../../test/support/naive-yamux.ts'
import { pattern } from '../../../test/support/wire-compliance.ts'
import {
  fixtureOn,
  memoryStage,
  RecordedSession,
  type MemoryStage,
} from '../../../test/support/yamux-stage.ts'

/** What the Go side sent. */
let conversation: Buffer

interface Outcome {
  readonly streams: Record<number, { text: string; ends: number; closes: number }>
  /** What we sent, stream by stream: batches may put streams in another order. */
  readonly sent: Record<number, string[]>
}

/** Echoes each chunk, and ends when the peer ended. */
function echoOn(stage: MemoryStage): RecordedSession {
  return new RecordedSession(stage, stage.near, {
    onStream: (stream, recorder) => {
      recorder.react = (chunk) => stream.write(Buffer.from(chunk))
      recorder.whenEnded = () => stream.end()
    },
  })
}

beforeAll(async () => {
  const recorded: Buffer[] = []
  const stage = memoryStage({
    onPassed: (from, bytes) => {
      if (from === 'far') recorded.push(bytes)
    },
  })
  const { mux, peer } = fixtureOn(stage, {
    onStream: (stream, recorder) => {
      recorder.react = (chunk) => stream.write(Buffer.from(chunk))
      recorder.whenEnded = () => stream.end()
    },
  })
  peer.open(1)
  peer.send(1, pattern(100, 1))
  peer.open(3)
  peer.frame(kind.ping, flag.syn, 0, 1)
  peer.data(5, flag.syn, pattern(40, 5))
  await stage.settle()
  peer.send(3, pattern(60, 3))
  peer.send(1, pattern(30, 2))
  peer.finish(3)
  peer.frame(kind.windowUpdate, flag.rst, 5, 0)
  peer.data(5, flag.none, pattern(20, 6))
  await stage.settle()
  peer.data(7, flag.syn | flag.fin, pattern(10, 7))
  peer.send(1, pattern(50, 4))
  peer.frame(kind.ping, flag.syn, 0, 2)
  await stage.settle()
  expect([mux.faults, peer.broken, mux.session.streamCount]).toEqual([[], [], 1])
  conversation = Buffer.concat(recorded)
})

async function play(pieces: readonly Buffer[], ending: 'none' | 'end' | 'reset'): Promise<Outcome> {
  const stage = memoryStage()
  const mux = echoOn(stage)
  const sent: Buffer[] = []
  stage.far.setHandler({
    onData: (chunk) => sent.push(Buffer.from(chunk)),
    onEnd: () => stage.far.end(),
    onDrain: () => undefined,
    onClose: () => undefined,
  })
  for (const piece of pieces) {
    stage.far.write(piece)
    await stage.time.advance(0)
  }
  if (ending === 'end') stage.far.destroy()
  else if (ending === 'reset') stage.link.cut()
  else mux.session.goAway()
  await stage.time.advance(1)
  if (ending === 'none') mux.session.destroy()
  await stage.time.advance(1)
  expect(mux.faults).toEqual([])
  expect(mux.closes).toHaveLength(1)
  expect(mux.session.streamCount).toBe(0)
  const streams: Outcome['streams'] = {}
  for (const [id, recorder] of mux.recorders) {
    streams[id] = {
      text: recorder.bytes.toString('hex'),
      ends: recorder.endCount,
      closes: recorder.closes.length,
    }
  }
  return { streams, sent: framesByStream(Buffer.concat(sent)) }
}

function framesByStream(bytes: Buffer): Outcome['sent'] {
  const byStream: Record<number, string[]> = {}
  let left = bytes
  for (let frame = decodeFrame(left); frame !== null; frame = decodeFrame(left)) {
    left = left.subarray(12 + frame.body.length)
    const lines = (byStream[frame.streamId] ??= [])
    lines.push(describe(frame, lines))
  }
  expect(left).toHaveLength(0)
  return byStream
}

/** Data of neighbouring frames is one text, since how it is cut into frames is free. */
function describe({ type, flags, length, body }: NaiveFrame, lines: string[]): string {
  if (type !== kind.data || flags !== 0) return `${type}/${flags}/${length} ${body.toString('hex')}`
  const before = lines.at(-1)?.startsWith('data ') === true ? (lines.pop() ?? '') : 'data '
  return before + body.toString('hex')
}

test('however the bytes are split, the session does the same', { timeout: 60_000 }, async () => {
  const whole = await play([conversation], 'none')
  expect(Object.keys(whole.streams)).toEqual(['1', '3', '5', '7'])
  expect(whole.streams[1]?.text).toBe(
    Buffer.concat([pattern(100, 1), pattern(30, 2), pattern(50, 4)]).toString('hex'),
  )
  const bytewise = Array.from({ length: conversation.length }, (_, at) => conversation.subarray(at, at + 1))
  // NOTE: byte by byte, stream 5 is echoed before its RST is known; whole, the RST overtakes the echo.
  const without5 = ({ streams, sent }: Outcome): unknown => ({ streams, sent: { ...sent, 5: [] } })
  expect(without5(await play(bytewise, 'none'))).toEqual(without5(whole))
  for (let at = 1; at < conversation.length; at += 1) {
    const outcome = await play([conversation.subarray(0, at), conversation.subarray(at)], 'none')
    expect(without5(outcome), `split at ${at}`).toEqual(without5(whole))
  }
})

for (const ending of ['end', 'reset'] as const) {
  test(
    `cut at every byte (${ending}), every stream hears of it exactly once`,
    { timeout: 60_000 },
    async () => {
      for (let at = 0; at <= conversation.length; at += 1) {
        const { streams } = await play([conversation.subarray(0, at)], ending)
        const closes = Object.values(streams).map((each) => each.closes)
        expect(
          closes.every((count) => count === 1),
          `cut at ${at}`,
        ).toBe(true)
      }
    },
  )
}
