/** Hours and lags in virtual time. */
import { describe, expect, test } from 'vitest'
import { flag, initialWindow, kind } from '../../../test/support/naive-yamux.ts'
import { pattern } from '../../../test/support/wire-compliance.ts'
import { WireRecorder } from '../../../test/support/wire-recorder.ts'
import { fixtureOn, memoryStage, RecordedSession } from '../../../test/support/yamux-stage.ts'
import { defaultYamuxLimits } from './limits.ts'

const mebibyte = 1_048_576

describe('with 100 ms each way', () => {
  test('the window grows with the distance, so that a download soon fills the line', async () => {
    const stage = memoryStage({ lagMs: 100, bytesPerMs: 20_000 })
    const { mux, peer } = fixtureOn(stage, {
      onStream: (_stream, recorder) => {
        recorder.keepsBytes = false
      },
    })
    peer.open(1)
    peer.send(1, Buffer.alloc(40 * mebibyte, 1))
    const reached = async (bytes: number): Promise<number> => {
      await stage.until(`${bytes} bytes`, () => (mux.recorders.get(1)?.byteCount ?? 0) >= bytes)
      return stage.time.monotonic()
    }
    const from = await reached(1)
    const early = (await reached(2 * mebibyte)) - from
    const middle = await reached(30 * mebibyte)
    const late = (await reached(40 * mebibyte)) - middle
    // 256 KiB in each 200 ms at first; at 6 MiB in 200 ms, 10 MiB take about 500 ms.
    expect(early).toBeGreaterThan(500)
    expect(late).toBeLessThan(1_000)
    const updates = peer.framesOf(1, kind.windowUpdate)
    const granted = updates.reduce((sum, { length }) => sum + length, initialWindow)
    expect(granted - peer.stream(1).sent).toBe(peer.stream(1).sendWindow)
    expect(granted - 40 * mebibyte).toBeLessThanOrEqual(defaultYamuxLimits.maxWindowBytes)
    expect(updates.length).toBeLessThan(60)
    mux.session.destroy()
    await stage.settle()
    expect([mux.faults, peer.broken]).toEqual([[], []])
  })

  test('windows of all streams together stay within the limit of the session', async () => {
    const stage = memoryStage({ lagMs: 100, bytesPerMs: 50_000 })
    const { mux, peer } = fixtureOn(stage, {
      limits: { sessionWindowBytes: 4 * mebibyte },
      onStream: (_stream, recorder) => {
        recorder.keepsBytes = false
      },
    })
    const ids = [1, 3, 5, 7]
    let largest = 0
    peer.onFrame = ({ type }) => {
      if (type === kind.windowUpdate) {
        // What the session has promised and not yet received, measured before more is sent.
        const open = ids.reduce((sum, id) => sum + peer.stream(id).sendWindow, 0)
        largest = Math.max(largest, open)
      }
    }
    for (const id of ids) peer.open(id)
    await stage.settle()
    for (const id of ids) peer.send(id, Buffer.alloc(10 * mebibyte, id))
    await stage.until('all bytes', () => ids.every((id) => mux.recorder(id).byteCount === 10 * mebibyte))
    await stage.settle()
    for (const id of ids) largest = Math.max(largest, peer.stream(id).sendWindow)
    const open = ids.reduce((sum, id) => sum + peer.stream(id).sendWindow, 0)
    expect(open).toBeLessThanOrEqual(4 * mebibyte)
    expect(largest).toBeGreaterThan(initialWindow)
  })

  test('a session pair carries megabytes both ways over the same line', async () => {
    const stage = memoryStage({ lagMs: 100, bytesPerMs: 20_000, roomBytes: 8 * mebibyte })
    const client = new RecordedSession(stage, stage.near, { role: 'client' })
    const server = new RecordedSession(stage, stage.far, { role: 'server' })
    const { stream, recorder } = client.open()
    await stage.until('the stream', () => server.accepted.length === 1)
    const echo = server.recorder(1)
    recorder.keepsBytes = echo.keepsBytes = false
    let written = 0
    recorder.whenDrained = () => {
      for (let mayGoOn = true; mayGoOn && written < 12 * mebibyte; written += mebibyte / 4) {
        mayGoOn = stream.write(Buffer.alloc(mebibyte / 4, written / mebibyte))
      }
    }
    recorder.whenDrained()
    const [far] = server.accepted
    echo.whenDrained = () => far?.resume()
    echo.react = (chunk) => {
      if (far?.write(Buffer.from(chunk)) === false) far.pause()
    }
    await stage.until('the echo', () => recorder.byteCount === 12 * mebibyte)
    expect(recorder.digest).toBe(echo.digest)
    client.session.destroy()
    await stage.settle()
    expect([client.faults, server.faults]).toEqual([[], []])
  })
})

