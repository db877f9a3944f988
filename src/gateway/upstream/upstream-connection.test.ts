import { describe, expect, test } from 'vitest'
import { DeadlineSweeper } from '../../base/deadlines.ts'
import { serializeFields } from '../../codec/http1/fields.ts'
import { UpstreamConnection, type BodyMode, type UpstreamFailure } from './upstream-connection.ts'
import { UpstreamPool } from './upstream-pool.ts'
import type { Wire, WireHandler } from '../../net/wire.ts'

/** A wire in memory: what was written, and a handler to feed. */
class MemoryWire implements Wire {
  written = ''
  isDestroyed = false
  handler: WireHandler | null = null
  setHandler(handler: WireHandler): void {
    this.handler = handler
  }
  write(data: Buffer | string): boolean {
    this.written += typeof data === 'string' ? data : data.toString('latin1')
    return true
  }
  end(): void {}
  destroy(): void {
    this.isDestroyed = true
  }
  destroySoon(): void {
    this.destroy()
  }
  cork(): void {}
  uncork(): boolean {
    return true
  }
  pause(): void {}
  resume(): void {}
  /** Bytes are overwritten after delivery, as a reused read buffer would be. */
  feed(text: string): void {
    const bytes = Buffer.from(text, 'latin1')
    this.handler?.onData(bytes)
    bytes.fill(0x21)
  }
}

/** Runs one exchange and notes what its handler was told, in order. */
function exchange(
  options: { method?: string; mode?: BodyMode; wantsUpgrade?: boolean; hasBody?: boolean } = {},
) {
  const wire = new MemoryWire()
  let lost = 0
  const connection = new UpstreamConnection(wire, () => lost++)
  const events: string[] = []
  const start = (): void =>
    connection.start(
      'GET / HTTP/1.1\r\n\r\n',
      {
        method: options.method ?? 'GET',
        hasBody: options.hasBody === true,
        wantsUpgrade: options.wantsUpgrade === true,
      },
      {
        onInterim: (head) => events.push(`interim ${head.status}`),
        onHead: (head) => {
          events.push(`head ${head.status}`)
          return options.mode ?? 'raw'
        },
        onBody: (bytes) => events.push(`body ${bytes.toString('latin1')}`),
        onReadDone: () => {},
        onEnd: (trailers) => events.push(`end ${serializeFields(trailers).trim()}`.trim()),
        onUpgrade: (_, __, early) => events.push(`upgrade ${early.toString('latin1')}`),
        onDrain: () => {},
        onFailure: (failure: UpstreamFailure) =>
          events.push(failure.kind === 'closed' ? `closed silent=${failure.reusedAndSilent}` : 'malformed'),
      },
    )
  start()
  return { wire, connection, events, start, lost: () => lost }
}

