/** A peer that keeps to the format and abuses it: everything it can make us hold has a limit. */
import { expect, test } from 'vitest'
import { heldBytes } from '../../../test/support/held-memory.ts'
import { flag, goDelta, header, initialWindow, kind } from '../../../test/support/naive-yamux.ts'
import { pattern } from '../../../test/support/wire-compliance.ts'
import { digestOf } from '../../../test/support/wire-recorder.ts'
import { fixtures } from '../../../test/support/yamux-compliance.ts'
import { memoryStage, type MemoryStage } from '../../../test/support/yamux-stage.ts'
import { defaultYamuxLimits } from './limits.ts'

let stage: MemoryStage
const start = fixtures(() => {
  stage = memoryStage()
  return stage
})
const startNarrow = fixtures(() => {
  stage = memoryStage({ roomBytes: 50_000 })
  return stage
})

test('streams beyond the limit are reset, and there is room again when one has closed', async () => {
  const { mux, session, peer } = await start({ limits: { maxStreams: 10 } })
  for (let n = 0; n < 15; n += 1) peer.open(2 * n + 1)
  await stage.settle()
  const resets = Array.from({ length: 15 }, (_, n) => peer.stream(2 * n + 1).resets)
  expect(resets).toEqual([...Array.from({ length: 10 }, () => 0), 1, 1, 1, 1, 1])
  expect(mux.accepted).toHaveLength(10)
  expect(() => session.open()).toThrow(expect.objectContaining({ code: 'YAMUX_STREAM_LIMIT' }))
  // What Go had already sent on a refused stream is drained.
  peer.frame(kind.windowUpdate, flag.rst, 1, 0)
  peer.data(29, flag.none, Buffer.alloc(50_000))
  peer.open(31)
  await stage.settle()
  expect([mux.accepted.length, session.streamCount, session.isClosed]).toEqual([11, 10, false])
})

test('streams opened and reset in a loop end the session', async () => {
  const { mux, peer } = await start()
  for (let n = 0; n < 20_000; n += 1) {
    const id = 2 * n + 1
    peer.wire.write(
      Buffer.concat([
        header(kind.windowUpdate, flag.syn, id, goDelta),
        header(kind.windowUpdate, flag.rst, id, 0),
      ]),
    )
  }
  await stage.settle()
  expect(mux.closes).toEqual([expect.objectContaining({ code: 'YAMUX_RESET_FLOOD' })])
  expect(mux.accepted.length).toBeLessThanOrEqual(defaultYamuxLimits.resetBurst + 1)
})

test('streams refused in a loop end the session', async () => {
  const { mux, peer } = await start({ limits: { maxStreams: 1 } })
  for (let n = 0; n < 10_000; n += 1) peer.frame(kind.windowUpdate, flag.syn, 2 * n + 1, goDelta)
  await stage.settle()
  expect(mux.closes).toEqual([expect.objectContaining({ code: 'YAMUX_RESET_FLOOD' })])
})

test('a busy peer that resets a hundred streams a second is no flood', async () => {
  const { mux, peer } = await start()
  for (let second = 0, id = 1; second < 120; second += 1) {
    for (let n = 0; n < 100; n += 1, id += 2) {
      peer.frame(kind.windowUpdate, flag.syn, id, goDelta)
      peer.frame(kind.windowUpdate, flag.rst, id, 0)
    }
    await stage.time.advance(1_000)
  }
  expect([mux.isClosed, mux.session.streamCount]).toEqual([false, 0])
})

test('a peer that pings and reads is answered, however often', async () => {
  const { mux, peer } = await start()
  for (let from = 0; from < 50_000; from += 1_000) {
    peer.wire.write(
      Buffer.concat(
        Array.from({ length: 1_000 }, (_, index) => header(kind.ping, flag.syn, 0, from + index)),
      ),
    )
  }
  await stage.settle()
  const answers = peer.frames.filter(({ type, flags }) => type === kind.ping && flags === flag.ack)
  expect([answers.length, answers.at(-1)?.length, mux.isClosed]).toEqual([50_000, 49_999, false])
})