describe('fairness', () => {
  test('small answers overtake a bulk stream', async () => {
    const stage = memoryStage({ bytesPerMs: 1_000, roomBytes: 65_536, lagMs: 1 })
    const { mux, peer } = fixtureOn(stage, { role: 'client' })
    peer.keepsBytes = false
    const bulk = mux.open()
    const small = Array.from({ length: 50 }, () => mux.open())
    await stage.until('the ACKs', () => small.every(({ stream }) => stream.isAcknowledged))
    // Within the window that the peer granted: only the other streams can make it wait.
    bulk.stream.write(Buffer.alloc(6_000_000))
    await stage.until('a busy line', () => peer.stream(1).received > 500_000)
    const before = peer.stream(1).received
    for (const { stream } of small) stream.write(pattern(200, 1))
    const ids = small.map(({ stream }) => stream.id)
    await stage.until('the small ones', () => ids.every((id) => peer.stream(id).received === 200))
    // What was already in the link and the wire, and a turn or two of the bulk stream.
    expect(peer.stream(1).received - before).toBeLessThan(450_000)
    expect(peer.stream(1).received).toBeLessThan(2_000_000)
    mux.session.destroy()
    await stage.settle()
    expect([mux.faults, peer.broken]).toEqual([[], []])
  })

  test('equal bulk streams progress alike', async () => {
    const stage = memoryStage({ bytesPerMs: 1_000, roomBytes: 65_536 })
    const { mux, peer } = fixtureOn(stage, { role: 'client' })
    peer.keepsBytes = false
    const streams = Array.from({ length: 10 }, () => mux.open())
    await stage.until('the ACKs', () => streams.every(({ stream }) => stream.isAcknowledged))
    for (const { stream } of streams) stream.write(Buffer.alloc(mebibyte))
    const counts = (): number[] => streams.map(({ stream }) => peer.stream(stream.id).received)
    const reached = async (bytes: number): Promise<number[]> => {
      await stage.until('the bytes', () => counts().reduce((sum, count) => sum + count) > bytes)
      return counts()
    }
    // The first one had the line for itself for a moment.
    const early = await reached(mebibyte)
    const late = await reached(4 * mebibyte)
    const progress = late.map((count, index) => count - (early[index] ?? 0))
    expect(Math.max(...progress) - Math.min(...progress)).toBeLessThan(100_000)
    mux.session.destroy()
    await stage.settle()
  })
})

