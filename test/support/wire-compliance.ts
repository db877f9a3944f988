/**
 * What every `Wire` promises, as tests: one suite for sockets, TLS, streams of the multiplexer and ciphers. Each
 * test runs in both directions of the pair.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { transientBytes, type Wire } from '../../src/net/wire.ts'
import { SeededRandom } from '../fuzz/random.ts'
import { elapse, eventually } from './deadline.ts'
import { digestOf, WireRecorder } from './wire-recorder.ts'

export interface WirePair {
  readonly near: Wire
  readonly far: Wire
  /** Lets time pass until the probe is true; throws when it does not become so. */
  until(what: string, probe: () => boolean): Promise<void>
  /** Lets everything arrive that can. */
  settle(): Promise<void>
  close(): Promise<void>
}

/** `until` and `settle` for wires over real sockets. */
export const inRealTime = {
  async until(what: string, probe: () => boolean): Promise<void> {
    await eventually(what, () => (probe() ? true : undefined), { everyMs: 2, timeoutMs: 10_000 })
  },
  async settle(): Promise<void> {
    await elapse(12)
  },
}

export interface WireComplianceOptions {
  readonly makePair: () => Promise<WirePair>
  /** What a writer may get rid of while nobody reads: windows, buffers of the system. */
  readonly maxUnreadBytes?: number
}

interface Run {
  readonly pair: WirePair
  readonly from: Wire
  readonly to: Wire
  readonly sender: WireRecorder
  readonly receiver: WireRecorder
}

const text = 'abc\u0000\u007f\u0080\u00ff' // Latin-1, not UTF-8