describe('an answer by its framing', () => {
  test.each([
    ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', ['head 200', 'body hello', 'end']],
    ['no body by length', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', ['head 200', 'end']],
    ['no body by status', 'HTTP/1.1 204 No Content\r\n\r\n', ['head 204', 'end']],
    [
      'interim answers before',
      'HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 X\r\n\r\n',
      ['interim 103', 'interim 100', 'head 204', 'end'],
    ],
  ])('%s leaves a reusable connection', (_, bytes, expected) => {
    const { wire, connection, events } = exchange()

    wire.feed(bytes)

    expect(events).toEqual(expected)
    expect(connection.isReusable).toBe(true)
  })

  test('chunks raw or decoded, with trailers', () => {
    const bytes = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n'
    const raw = exchange({ mode: 'raw' })
    const data = exchange({ mode: 'data' })

    raw.wire.feed(bytes)
    data.wire.feed(bytes)

    expect(raw.events).toEqual(['head 200', 'body 5\r\nhello\r\n0\r\n', 'end x-t: 1'])
    expect(data.events).toEqual(['head 200', 'body hello', 'end x-t: 1'])
    expect(raw.connection.isReusable && data.connection.isReusable).toBe(true)
  })

  test('a body until close ends with the connection, which is not reusable', () => {
    const { wire, connection, events } = exchange()

    wire.feed('HTTP/1.1 200 OK\r\n\r\npart')
    wire.handler?.onEnd()

    expect(events).toEqual(['head 200', 'body part', 'end'])
    expect(connection.isReusable).toBe(false)
  })

  test('HEAD has no body whatever the length says', () => {
    const { wire, events, connection } = exchange({ method: 'HEAD' })

    wire.feed('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n')

    expect(events).toEqual(['head 200', 'end'])
    expect(connection.isReusable).toBe(true)
  })

  test('the same events come however the bytes are cut', () => {
    const bytes =
      'HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n'
    const whole = exchange({ mode: 'data' })
    whole.wire.feed(bytes)
    const joined = (events: string[]): string => events.join('|').replaceAll('|body ', '')

    for (let cut = 1; cut < bytes.length; cut++) {
      const split = exchange({ mode: 'data' })
      split.wire.feed(bytes.slice(0, cut))
      split.wire.feed(bytes.slice(cut))
      expect({ cut, events: joined(split.events) }).toEqual({ cut, events: joined(whole.events) })
    }
  })
})

describe('a connection that saw doubt is never used again', () => {
  test.each([
    ['bytes after the answer', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n'],
    ['bytes after an answer without body', 'HTTP/1.1 204 X\r\n\r\nx'],
    ['bytes after the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx'],
    ['Connection: close', 'HTTP/1.1 204 X\r\nConnection: close\r\n\r\n'],
    ['HTTP/1.0', 'HTTP/1.0 204 X\r\n\r\n'],
    ['an interim answer that closes', 'HTTP/1.1 103 E\r\nConnection: close\r\n\r\nHTTP/1.1 204 X\r\n\r\n'],
    ['a body for HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'HEAD'],
  ])('%s', (_, bytes, method = 'GET') => {
    const { wire, connection, events } = exchange({ method })

    wire.feed(bytes)

    expect(events.at(-1)).toBe('end')
    expect(connection.isReusable).toBe(false)
  })

  test('an answer before the request was complete', () => {
    const { wire, connection } = exchange({ hasBody: true })

    wire.feed('HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n')
    expect(connection.isReusable).toBe(false)

    connection.endBody()
    expect(connection.isReusable).toBe(true)
  })

  test.each([
    ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['garbage', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['a broken chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
    ['101 that nobody asked for', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n'],
    ['endless interim answers', 'HTTP/1.1 103 E\r\n\r\n'.repeat(33)],
  ])('%s is malformed and closes', (_, bytes) => {
    const { wire, events } = exchange()

    wire.feed(bytes)

    expect(events.at(-1)).toBe('malformed')
    expect(wire.isDestroyed).toBe(true)
  })

  test('bytes while idle close it and it says so', () => {
    const { wire, connection, lost } = exchange()
    wire.feed('HTTP/1.1 204 X\r\n\r\n')
    connection.detach()

    wire.feed('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')

    expect(wire.isDestroyed).toBe(true)
    expect(lost()).toBe(1)
  })
})

test('a close before any byte is retryable only on a reused connection', () => {
  const first = exchange()
  first.wire.handler?.onEnd()
  expect(first.events).toEqual(['closed silent=false'])

  const second = exchange()
  second.wire.feed('HTTP/1.1 204 X\r\n\r\n')
  second.start()
  second.wire.handler?.onClose(new Error('reset'))
  expect(second.events.at(-1)).toBe('closed silent=true')

  const third = exchange()
  third.wire.feed('HTTP/1.1 204 X\r\n\r\n')
  third.start()
  third.wire.feed('H')
  third.wire.handler?.onEnd()
  expect(third.events.at(-1)).toBe('closed silent=false')
})

test('an upgrade hands over the wire with the bytes that came early', () => {
  const { wire, events } = exchange({ wantsUpgrade: true })

  wire.feed('HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nearly')

  expect(events).toEqual(['upgrade early'])
  expect(wire.isDestroyed).toBe(false)
})

describe('the pool', () => {
  function setup() {
    let now = 0
    const sweeper = new DeadlineSweeper(60_000, () => now)
    const wires: MemoryWire[] = []
    const pool = new UpstreamPool({
      dialer: {
        dial: async () => {
          const wire = new MemoryWire()
          wires.push(wire)
          return wire
        },
      },
      connectTimeoutMs: 1_000,
      clock: { monotonic: () => now, wall: () => now },
      sweeper,
    })
    const target = { address: '127.0.0.1', port: 1 }
    const answered = async (head = 'HTTP/1.1 204 X\r\n\r\n') => {
      const connection = await pool.dial(target)
      connection.start(
        '',
        { method: 'GET', hasBody: false, wantsUpgrade: false },
        {
          onInterim() {},
          onHead: () => 'raw',
          onBody() {},
          onReadDone() {},
          onEnd() {},
          onUpgrade() {},
          onDrain() {},
          onFailure() {},
        },
      )
      wires.at(-1)?.feed(head)
      pool.release(target, connection)
      return connection
    }
    return { pool, target, wires, answered, sweeper, advance: (ms: number) => (now += ms) }
  }

  test('the youngest connection comes first, and only to its own address', async () => {
    const { pool, target, answered } = setup()
    await answered()
    const second = await answered()

    expect(pool.take({ ...target, port: 2 }, false)).toBeNull()
    expect(pool.take(target, false)).toBe(second)
    expect(pool.idleCount).toBe(1)
  })

  test('a request that cannot be repeated takes only a connection used within the last second', async () => {
    const { pool, target, answered, advance } = setup()
    const connection = await answered()

    advance(1_001)

    expect(pool.take(target, true)).toBeNull()
    expect(pool.take(target, false)).toBe(connection)
  })

  test('old connections are not taken and are swept', async () => {
    const { pool, target, answered, advance, sweeper, wires } = setup()
    await answered()

    advance(4_001)
    expect(pool.take(target, false)).toBeNull()
    sweeper.sweep()

    expect(pool.idleCount).toBe(0)
    expect(wires[0]?.isDestroyed).toBe(true)
    sweeper.stop()
  })

  test('an announced keep-alive time is respected with a second to spare', async () => {
    const { pool, target, answered, advance } = setup()
    await answered('HTTP/1.1 204 X\r\nKeep-Alive: timeout=2\r\n\r\n')

    advance(1_001)

    expect(pool.take(target, false)).toBeNull()
  })

  test('a connection that the app closes while idle leaves the pool', async () => {
    const { pool, target, answered, wires } = setup()
    await answered()

    wires[0]?.handler?.onEnd()

    expect(pool.idleCount).toBe(0)
    expect(pool.take(target, false)).toBeNull()
  })
})