for (const [what, frame] of [
  ['pings', (n: number) => header(kind.ping, flag.syn, 0, n)],
  ['opens streams', (n: number) => header(kind.windowUpdate, flag.syn, 2 * n + 1, goDelta)],
] as const) {
  test(`what a peer that ${what} without reading makes us hold is limited`, async () => {
    const { mux, peer } = await startNarrow({ limits: { maxStreams: 100_000, resetBurst: 100_000 } })
    stage.far.pause()
    for (let n = 0; n < 60_000 && !mux.isClosed; n += 1_000) {
      peer.wire.write(Buffer.concat(Array.from({ length: 1_000 }, (_, index) => frame(n + index))))
      await stage.time.advance(1)
    }
    expect(mux.closes).toEqual([expect.objectContaining({ code: 'YAMUX_CONTROL_FLOOD' })])
    expect(stage.link.near.bytesWritten).toBeLessThan(50_000 + defaultYamuxLimits.maxControlBytes + 131_072)
    stage.far.resume()
  })
}

test('a window full of one-byte frames costs about its bytes', { timeout: 30_000 }, async () => {
  const { mux, peer } = await start({ onStream: (stream) => stream.pause() })
  peer.open(1)
  await stage.settle()
  const bytes = pattern(initialWindow, 3)
  const before = await heldBytes()
  for (let from = 0; from < bytes.length; from += 4_096) {
    const frames: Buffer[] = []
    for (let at = from; at < from + 4_096; at += 1) {
      frames.push(header(kind.data, flag.none, 1, 1), bytes.subarray(at, at + 1))
    }
    peer.wire.write(Buffer.concat(frames))
    await stage.time.advance(0)
  }
  const held = (await heldBytes()) - before
  expect(held).toBeLessThan(4_194_304)
  mux.accepted[0]?.resume()
  await stage.settle()
  expect(mux.recorder(1).digest).toBe(digestOf(bytes))
})

test('a few bytes held do not hold the large chunks they came in', { timeout: 30_000 }, async () => {
  const { mux, peer } = await start({
    onStream: (stream) => {
      if (stream.id > 1) stream.pause()
    },
  })
  peer.open(1)
  for (let id = 3; id < 1_003; id += 2) peer.open(id)
  await stage.settle()
  mux.recorder(1).keepsBytes = false
  const before = await heldBytes()
  for (let id = 3; id < 1_003; id += 2) {
    peer.wire.write(
      Buffer.concat([
        header(kind.data, flag.none, 1, 60_000),
        Buffer.alloc(60_000),
        header(kind.data, flag.none, id, 1),
        Buffer.alloc(1),
      ]),
    )
    await stage.time.advance(0)
  }
  expect((await heldBytes()) - before).toBeLessThan(8_388_608)
  peer.stream(1).sendWindow = 0
})

test('paused streams together hold no more than the limit; the one too many is reset', async () => {
  const { mux, session, peer } = await start({
    limits: { maxBufferedBytes: 1_000_000 },
    onStream: (stream) => stream.pause(),
  })
  const bytes = pattern(200_000, 1)
  for (const id of [1, 3, 5, 7, 9, 11]) {
    peer.open(id)
    peer.data(id, flag.none, bytes)
  }
  await stage.settle()
  expect([1, 3, 5, 7, 9, 11].map((id) => peer.stream(id).resets)).toEqual([0, 0, 0, 0, 0, 1])
  expect(mux.recorder(11).closes).toEqual([expect.objectContaining({ code: 'YAMUX_BUFFER_LIMIT' })])
  expect([session.streamCount, session.isClosed]).toEqual([5, false])
  for (const stream of mux.accepted.slice(0, 5)) stream.resume()
  await stage.settle()
  expect([1, 3, 5, 7, 9].map((id) => mux.recorder(id).digest)).toEqual(
    Array.from({ length: 5 }, () => digestOf(bytes)),
  )
})

test('what a stream held is given back when it closes', async () => {
  const { mux, peer } = await start({
    limits: { maxBufferedBytes: 300_000 },
    onStream: (stream) => stream.pause(),
  })
  for (let id = 1; id < 40; id += 2) {
    peer.open(id)
    peer.data(id, flag.none, Buffer.alloc(200_000))
    await stage.settle()
    if (id % 3 === 0) mux.accepted.at(-1)?.destroy()
    else if (id % 3 === 1) peer.frame(kind.windowUpdate, flag.rst, id, 0)
    else mux.accepted.at(-1)?.resume()
    await stage.settle()
  }
  expect([...mux.recorders.values()].flatMap(({ closes }) => closes)).not.toContainEqual(
    expect.objectContaining({ code: 'YAMUX_BUFFER_LIMIT' }),
  )
  expect(mux.accepted).toHaveLength(20)
})