export function describeWires(name: string, options: WireComplianceOptions): void {
  const maxUnreadBytes = options.maxUnreadBytes ?? 33_554_432
  const running: Run[] = []

  afterEach(async () => {
    for (const { pair, sender, receiver } of running.splice(0)) {
      await pair.settle()
      expect({ sender: sender.broken, receiver: receiver.broken }).toEqual({ sender: [], receiver: [] })
      await pair.close()
    }
  })

  for (const direction of ['near to far', 'far to near']) {
    const start = async (handlers: { readonly to?: boolean } = {}): Promise<Run> => {
      const pair = await options.makePair()
      const [from, to] = direction === 'near to far' ? [pair.near, pair.far] : [pair.far, pair.near]
      const run = { pair, from, to, sender: new WireRecorder(), receiver: new WireRecorder() }
      running.push(run)
      from.setHandler(run.sender)
      if (handlers.to !== false) to.setHandler(run.receiver)
      return run
    }

    describe(`${name}, ${direction}`, () => {
      test('bytes and Latin-1 text arrive complete and in order', async () => {
        const { pair, from, sender, receiver } = await start()
        const random = new SeededRandom(7)
        const writes = Array.from({ length: 300 }, (): Buffer | string => {
          if (random.chance(30)) return text.repeat(1 + random.below(200))
          return pattern(random.chance(20) ? random.below(90_000) : random.below(2_000), random.below(256))
        })
        writes.push(Buffer.alloc(0), '')
        produce(from, sender, writes.length, (index) => writes[index] ?? '')
        const expected = Buffer.concat(
          writes.map((data) => (typeof data === 'string' ? Buffer.from(data, 'latin1') : data)),
        )
        await pair.until('all bytes', () => receiver.byteCount >= expected.length)
        expect(receiver.digest).toBe(digestOf(expected))
      })

      test('a small buffer may be used again at once, whatever write said', async () => {
        const { pair, from, to, sender, receiver } = await start()
        receiver.keepsBytes = false
        to.pause()
        const buffer = Buffer.alloc(9_001)
        let count = 0
        let isBlocked = false
        while (!isBlocked && count * buffer.length < maxUnreadBytes) {
          buffer.fill(count % 251)
          isBlocked = !from.write(buffer)
          buffer.fill(0xee)
          count += 1
          if (count % 64 === 0) await pair.settle()
        }
        expect(isBlocked).toBe(true)
        const expected = Buffer.concat(Array.from({ length: count }, (_, n) => Buffer.alloc(9_001, n % 251)))
        to.resume()
        await pair.until('all bytes', () => receiver.byteCount >= expected.length)
        expect(receiver.digest).toBe(digestOf(expected))
        await pair.until('the drain', () => sender.drainCount > 0)
      })

      test('a large buffer may be used again after true, or after the drain', async () => {
        const { pair, from, sender, receiver } = await start()
        receiver.keepsBytes = false
        const buffer = Buffer.alloc(65_536)
        const total = 100
        const isWritten = produce(from, sender, total, (index) => buffer.fill(index))
        await pair.until('the last drain', isWritten)
        buffer.fill(0xee)
        const expected = Buffer.concat(Array.from({ length: total }, (_, n) => Buffer.alloc(65_536, n)))
        await pair.until('all bytes', () => receiver.byteCount >= expected.length)
        expect(receiver.digest).toBe(digestOf(expected))
      })

      test('a reader who stops, stops the writer; the drain comes when it goes on', async () => {
        const { pair, from, to, sender, receiver } = await start()
        receiver.keepsBytes = false
        to.pause()
        let written = 0
        const fill = (): void => {
          for (let mayGoOn = true; mayGoOn && written < 2 * maxUnreadBytes; written += 32_768) {
            mayGoOn = from.write(Buffer.alloc(32_768, 1))
          }
        }
        // TLS takes what it is given while idle: what counts is that it stops.
        sender.whenDrained = fill
        fill()
        await pair.settle()
        const drains = sender.drainCount
        await pair.settle()
        expect(sender.drainCount).toBe(drains)
        expect(written).toBeLessThan(maxUnreadBytes)
        sender.whenDrained = () => undefined
        to.resume()
        await pair.until('the drain', () => sender.drainCount > drains)
        await pair.until('all bytes', () => receiver.byteCount === written)
        // It is over: a small write may go on, and no other drain comes.
        await pair.settle()
        const after = sender.drainCount
        expect(from.write(Buffer.from('x'))).toBe(true)
        await pair.until('one more', () => receiver.byteCount === written + 1)
        await pair.settle()
        expect(sender.drainCount).toBe(after)
      })

      test('nothing comes while the reader pauses, also when it pauses inside onData', async () => {
        const { pair, from, to, sender, receiver } = await start()
        const total = 40
        const kept: { chunk: Buffer; copy: Buffer }[] = []
        receiver.keepsBytes = false
        receiver.react = (chunk) => {
          to.pause()
          if (chunk.length > transientBytes) kept.push({ chunk, copy: Buffer.from(chunk) })
        }
        produce(from, sender, total, (index) => Buffer.alloc(50_000, index))
        let changed = 0
        for (let pauses = 0, before = 0; before < total * 50_000; pauses += 1) {
          const last = before
          await pair.until('more bytes', () => receiver.byteCount > last)
          before = receiver.byteCount
          if (pauses < 3) await pair.settle()
          expect(receiver.byteCount).toBe(before)
          // Large chunks stay as they are while the wire is paused.
          changed += kept.filter(({ chunk, copy }) => !chunk.equals(copy)).length
          kept.length = 0
          to.resume()
        }
        expect(changed).toBe(0)
        const expected = Buffer.concat(Array.from({ length: total }, (_, n) => Buffer.alloc(50_000, n)))
        expect(receiver.digest).toBe(digestOf(expected))
      })

      test('pausing and resuming inside onData loses nothing', async () => {
        const { pair, from, to, sender, receiver } = await start()
        receiver.react = () => {
          to.pause()
          to.resume()
        }
        produce(from, sender, 30, (index) => pattern(20_000, index))
        await pair.until('all bytes', () => receiver.byteCount === 600_000)
        const expected = Buffer.concat(Array.from({ length: 30 }, (_, n) => pattern(20_000, n)))
        expect(receiver.digest).toBe(digestOf(expected))
      })

      test('what is written while corked leaves at uncork, in order', async () => {
        const { pair, from, receiver } = await start()
        from.cork()
        from.write('head ')
        from.write(Buffer.from('body '))
        from.write(pattern(30_000, 3))
        await pair.settle()
        expect(receiver.byteCount).toBe(0)
        from.uncork()
        await pair.until('all bytes', () => receiver.byteCount === 30_010)
        expect(receiver.digest).toBe(digestOf(Buffer.concat([Buffer.from('head body '), pattern(30_000, 3)])))
      })

      test('uncork says whether to stop, and the drain follows', async () => {
        const { pair, from, to, sender, receiver } = await start()
        receiver.keepsBytes = false
        to.pause()
        let written = 0
        let mayGoOn = true
        while (mayGoOn && written < maxUnreadBytes) {
          from.cork()
          for (let n = 0; n < 8; n += 1) from.write(Buffer.alloc(40_000, n))
          written += 320_000
          mayGoOn = from.uncork()
          await pair.settle()
        }
        expect(mayGoOn).toBe(false)
        const drains = sender.drainCount
        to.resume()
        await pair.until('all bytes', () => receiver.byteCount === written)
        await pair.until('the drain', () => drains > 0 || sender.drainCount > drains)
      })

      test('after an uncork that said true, buffers may be used again', async () => {
        const { pair, from, to, sender, receiver } = await start()
        receiver.keepsBytes = false
        to.pause()
        const buffers = [12, 4_000, 16_384, 40_000].map((length) => Buffer.alloc(length))
        const sent: Buffer[] = []
        for (let round = 0, mayGoOn = true; mayGoOn && round < 500; round += 1) {
          from.cork()
          for (const buffer of buffers) {
            sent.push(Buffer.from(buffer.fill(round)))
            from.write(buffer)
          }
          mayGoOn = from.uncork()
          if (mayGoOn) for (const buffer of buffers) buffer.fill(0xee)
          if (round % 20 === 0) await pair.settle()
        }
        to.resume()
        const expected = Buffer.concat(sent)
        await pair.until('all bytes', () => receiver.byteCount >= expected.length)
        expect(receiver.digest).toBe(digestOf(expected))
        expect(sender.broken).toEqual([])
      })

      test('a half-closed wire still carries the other direction', async () => {
        const { pair, from, to, sender, receiver } = await start()
        from.write(pattern(200_000, 1))
        from.end()
        await pair.until('the end', () => receiver.endCount === 1)
        expect(receiver.byteCount).toBe(200_000)
        expect(sender.closes.concat(receiver.closes)).toEqual([])
        const isWritten = produce(to, receiver, 20, (index) => pattern(30_000, index))
        await pair.until('all written', isWritten)
        to.end()
        await pair.until('both closed', () => sender.isClosed && receiver.isClosed)
        const expected = Buffer.concat(Array.from({ length: 20 }, (_, n) => pattern(30_000, n)))
        expect(sender.digest).toBe(digestOf(expected))
        expect({ ends: sender.endCount, closes: [sender.closes, receiver.closes] }).toEqual({
          ends: 1,
          closes: [[null], [null]],
        })
      })

      test('both may end at the same time', async () => {
        const { pair, from, to, sender, receiver } = await start()
        from.write('one')
        to.write('two')
        from.end()
        to.end()
        await pair.until('both closed', () => sender.isClosed && receiver.isClosed)
        expect([sender.bytes.toString(), receiver.bytes.toString()]).toEqual(['two', 'one'])
        expect([sender.closes, receiver.closes]).toEqual([[null], [null]])
        expect([sender.endCount, receiver.endCount]).toEqual([1, 1])
      })

      test('destroySoon delivers everything first', async () => {
        const { pair, from, to, sender, receiver } = await start()
        receiver.keepsBytes = false
        to.pause()
        let written = 0
        for (let mayGoOn = true; mayGoOn && written < maxUnreadBytes; written += 50_000) {
          mayGoOn = from.write(pattern(50_000, 9))
        }
        from.destroySoon()
        await pair.settle()
        to.resume()
        await pair.until('the end', () => receiver.endCount === 1)
        expect(receiver.byteCount).toBe(written)
        await pair.until('closed', () => sender.isClosed)
        expect(sender.closes).toEqual([null])
        to.end()
        await pair.until('closed', () => receiver.isClosed)
        expect(receiver.closes).toEqual([null])
      })

      test('destroy closes once and at once, and the peer hears of it', async () => {
        const { pair, from, to, sender, receiver } = await start()
        from.write('x')
        await pair.until('a byte', () => receiver.byteCount === 1)
        to.write(pattern(100_000, 1))
        from.destroy()
        from.destroy()
        expect(sender.closes).toEqual([])
        const { byteCount } = sender
        await pair.until('closed', () => sender.isClosed)
        expect({ closes: sender.closes, byteCount: sender.byteCount }).toEqual({ closes: [null], byteCount })
        from.write('ignored')
        from.end()
        from.destroySoon()
        from.destroy()
        await pair.until('the peer hears', () => receiver.endCount > 0 || receiver.isClosed)
        to.destroy()
        await pair.until('closed', () => receiver.isClosed)
        expect(receiver.bytes.toString()).toBe('x')
      })

      test('destroy inside onData is the end of data', async () => {
        const { pair, from, to, sender, receiver } = await start()
        receiver.react = () => to.destroy()
        produce(from, sender, 4, (index) => pattern(10_000, index))
        await pair.until('closed', () => receiver.isClosed)
        expect([receiver.closes, receiver.chunks.length]).toEqual([[null], 1])
      })

      test('writing to a peer that is gone ends in one onClose', async () => {
        const { pair, from, to, sender } = await start()
        to.destroy()
        for (let n = 0; n < 1_000 && !sender.isClosed; n += 1) {
          from.write(Buffer.alloc(1_000))
          if (n % 10 === 0) await pair.settle()
          if (sender.endCount > 0 && n > 20) from.end()
        }
        await pair.until('closed', () => sender.isClosed)
        expect(sender.closes).toHaveLength(1)
      })

      test('another handler takes over inside onData', async () => {
        const { pair, from, to, receiver } = await start()
        const second = new WireRecorder()
        receiver.react = () => to.setHandler(second)
        from.write('first')
        await pair.until('the first bytes', () => receiver.byteCount > 0)
        from.write('second')
        from.end()
        to.end()
        await pair.until('closed', () => second.isClosed)
        expect(receiver.bytes.toString() + second.bytes.toString()).toBe('firstsecond')
        expect([receiver.endCount, receiver.closes, second.endCount, second.closes, second.broken]).toEqual([
          0,
          [],
          1,
          [null],
          [],
        ])
      })

      test('a handler that comes late misses nothing', async () => {
        const { pair, from, to, receiver } = await start({ to: false })
        from.write(pattern(50_000, 5))
        from.end()
        await pair.settle()
        to.setHandler(receiver)
        await pair.until('the end', () => receiver.endCount === 1)
        expect(receiver.digest).toBe(digestOf(pattern(50_000, 5)))
        to.end()
        await pair.until('closed', () => receiver.isClosed)
      })

      test('a handler that comes late and pauses at once gets nothing before it resumes', async () => {
        const { pair, from, to, receiver } = await start({ to: false })
        from.write(pattern(50_000, 5))
        await pair.settle()
        to.setHandler(receiver)
        to.pause()
        await pair.settle()
        expect(receiver.byteCount).toBe(0)
        to.resume()
        await pair.until('all bytes', () => receiver.byteCount === 50_000)
      })
    })
  }
}

/** Writes `count` pieces as the contract asks: after false, it waits for the drain. True once all have left. */
function produce(
  wire: Wire,
  recorder: WireRecorder,
  count: number,
  make: (index: number) => Buffer | string,
): () => boolean {
  let index = 0
  let isDone = false
  const go = (): void => {
    while (index < count) {
      const mayGoOn = wire.write(make(index))
      index += 1
      if (!mayGoOn) return
    }
    isDone = true
  }
  recorder.whenDrained = go
  go()
  return () => isDone
}

export function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at += 1) bytes[at] = (at * 31 + seed * 17 + (at >> 8)) & 0xff
  return bytes
}
