/** Whatever an owner does inside a callback, the session stays in order. */
import { describe, expect, test } from 'vitest'
import { errorCode } from '../../base/errors.ts'
import { flag, header, kind } from '../../../test/support/naive-yamux.ts'
import { pattern } from '../../../test/support/wire-compliance.ts'
import { WireRecorder } from '../../../test/support/wire-recorder.ts'
import { fixtureOn, memoryStage, type RecordedSession } from '../../../test/support/yamux-stage.ts'
import type { YamuxStream } from './stream.ts'

type Act = (stream: YamuxStream, mux: RecordedSession) => void

const acts: Record<string, Act> = {
  'writes a little': (stream) => stream.write('x'),
  'writes a lot': (stream) => stream.write(Buffer.alloc(500_000)),
  'corks, writes and uncorks': (stream) => {
    stream.cork()
    stream.write('x')
    stream.write('y')
    stream.uncork()
  },
  ends: (stream) => stream.end(),
  'writes and ends': (stream) => {
    stream.write('x')
    stream.end()
  },
  'destroys the stream': (stream) => stream.destroy(),
  'destroys the stream soon': (stream) => stream.destroySoon(),
  pauses: (stream) => stream.pause(),
  'pauses and resumes': (stream) => {
    stream.pause()
    stream.resume()
  },
  'hands the stream over': (stream, mux) => {
    const next = new WireRecorder()
    if (!mux.recorder(stream.id).isClosed) mux.recorders.set(stream.id, next)
    stream.setHandler(next)
  },
  'destroys all other streams': (stream, mux) => {
    for (const each of mux.accepted) if (each !== stream) each.destroy()
  },
  'opens streams': (_stream, mux) => {
    for (let n = 0; n < 3; n += 1) {
      try {
        mux.open().stream.write('hello')
      } catch (error) {
        expect(errorCode(error)).toMatch(/^YAMUX_/)
      }
    }
  },
  'goes away': (_stream, mux) => mux.session.goAway(),
  pings: (_stream, mux) => mux.session.ping(1_000, () => mux.session.ping(1_000, () => undefined)),
  'destroys the session': (_stream, mux) => mux.session.destroy(new Error('inside')),
}

const moments = ['onStream', 'onData', 'onEnd', 'onDrain', 'onClose', 'the session closes', 'a ping'] as const

describe.each(moments)('inside %s', (moment) => {
  test.each(Object.entries(acts))('the owner %s', async (_name, act) => {
    const stage = memoryStage({ roomBytes: 100_000 })
    let happened = 0
    const { mux, session, peer } = fixtureOn(stage, {
      onStream: (stream, recorder) => {
        const now = (): void => {
          happened += 1
          if (happened <= 5) act(stream, mux)
        }
        if (moment === 'onData') recorder.react = now
        if (moment === 'onEnd') recorder.whenEnded = now
        if (moment === 'onDrain') recorder.whenDrained = now
        if (moment === 'onClose') recorder.whenClosed = now
        if (moment === 'onDrain') stream.write(Buffer.alloc(300_000))
        if (moment === 'onStream') now()
      },
      onClose: () => {
        if (moment !== 'the session closes') return
        for (const stream of mux.accepted) {
          happened += 1
          act(stream, mux)
        }
      },
    })
    if (moment === 'a ping') {
      session.ping(1_000, () => {
        happened += 1
        for (const stream of mux.accepted) act(stream, mux)
      })
    }
    for (const id of [1, 3, 5]) {
      peer.open(id)
      peer.send(id, pattern(20_000, id))
    }
    await stage.settle()
    for (const id of [1, 3]) {
      peer.send(id, pattern(20_000, id))
      peer.finish(id)
    }
    peer.frame(kind.windowUpdate, flag.rst, 5, 0)
    await stage.settle()
    for (const stream of mux.accepted) stream.end()
    await stage.settle()
    session.destroy()
    await stage.until('the end', () => mux.isClosed)
    await stage.settle()
    expect(happened).toBeGreaterThan(0)
    expect([mux.faults, peer.broken]).toEqual([[], []])
    expect([session.streamCount, mux.closes.length]).toEqual([0, 1])
  })
})

describe('a handler that throws', () => {
  for (const moment of ['onStream', 'onData', 'onEnd'] as const) {
    test(`inside ${moment} harms nobody else`, async () => {
      const stage = memoryStage()
      const fail = (): never => {
        throw new Error('a mistake of the owner')
      }
      const { mux, session, peer } = fixtureOn(stage, {
        onStream: (stream, recorder) => {
          if (stream.id !== 3) return
          if (moment === 'onData') recorder.react = fail
          if (moment === 'onEnd') recorder.whenEnded = fail
          if (moment === 'onStream') fail()
        },
      })
      const frames = [1, 3, 5].flatMap((id) => [
        header(kind.data, flag.syn, id, 100),
        pattern(100, id),
        header(kind.windowUpdate, flag.fin, id, 0),
      ])
      peer.wire.write(Buffer.concat(frames))
      await expect(stage.settle()).rejects.toThrow('a mistake of the owner')
      await stage.settle()
      expect([mux.recorder(1).endCount, mux.recorder(5).endCount, mux.isClosed]).toEqual([1, 1, false])
      expect([mux.recorder(1).byteCount, mux.recorder(5).byteCount]).toEqual([100, 100])
      expect(mux.recorder(3).closes).toHaveLength(moment === 'onStream' ? 1 : 0)
      for (const stream of mux.accepted) stream.end()
      await stage.until('all gone', () => session.streamCount === 0)
      await stage.settle()
      expect([...mux.recorders.values()].map(({ closes }) => closes.length)).toEqual([1, 1, 1])
      expect(mux.faults).toEqual([])
    })
  }
})