test('a length beyond the window ends the session at once, without waiting for the bytes', async () => {
  const { mux, peer } = await start()
  peer.open(1)
  await stage.settle()
  peer.frame(kind.data, flag.none, 1, 0xffff_ffff)
  await stage.settle()
  expect(mux.closes).toEqual([expect.objectContaining({ code: 'YAMUX_WINDOW_EXCEEDED' })])
  expect(peer.frames.at(-1)).toMatchObject({ type: kind.goAway, length: 1 })
})

test('frames without bytes, and credit without end, change nothing', async () => {
  const { mux, peer } = await start()
  peer.open(1)
  await stage.settle()
  const before = await heldBytes()
  for (let n = 0; n < 50; n += 1) {
    peer.wire.write(Buffer.concat(Array.from({ length: 1_000 }, () => header(kind.data, flag.none, 1, 0))))
    await stage.time.advance(0)
  }
  expect((await heldBytes()) - before).toBeLessThan(4_194_304)
  expect([mux.isClosed, mux.recorder(1).byteCount]).toEqual([false, 0])
  for (let n = 0; n < 10; n += 1) peer.frame(kind.windowUpdate, flag.none, 1, 0xffff_ffff)
  peer.stream(1).receiveWindow = Infinity
  mux.accepted[0]?.write(pattern(2_000_000, 1))
  await stage.settle()
  // Either is right: refuse the nonsense, or take it for "as much as you like".
  expect(mux.isClosed || peer.stream(1).received === 2_000_000).toBe(true)
})

test('writers who obey are stopped when the wire is blocked, and all go on after it', async () => {
  const { mux, peer } = await startNarrow({ role: 'client' })
  peer.keepsBytes = false
  const opened = Array.from({ length: 100 }, () => mux.open())
  await stage.settle()
  stage.far.pause()
  const totals = new Map<number, number>()
  for (const { stream, recorder } of opened) {
    recorder.whenDrained = () => {
      for (let mayGoOn = true; mayGoOn && (totals.get(stream.id) ?? 0) < 400_000;) {
        mayGoOn = stream.write(Buffer.alloc(20_000))
        totals.set(stream.id, (totals.get(stream.id) ?? 0) + 20_000)
      }
    }
    recorder.whenDrained()
  }
  await stage.time.advance(5_000)
  expect(stage.link.near.bytesWritten).toBeLessThan(1_000_000)
  expect(Math.max(...totals.values())).toBeLessThan(300_000)
  stage.far.resume()
  await stage.until('all bytes', () =>
    opened.every(({ stream }) => peer.stream(stream.id).received === 400_000),
  )
})

test('what waits on a blocked wire stays as it is while other sessions send', async () => {
  const { mux, peer } = await startNarrow({ role: 'client' })
  const [filler, ...others] = Array.from({ length: 20 }, () => mux.open())
  await stage.settle()
  stage.far.pause()
  filler?.stream.write(Buffer.alloc(49_900))
  await stage.time.advance(10)
  // The link has room for less than the batch of small frames that comes now.
  for (const { stream } of others) stream.write(pattern(100, stream.id))
  await stage.time.advance(10)
  expect(stage.link.near.peakWaitingBytes).toBeGreaterThan(1_000)
  const blocked = stage
  const busy = await start({ role: 'client' })
  for (let n = 0; n < 30; n += 1) {
    busy.mux.open().stream.write(pattern(9_000, n))
    await busy.stage.settle()
  }
  blocked.far.resume()
  // NOTE: the link itself compares what left with what was written.
  await blocked.until('all bytes', () =>
    others.every(({ stream }) => peer.stream(stream.id).received === 100),
  )
  const wrong = others.filter(({ stream: { id } }) => peer.digest(id) !== digestOf(pattern(100, id)))
  expect(wrong).toEqual([])
})

test('the socket is never stopped from being read', async () => {
  const { mux, peer } = await start({ onStream: (stream) => stream.pause() })
  let pauses = 0
  const { near } = stage.link
  const pause = near.pause.bind(near)
  near.pause = () => {
    pauses += 1
    pause()
  }
  for (let n = 0; n < 20; n += 1) {
    peer.open(2 * n + 1)
    peer.send(2 * n + 1, pattern(initialWindow, 1))
  }
  await stage.settle()
  peer.frame(kind.ping, flag.syn, 0, 7)
  await stage.settle()
  expect([pauses, mux.isClosed]).toEqual([0, false])
  expect(peer.frames.at(-1)).toMatchObject({ type: kind.ping, flags: flag.ack, length: 7 })
})
