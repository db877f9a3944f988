/** Windows, back-pressure and streams beside each other: the same cases for the memory link and for sockets. */
import { describe, expect, test } from 'vitest'
import { defaultYamuxLimits } from '../../src/mux/yamux/limits.ts'
import { flag, initialWindow, kind } from './naive-yamux.ts'
import { pattern } from './wire-compliance.ts'
import { digestOf } from './wire-recorder.ts'
import { fixtures, type MakeStage } from './yamux-compliance.ts'

export function describeYamuxFlow(name: string, makeStage: MakeStage): void {
  const start = fixtures(makeStage)

  describe(`${name}: windows`, () => {
    test('the window of the peer is used to the byte, credit by credit', async () => {
      const { stage, mux, peer } = await start({
        onStream: (stream) => stream.write(pattern(initialWindow + 5_000, 6)),
      })
      peer.delta = 0
      peer.givesCredit = false
      peer.open(1)
      let expected = initialWindow
      for (const credit of [1, 1, 2, 997, 0, 3_999]) {
        await stage.until('the bytes', () => peer.stream(1).received >= expected)
        await stage.settle()
        expect(peer.stream(1).received).toBe(expected)
        peer.grant(1, credit)
        expected += credit
      }
      await stage.until('the bytes', () => peer.stream(1).received === initialWindow + 5_000)
      expect(peer.digest(1)).toBe(digestOf(pattern(initialWindow + 5_000, 6)))
      await stage.until('the drain', () => mux.recorder(1).drainCount === 1)
    })

    test('our window may be filled to the byte while nobody reads; one byte more ends the session', async () => {
      const { stage, mux, session, peer } = await start({ onStream: (stream) => stream.pause() })
      peer.open(1)
      peer.open(3)
      await stage.until('the ACKs', () => peer.stream(1).acks + peer.stream(3).acks === 2)
      const window = peer.stream(1).sendWindow
      expect(window).toBeGreaterThanOrEqual(initialWindow)
      peer.data(1, flag.none, pattern(window - 1, 1))
      peer.data(1, flag.none, Buffer.from('.'))
      peer.data(3, flag.none, Buffer.from('.'))
      await stage.settle()
      expect([session.isClosed, mux.recorder(1).byteCount]).toEqual([false, 0])
      expect(peer.framesOf(1)).toHaveLength(1)
      peer.data(1, flag.none, Buffer.from('!'))
      await stage.until('the end', () => mux.isClosed && peer.isClosed)
      expect(peer.frames.at(-1)).toMatchObject({ type: kind.goAway, length: 1 })
      expect([mux.recorder(1).closes, mux.recorder(3).closes]).toEqual([
        [expect.any(Error)],
        [expect.any(Error)],
      ])
    })

    test('credit comes back as the owner reads, and only then', async () => {
      const { stage, mux, peer } = await start({ onStream: (stream) => stream.pause() })
      const bytes = pattern(3_000_000, 7)
      peer.open(1)
      await stage.until('the ACK', () => peer.stream(1).acks === 1)
      const window = peer.stream(1).sendWindow
      peer.send(1, bytes)
      peer.finish(1)
      await stage.settle()
      expect([peer.stream(1).sent, peer.framesOf(1).length]).toEqual([Math.min(window, bytes.length), 1])
      const recorder = mux.recorder(1)
      recorder.keepsBytes = false
      mux.accepted[0]?.resume()
      await stage.until('the end', () => recorder.endCount === 1)
      expect(recorder.digest).toBe(digestOf(bytes))
    })

    test('credit comes back when half a window was read, and none is ever lost', async () => {
      const { stage, mux, peer } = await start()
      peer.open(1)
      await stage.until('the ACK', () => peer.stream(1).acks === 1)
      mux.recorder(1).keepsBytes = false
      for (let read = initialWindow / 2; read <= 20 * initialWindow; read += initialWindow / 2) {
        peer.send(1, Buffer.alloc(initialWindow / 2))
        await stage.until('the bytes', () => mux.recorder(1).byteCount === read)
        await stage.until('the credit', () => peer.stream(1).sendWindow >= initialWindow)
      }
      expect(peer.stream(1).sendWindow).toBeLessThanOrEqual(defaultYamuxLimits.maxWindowBytes)
    })

    test('after destroySoon the peer can still finish what it was sending', async () => {
      const { stage, mux, session, peer } = await start({ onStream: (stream) => stream.pause() })
      peer.open(1)
      peer.send(1, pattern(1_500_000, 1))
      peer.finish(1)
      await stage.until('a full window', () => peer.stream(1).acks === 1)
      await stage.settle()
      mux.accepted[0]?.write('no more, thanks')
      mux.accepted[0]?.destroySoon()
      await stage.until('closed', () => mux.recorder(1).isClosed)
      expect(mux.recorder(1)).toMatchObject({ byteCount: 0, endCount: 0, closes: [null] })
      await stage.until('the end of the stream', () => session.streamCount === 0)
      expect(peer.stream(1)).toMatchObject({ sent: 1_500_000, fins: 1, resets: 0 })
      expect(peer.bytesOf(1).toString()).toBe('no more, thanks')
    })

    test('what a paused owner holds stays as it is, and comes after resume in order', async () => {
      const kept: { chunk: Buffer; copy: Buffer }[] = []
      const { stage, mux, peer } = await start({
        onStream: (stream, recorder) => {
          recorder.react = (chunk) => {
            stream.pause()
            if (chunk.length > 16_383) kept.push({ chunk, copy: Buffer.from(chunk) })
          }
        },
      })
      peer.open(1)
      peer.data(1, flag.none, pattern(60_000, 1))
      peer.data(1, flag.none, pattern(60_000, 2))
      peer.data(1, flag.none, pattern(60_000, 3))
      for (let before = 0; before < 180_000;) {
        const last = before
        await stage.until('bytes', () => (mux.recorders.get(1)?.byteCount ?? 0) > last)
        before = mux.recorder(1).byteCount
        await stage.settle()
        expect(mux.recorder(1).byteCount).toBe(before)
        expect(kept.filter(({ chunk, copy }) => !chunk.equals(copy))).toEqual([])
        kept.length = 0
        mux.accepted[0]?.resume()
      }
      const all = Buffer.concat([pattern(60_000, 1), pattern(60_000, 2), pattern(60_000, 3)])
      expect(mux.recorder(1).digest).toBe(digestOf(all))
    })

    test('megabytes flow both ways at once, byte for byte', async () => {
      const { stage, mux, peer } = await start()
      const bytes = pattern(8_000_000, 5)
      peer.keepsBytes = false
      peer.open(1)
      await stage.until('the stream', () => mux.accepted.length === 1)
      const recorder = mux.recorder(1)
      recorder.keepsBytes = false
      let at = 0
      recorder.whenDrained = () => {
        while (at < bytes.length) {
          const mayGoOn = mux.accepted[0]?.write(bytes.subarray(at, at + 50_000)) ?? false
          at += 50_000
          if (!mayGoOn) return
        }
        recorder.whenDrained = () => undefined
        mux.accepted[0]?.end()
      }
      recorder.whenDrained()
      peer.send(1, bytes)
      peer.finish(1)
      await stage.until('both ends', () => recorder.isClosed && peer.stream(1).fins === 1)
      expect([peer.digest(1), recorder.digest]).toEqual([digestOf(bytes), digestOf(bytes)])
      expect(peer.framesOf(1, kind.data).every(({ length }) => length > 0)).toBe(true)
    })
  })

  describe(`${name}: streams beside each other`, () => {
    test('of 500 streams one reader stalls: all others complete', { timeout: 30_000 }, async () => {
      const { stage, mux, session, peer } = await start({
        limits: { maxStreams: 600 },
        onStream: (stream, recorder) => {
          recorder.keepsBytes = false
          if (stream.id === 101) stream.pause()
          recorder.react = () => stream.write('ok')
        },
      })
      const ids = Array.from({ length: 500 }, (_, index) => 2 * index + 1)
      const bytes = pattern(6_000, 1)
      for (const id of ids) {
        peer.open(id)
        if (id === 101) peer.send(id, pattern(10_000_000, 1))
        else peer.send(id, bytes)
        peer.finish(id)
      }
      const others = ids.filter((id) => id !== 101)
      await stage.until('all others', () => others.every((id) => mux.recorders.get(id)?.endCount === 1))
      for (const id of others) mux.accepted[(id - 1) / 2]?.end()
      await stage.until('the others closed', () => session.streamCount === 1)
      await stage.until('their FINs', () => others.every((id) => peer.stream(id).fins === 1))
      expect(others.filter((id) => mux.recorder(id).digest !== digestOf(bytes))).toEqual([])
      expect(others.filter((id) => peer.stream(id).fins !== 1 || peer.stream(id).received === 0)).toEqual([])
      expect([mux.recorder(101).byteCount, peer.stream(101).sendWindow]).toEqual([0, 0])
    })

    test('of 500 streams one peer gives no credit: all others complete', { timeout: 30_000 }, async () => {
      const { stage, mux, session, peer } = await start({ role: 'client', limits: { maxStreams: 600 } })
      peer.acknowledges = false
      peer.keepsBytes = false
      const opened = Array.from({ length: 500 }, () => mux.open())
      await stage.until('the SYNs', () => peer.streams.size === 500)
      for (const { stream } of opened) if (stream.id !== 51) peer.accept(stream.id)
      const bytes = pattern(300_000, 2)
      const total = (id: number): number => (id % 100 === 1 ? bytes.length : 1_000)
      for (const { stream } of opened) {
        stream.write(stream.id === 51 ? bytes : bytes.subarray(0, total(stream.id)))
        stream.end()
        peer.finish(stream.id)
      }
      await stage.until('all others', () => session.streamCount === 1)
      const others = opened.filter(({ stream }) => stream.id !== 51)
      await stage.until('their FINs', () => others.every(({ stream }) => peer.stream(stream.id).fins === 1))
      expect(others.filter(({ stream }) => peer.stream(stream.id).received !== total(stream.id))).toEqual([])
      expect([peer.stream(51).received, peer.stream(51).fins]).toEqual([initialWindow, 0])
      peer.accept(51)
      await stage.until('the last', () => session.streamCount === 0 && peer.stream(51).fins === 1)
      expect(peer.stream(51).received).toBe(bytes.length)
    })
  })
}