describe('silence', () => {
  test('an idle hour with a live peer changes nothing', async () => {
    const stage = memoryStage({ lagMs: 20 })
    const { mux, session, peer } = fixtureOn(stage)
    peer.open(1)
    await stage.settle()
    await stage.time.advance(3_600_000)
    expect([mux.isClosed, session.streamCount]).toEqual([false, 1])
    const pings = peer.frames.filter(({ type }) => type === kind.ping)
    expect(pings.length).toBeGreaterThan(60)
    expect(pings.every(({ flags }) => flags === flag.syn)).toBe(true)
    peer.send(1, Buffer.from('still there'))
    await stage.settle()
    expect(mux.recorder(1).bytes.toString()).toBe('still there')
    expect(session.roundTripMs).toBeCloseTo(40, 3)
  })

  for (const fault of ['lose', 'stall'] as const) {
    test(`a peer that is gone without a word (${fault}) is noticed`, async () => {
      const stage = memoryStage({ lagMs: 20 })
      const { mux, session, peer } = fixtureOn(stage)
      peer.open(1)
      await stage.time.advance(100_000)
      const pings: (number | null)[] = []
      stage.link[fault]()
      session.ping(5_000, (result) => pings.push(result))
      await stage.time.advance(6_000)
      expect(pings).toEqual([null])
      const { keepAliveIntervalMs, keepAliveTimeoutMs } = defaultYamuxLimits
      await stage.time.advance(keepAliveIntervalMs + keepAliveTimeoutMs)
      expect(mux.closes).toEqual([expect.objectContaining({ code: 'YAMUX_KEEP_ALIVE_TIMEOUT' })])
      expect(mux.recorder(1).closes).toEqual([expect.any(Error)])
      expect(mux.faults).toEqual([])
    })
  }

  test('a peer that sends and does not answer pings is alive', async () => {
    const stage = memoryStage()
    const { mux, peer } = fixtureOn(stage)
    peer.answersPings = false
    peer.open(1)
    for (let n = 0; n < 40; n += 1) {
      peer.send(1, Buffer.from('.'))
      await stage.time.advance(9_000)
    }
    expect([mux.isClosed, mux.recorder(1).byteCount]).toEqual([false, 40])
  })

  test('a peer that takes nothing for long loses the session', async () => {
    const stage = memoryStage({ roomBytes: 10_000 })
    const { mux, peer } = fixtureOn(stage, { onStream: (stream) => stream.write(Buffer.alloc(100_000)) })
    stage.far.pause()
    peer.open(1)
    await stage.time.advance(defaultYamuxLimits.writeTimeoutMs / 2)
    expect(mux.isClosed).toBe(false)
    peer.frame(kind.ping, flag.ack, 0, 9)
    await stage.time.advance(defaultYamuxLimits.writeTimeoutMs)
    expect(mux.closes).toEqual([expect.any(Error)])
  })

  test('a SYN that nobody acknowledges for 75 s ends the session', async () => {
    const stage = memoryStage()
    const { mux, peer } = fixtureOn(stage, { role: 'client' })
    peer.acknowledges = false
    const { recorder } = mux.open()
    await stage.time.advance(74_000)
    expect(mux.isClosed).toBe(false)
    await stage.time.advance(2_000)
    expect(mux.closes).toEqual([expect.objectContaining({ code: 'YAMUX_OPEN_TIMEOUT' })])
    expect(recorder.closes).toHaveLength(1)
  })

  test('destroySoon gives up on a peer that takes nothing', async () => {
    const stage = memoryStage()
    const { mux, session, peer } = fixtureOn(stage)
    peer.delta = 0
    peer.givesCredit = false
    peer.open(1)
    await stage.settle()
    mux.accepted[0]?.write(pattern(initialWindow + 1, 1))
    mux.accepted[0]?.destroySoon()
    await stage.time.advance(defaultYamuxLimits.closeTimeoutMs / 2)
    expect(mux.recorder(1).closes).toEqual([])
    // What left at first counts as progress.
    await stage.time.advance(2 * defaultYamuxLimits.closeTimeoutMs)
    expect(mux.recorder(1).closes).toHaveLength(1)
    expect([session.streamCount, peer.stream(1).resets, mux.isClosed]).toEqual([0, 1, false])
  })

  test('a stream may wait for its peer for ever', async () => {
    const stage = memoryStage()
    const { mux, peer } = fixtureOn(stage)
    const late = new WireRecorder()
    peer.open(1)
    await stage.settle()
    mux.accepted[0]?.end()
    await stage.time.advance(3_600_000)
    mux.accepted[0]?.setHandler(late)
    peer.send(1, Buffer.from('at last'))
    peer.finish(1)
    await stage.settle()
    expect([late.bytes.toString(), late.closes]).toEqual(['at last', [null]])
  })
})
