/**
 * What a yamux session owes a Go peer, frame by frame: one suite for the memory link and for real sockets. The
 * peer is `NaivePeer`, which was written from the spec alone.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { flag, goDelta, header, initialWindow, kind } from './naive-yamux.ts'
import { digestOf } from './wire-recorder.ts'
import { pattern } from './wire-compliance.ts'
import { fixtureOn, type MuxFixture, type MuxOptions, type MuxStage } from './yamux-stage.ts'

export type MakeStage = () => MuxStage | Promise<MuxStage>

/** Starts fixtures and checks at the end of each test that nobody broke a promise. */
export function fixtures(makeStage: MakeStage): (options?: MuxOptions) => Promise<MuxFixture> {
  const running: MuxFixture[] = []
  afterEach(async () => {
    for (const { stage, mux, session, peer } of running.splice(0)) {
      await stage.settle()
      session.destroy()
      await stage.until('the session closed', () => mux.isClosed)
      await stage.settle()
      expect({ session: mux.faults, peer: peer.broken }).toEqual({ session: [], peer: [] })
      await stage.close()
    }
  })
  return async (options = {}) => {
    const fixture = fixtureOn(await makeStage(), options)
    running.push(fixture)
    return fixture
  }
}

export function describeYamux(name: string, makeStage: MakeStage): void {
  const start = fixtures(makeStage)

  describe(`${name}: opening`, () => {
    test('a SYN from Go is acknowledged once, with the credit on top of 256 KiB', async () => {
      const { stage, mux, peer } = await start()
      expect(header(kind.windowUpdate, flag.syn, 1, goDelta).toString('hex')).toBe('0001000100000001005c0000')
      peer.open(1)
      peer.open(3)
      await stage.until('both ACKs', () => peer.frames.length >= 2)
      await stage.settle()
      expect(peer.frames.map(({ type, flags, streamId }) => [type, flags, streamId])).toEqual([
        [kind.windowUpdate, flag.ack, 1],
        [kind.windowUpdate, flag.ack, 3],
      ])
      expect(mux.accepted.map(({ id, isAcknowledged }) => [id, isAcknowledged])).toEqual([
        [1, true],
        [3, true],
      ])
      expect(mux.session.streamCount).toBe(2)
    })

    for (const [role, ids] of [
      ['client', [1, 3, 5]],
      ['server', [2, 4, 6]],
    ] as const) {
      test(`a ${role} opens streams ${ids.join(', ')} with one SYN each`, async () => {
        const { stage, mux, peer } = await start({ role })
        peer.acknowledges = false
        const opened = ids.map(() => mux.open().stream)
        expect(opened.map(({ id, isAcknowledged }) => [id, isAcknowledged])).toEqual(
          ids.map((id) => [id, false]),
        )
        await stage.until('all SYNs', () => peer.frames.length >= ids.length)
        await stage.settle()
        expect(peer.frames.map(({ type, flags, streamId }) => [type, flags, streamId])).toEqual(
          ids.map((id) => [kind.windowUpdate, flag.syn, id]),
        )
        for (const id of ids) peer.accept(id)
        await stage.until('the ACKs', () => opened.every(({ isAcknowledged }) => isAcknowledged))
        expect(mux.session.streamCount).toBe(ids.length)
      })
    }

    test('data may come before our ACK, and SYN and ACK may ride on data', async () => {
      const { stage, mux, peer } = await start()
      peer.open(1)
      peer.data(1, flag.none, pattern(200_000, 1))
      peer.data(3, flag.syn, Buffer.from('three'))
      await stage.until('the data', () => mux.accepted.length === 2 && mux.recorder(1).byteCount === 200_000)
      await stage.until('the small data', () => mux.recorder(3).byteCount === 5)
      expect(mux.recorder(1).digest).toBe(digestOf(pattern(200_000, 1)))
      expect(mux.recorder(3).bytes.toString()).toBe('three')
      await stage.until('the ACKs', () => peer.stream(1).acks + peer.stream(3).acks === 2)
    })

    test('256 KiB may leave before the ACK and not a byte more; then as much as the ACK grants', async () => {
      const { stage, mux, peer } = await start({ role: 'client' })
      peer.acknowledges = false
      peer.givesCredit = false
      const { stream } = mux.open()
      const bytes = pattern(initialWindow + 70_001, 2)
      stream.write(bytes)
      await stage.until('the first window', () => peer.stream(1).received >= initialWindow)
      await stage.settle()
      expect(peer.stream(1).received).toBe(initialWindow)
      peer.stream(1).receiveWindow += 70_000
      peer.data(1, flag.ack, Buffer.alloc(0))
      await stage.until('the ACK', () => stream.isAcknowledged)
      peer.frame(kind.windowUpdate, flag.none, 1, 70_000)
      await stage.until('the second window', () => peer.stream(1).received >= initialWindow + 70_000)
      await stage.settle()
      expect(peer.stream(1).received).toBe(initialWindow + 70_000)
      peer.grant(1, 1)
      await stage.until('the last byte', () => peer.stream(1).received === bytes.length)
      expect(peer.digest(1)).toBe(digestOf(bytes))
    })

    test('a second SYN for the same stream ends the session with GoAway 1', async () => {
      const { stage, mux, peer } = await start()
      peer.open(1)
      peer.open(1)
      await stage.until('the end', () => mux.isClosed)
      await stage.until('the end at the peer', () => peer.isClosed)
      expect(peer.frames.at(-1)).toMatchObject({ type: kind.goAway, length: 1 })
      expect(mux.closes[0]).toBeInstanceOf(Error)
      expect(mux.recorder(1).closes).toEqual([expect.any(Error)])
    })
  })

  describe(`${name}: closing`, () => {
    test('end sends one FIN; the stream is gone when both have sent theirs', async () => {
      const { stage, mux, session, peer } = await start()
      peer.open(1)
      await stage.until('the stream', () => mux.accepted.length === 1)
      const [stream] = mux.accepted
      stream?.write('bye')
      stream?.end()
      stream?.end()
      await stage.until('the FIN', () => peer.stream(1).fins === 1)
      expect(peer.bytesOf(1).toString()).toBe('bye')
      expect(session.streamCount).toBe(1)
      peer.send(1, pattern(50_000, 3))
      peer.finish(1)
      await stage.until('closed', () => mux.recorder(1).isClosed)
      expect(mux.recorder(1)).toMatchObject({ byteCount: 50_000, endCount: 1, closes: [null] })
      expect(session.streamCount).toBe(0)
      stream?.destroySoon()
      stream?.destroy()
    })

    test('the FIN follows the data that waits for the window', async () => {
      const { stage, mux, peer } = await start({ role: 'client' })
      peer.acknowledges = false
      const { stream, recorder } = mux.open()
      stream.write(pattern(initialWindow + 1, 1))
      stream.end()
      await stage.until('the first window', () => peer.stream(1).received === initialWindow)
      await stage.settle()
      expect(peer.stream(1).fins).toBe(0)
      peer.accept(1)
      await stage.until('the FIN', () => peer.stream(1).fins === 1)
      expect(peer.stream(1).received).toBe(initialWindow + 1)
      peer.finish(1)
      await stage.until('closed', () => recorder.isClosed)
      expect(recorder.closes).toEqual([null])
    })

    test('a FIN from Go ends reading; the answer is a FIN once the owner ends', async () => {
      const { stage, mux, session, peer } = await start()
      peer.open(1)
      peer.data(1, flag.none, Buffer.from('last'))
      peer.frame(kind.windowUpdate, flag.fin, 1, 0)
      await stage.until('the end', () => mux.accepted.length === 1 && mux.recorder(1).endCount === 1)
      mux.accepted[0]?.write(pattern(100_000, 4))
      mux.accepted[0]?.end()
      await stage.until('the FIN', () => peer.stream(1).fins === 1)
      expect(peer.digest(1)).toBe(digestOf(pattern(100_000, 4)))
      await stage.until('closed', () => mux.recorder(1).isClosed)
      expect(mux.recorder(1)).toMatchObject({ closes: [null], endCount: 1 })
      expect([session.streamCount, peer.stream(1).resets]).toEqual([0, 0])
    })

    test('a FIN may ride on the last data, with the SYN too', async () => {
      const { stage, mux, peer } = await start()
      peer.data(1, flag.syn | flag.fin, Buffer.from('all at once'))
      await stage.until('the end', () => mux.accepted.length === 1 && mux.recorder(1).endCount === 1)
      expect(mux.recorder(1).bytes.toString()).toBe('all at once')
      mux.accepted[0]?.end()
      await stage.until('closed', () => mux.recorder(1).isClosed && peer.stream(1).fins > 0)
      expect([peer.stream(1).acks, peer.stream(1).fins]).toEqual([1, 1])
    })

    test('what comes after a FIN never reaches the reader', async () => {
      const { stage, mux, peer } = await start()
      peer.data(1, flag.syn | flag.fin, Buffer.from('x'))
      peer.data(1, flag.none, Buffer.from('late'))
      peer.frame(kind.windowUpdate, flag.fin, 1, 0)
      await stage.until('the stream', () => mux.accepted.length === 1)
      await stage.settle()
      expect(mux.recorder(1).bytes.toString()).toBe('x')
      expect(mux.recorder(1).endCount).toBeLessThanOrEqual(1)
    })

    test('a RST closes the stream with an error, and nothing more is sent on it', async () => {
      const { stage, mux, session, peer } = await start()
      peer.open(1)
      peer.open(3)
      await stage.until('the streams', () => mux.accepted.length === 2)
      peer.frame(kind.windowUpdate, flag.rst, 1, 0)
      await stage.until('closed', () => mux.recorder(1).isClosed)
      expect(mux.recorder(1).closes).toEqual([expect.any(Error)])
      mux.accepted[0]?.write('into nothing')
      mux.accepted[0]?.end()
      mux.accepted[0]?.destroy()
      await stage.settle()
      expect(peer.framesOf(1).map(({ flags }) => flags)).toEqual([flag.ack])
      expect([session.streamCount, session.isClosed]).toEqual([1, false])
    })

    test('destroy resets the stream once; what still comes for it is drained', async () => {
      const { stage, mux, session, peer } = await start()
      peer.open(1)
      await stage.until('the stream', () => mux.accepted.length === 1)
      mux.accepted[0]?.destroy()
      mux.accepted[0]?.destroy()
      expect(mux.recorder(1).closes).toEqual([])
      peer.data(1, flag.none, pattern(30_000, 1))
      peer.frame(kind.windowUpdate, flag.none, 1, 5)
      peer.frame(kind.windowUpdate, flag.fin, 1, 0)
      peer.data(3, flag.syn, Buffer.from('next'))
      await stage.until('the next', () => mux.accepted.length === 2 && mux.recorder(3).byteCount === 4)
      expect(mux.recorder(1)).toMatchObject({ closes: [null], byteCount: 0, endCount: 0 })
      expect([session.streamCount, peer.stream(1).resets]).toEqual([1, 1])
    })

    test('frames of streams that never were are drained', async () => {
      const { stage, mux, session, peer } = await start()
      peer.data(99, flag.none, pattern(60_000, 1))
      peer.frame(kind.windowUpdate, flag.none, 97, 77)
      peer.frame(kind.windowUpdate, flag.ack, 2, 0)
      peer.frame(kind.windowUpdate, flag.fin, 95, 0)
      peer.frame(kind.windowUpdate, flag.rst, 93, 0)
      peer.data(1, flag.syn, Buffer.from('hello'))
      await stage.until('the next', () => mux.accepted.length === 1 && mux.recorder(1).byteCount === 5)
      expect([session.isClosed, session.streamCount]).toEqual([false, 1])
    })
  })

  describe(`${name}: session`, () => {
    test('every ping is answered with its id', async () => {
      const { stage, peer } = await start()
      for (const id of [0, 1, 0xffff_ffff]) peer.frame(kind.ping, flag.syn, 0, id)
      peer.frame(kind.ping, flag.ack, 0, 12_345)
      await stage.until('three answers', () => peer.frames.length >= 3)
      await stage.settle()
      expect(peer.frames.map(({ type, flags, length }) => [type, flags, length])).toEqual([
        [kind.ping, flag.ack, 0],
        [kind.ping, flag.ack, 1],
        [kind.ping, flag.ack, 0xffff_ffff],
      ])
    })

    test('ping measures the round trip, or says that none came', async () => {
      const { stage, session, peer } = await start()
      const results: (number | null)[] = []
      session.ping(5_000, (roundTripMs) => results.push(roundTripMs))
      await stage.until('the answer', () => results.length === 1)
      expect(results[0]).toBeGreaterThanOrEqual(0)
      expect(session.roundTripMs).toBe(results[0])
      expect(peer.frames.map(({ type, flags }) => [type, flags])).toEqual([[kind.ping, flag.syn]])
      peer.answersPings = false
      session.ping(50, (roundTripMs) => results.push(roundTripMs))
      await stage.until('the question', () => peer.frames.length === 2)
      const id = peer.frames[1]?.length ?? 0
      peer.frame(kind.ping, flag.ack, 0, id + 1)
      peer.frame(kind.ping, flag.none, 0, id)
      await stage.until('the missing answer', () => results.length === 2)
      expect(results[1]).toBeNull()
    })

    test('goAway says so once, refuses new streams, and lets the running ones go on', async () => {
      const { stage, mux, session, peer } = await start()
      peer.open(1)
      await stage.until('the stream', () => mux.accepted.length === 1)
      session.goAway()
      session.goAway()
      expect(() => session.open()).toThrow(expect.objectContaining({ code: 'YAMUX_GOING_AWAY' }))
      peer.open(3)
      peer.send(1, pattern(10_000, 1))
      await stage.until('the data', () => mux.recorder(1).byteCount === 10_000)
      await stage.until('the refusal', () => peer.stream(3).resets === 1)
      const goAways = peer.frames.filter(({ type }) => type === kind.goAway)
      expect(goAways).toMatchObject([{ flags: 0, streamId: 0, length: 0 }])
      expect(mux.accepted).toHaveLength(1)
    })

    test('after a GoAway from the peer no stream can be opened, and the running ones go on', async () => {
      const { stage, mux, session, peer } = await start({ role: 'client' })
      const { stream, recorder } = mux.open()
      await stage.until('the ACK', () => stream.isAcknowledged)
      peer.frame(kind.goAway, flag.none, 0, 0)
      peer.send(1, Buffer.from('still here'))
      await stage.until('the data', () => recorder.byteCount === 10)
      expect(() => session.open()).toThrow(expect.objectContaining({ code: 'YAMUX_GOING_AWAY' }))
      stream.write('me too')
      await stage.until('the answer', () => peer.bytesOf(1).toString() === 'me too')
    })

    for (const [what, bytes] of [
      ['another version', Buffer.from('010000010000000100000000', 'hex')],
      ['a type above 3', Buffer.from('000400000000000100000000', 'hex')],
      ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ] as const) {
      test(`${what} ends the session, with one onClose for each stream`, async () => {
        const { stage, mux, peer } = await start()
        peer.open(1)
        peer.open(3)
        await stage.until('the streams', () => mux.accepted.length === 2)
        peer.wire.write(bytes)
        await stage.until('the end', () => mux.isClosed && peer.isClosed)
        expect(mux.closes).toEqual([expect.any(Error)])
        expect([mux.recorder(1).closes, mux.recorder(3).closes]).toEqual([
          [expect.any(Error)],
          [expect.any(Error)],
        ])
      })
    }

    test('when Go closes the connection, every stream hears of it once', async () => {
      const { stage, mux, session, peer } = await start({ role: 'client' })
      const opened = [mux.open(), mux.open()]
      await stage.until('the ACKs', () => opened.every(({ stream }) => stream.isAcknowledged))
      peer.wire.destroy()
      await stage.until('the end', () => mux.isClosed)
      expect(opened.map(({ recorder }) => recorder.closes.length)).toEqual([1, 1])
      expect(() => session.open()).toThrow(expect.objectContaining({ code: 'YAMUX_SESSION_CLOSED' }))
      const results: (number | null)[] = []
      session.ping(1_000, (roundTripMs) => results.push(roundTripMs))
      await stage.until('no answer', () => results.length === 1)
      expect(results).toEqual([null])
    })

    test('destroy ends the session and all streams, with the given error', async () => {
      const { stage, mux, session, peer } = await start()
      peer.open(1)
      await stage.until('the stream', () => mux.accepted.length === 1)
      const pings: (number | null)[] = []
      session.ping(60_000, (result) => pings.push(result))
      session.destroy(new Error('enough'))
      session.destroy()
      await stage.until('the end', () => mux.isClosed && peer.isClosed)
      expect(mux.closes).toEqual([expect.objectContaining({ message: 'enough' })])
      expect(mux.recorder(1).closes).toHaveLength(1)
      expect([session.isClosed, session.streamCount]).toEqual([true, 0])
      expect(pings).toHaveLength(1)
    })

    test('bytesIn and bytesOut count what crossed the wire', async () => {
      const { stage, mux, session, peer } = await start()
      peer.open(1)
      peer.data(1, flag.none, pattern(1_000, 1))
      await stage.until('the data', () => mux.accepted.length === 1 && mux.recorder(1).byteCount === 1_000)
      mux.accepted[0]?.write(pattern(500, 1))
      await stage.until('the answer', () => peer.stream(1).received === 500)
      const sent = peer.frames.reduce((sum, { body }) => sum + 12 + body.length, 0)
      expect([session.bytesIn, session.bytesOut]).toEqual([12 + 12 + 1_000, sent])
    })
  })
}
