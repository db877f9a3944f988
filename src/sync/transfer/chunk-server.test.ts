import { describe, expect, test } from 'vitest'
import { ChunkShelf, chunkOf, idOfChunk } from '../../../test/sync/support/chunk-shelf.ts'
import { framePair, type FrameEnd } from '../../../test/sync/support/frame-pair.ts'
import { VirtualTime } from '../../../test/support/virtual-time.ts'
import { silentLogger } from '../../base/logger.ts'
import { concatBytes } from '../format/cbor.ts'
import { decodeChunkMessage, encodeChunkMessage } from './chunk-message-codec.ts'
import type { ChunkMessage } from './chunk-message.ts'
import { ChunkServer } from './chunk-server.ts'
import { RateLimit } from './rate-limit.ts'
import { transferLimits as limits } from './transfer-limits.ts'

const kib = 1024

interface Reply {
  readonly message: ChunkMessage
  readonly payload: Uint8Array
}

/** An asking end that writes what it likes and reads when it likes. */
class Asker {
  readonly time = new VirtualTime()
  readonly shelf = new ChunkShelf()
  readonly replies: Reply[] = []
  readonly strikes: string[] = []
  readonly server: ChunkServer
  readonly end: FrameEnd
  readonly served: FrameEnd
  closed: string | undefined

  constructor(options: { bytesPerSecond?: number; highWater?: number } = {}) {
    const { time, shelf } = this
    const { highWater = 1024 * kib } = options
    const [end, served] = framePair({ time, highWater })
    this.end = end
    this.served = served
    const rate = new RateLimit({ bytesPerSecond: options.bytesPerSecond, clock: time, timers: time })
    const onStrike = (_peer: string, detail: string) => void this.strikes.push(detail)
    const { store, pool } = shelf
    this.server = new ChunkServer({ store, pool, rate, log: silentLogger, timers: time, onStrike })
    this.server.serve(served)
    end.setHandler({
      onFrame: (head, payload) => {
        this.replies.push({ message: decodeChunkMessage(head, payload.length), payload })
      },
      onDrain: () => undefined,
      onClose: (reason) => {
        this.closed = reason
      },
    })
  }

  send(message: ChunkMessage): void {
    this.end.send(encodeChunkMessage(message))
  }

  want(request: number, ids: readonly Uint8Array[]): void {
    this.send({ type: 'want', request, ids: concatBytes(...ids) })
  }

  add(count: number, length: number): Uint8Array[] {
    return Array.from({ length: count }, (_, index) => this.shelf.add(chunkOf(length + index, length)))
  }

  /** By request and place: the id of what came, or what else was said. */
  answers(): string[] {
    const answers: string[] = []
    for (const { message, payload } of this.replies) {
      if (message.type !== 'chunks') continue
      let offset = 0
      for (const [index, length] of message.lengths.entries()) {
        const sealed = payload.subarray(offset, offset + length)
        offset += length
        const what = length === 0 ? 'none' : Buffer.from(idOfChunk(sealed)).toString('hex')
        answers.push(`${message.request}/${message.first + index} ${what}`)
      }
    }
    return answers
  }
}

function expected(request: number, ids: readonly (Uint8Array | undefined)[]): string[] {
  return ids.map(
    (id, at) => `${request}/${at} ${id === undefined ? 'none' : Buffer.from(id).toString('hex')}`,
  )
}

describe('a chunk server', () => {
  test('answers in the order of the questions, and says what is not here', async () => {
    const asker = new Asker()
    const ids = asker.add(3, 5_000)
    const stranger = new Uint8Array(32).fill(1)
    asker.want(0, [ids[0]!, stranger, ids[1]!])
    asker.want(7, [stranger])
    asker.want(8, [ids[2]!, ids[0]!, ids[0]!])
    await asker.time.advance(10)
    expect(asker.answers()).toEqual([
      ...expected(0, [ids[0], undefined, ids[1]]),
      ...expected(7, [undefined]),
      ...expected(8, [ids[2], ids[0], ids[0]]),
    ])
    expect(asker.closed).toBeUndefined()
  })

  test('slow jobs do not change the order', async () => {
    const asker = new Asker()
    const large = asker.add(6, 900 * kib)
    const small = asker.add(20, 100)
    let job = 0
    asker.shelf.delay = async () => {
      const done = Promise.withResolvers<void>()
      asker.time.after(job++ % 2 === 0 ? 500 : 10, done.resolve)
      await done.promise
    }
    asker.want(1, large)
    asker.want(2, small)
    asker.want(3, large)
    await asker.time.advance(5_000)
    expect(asker.answers()).toEqual([...expected(1, large), ...expected(2, small), ...expected(3, large)])
    expect(asker.shelf.mostRunning).toBe(limits.serveJobs)
  })

  test('small chunks travel together, large ones alone', async () => {
    const asker = new Asker()
    const small = asker.add(256, 4 * kib)
    asker.want(1, small)
    await asker.time.advance(10)
    expect(asker.replies).toHaveLength(4)
    expect(asker.shelf.jobs).toBe(1)
    asker.want(2, asker.add(3, 200 * kib))
    await asker.time.advance(10)
    expect(asker.replies).toHaveLength(7)
    asker.want(3, asker.add(1, limits.payloadBytes))
    await asker.time.advance(10)
    expect(asker.replies.at(-1)!.payload).toHaveLength(limits.payloadBytes)
  })

  test('a chunk that is too long to travel is not here', async () => {
    const asker = new Asker()
    asker.want(1, asker.add(1, limits.payloadBytes + 1))
    await asker.time.advance(10)
    expect(asker.answers()).toEqual(expected(1, [undefined]))
  })

  test('goes on to the next place where a chunk should be, and forgets the wrong ones', async () => {
    const asker = new Asker()
    const good = asker.shelf.add(chunkOf(1, 100))
    const third = asker.shelf.add(chunkOf(2, 100), 2)
    asker.want(1, [good, third, good])
    await asker.time.advance(10)
    expect(asker.answers()).toEqual(expected(1, [good, third, good]))
    expect(asker.shelf.forgotten.map((source) => source.path)).toEqual(['wrong-0', 'wrong-1'])
  })

  test('gives what is in memory only, and tells its owner what is missed', async () => {
    const missed: string[] = []
    const time = new VirtualTime()
    const shelf = new ChunkShelf()
    const held = chunkOf(7, 3 * kib)
    const stored = chunkOf(8, 5 * kib)
    shelf.add(stored)
    const [end, served] = framePair({ time })
    const server = new ChunkServer({
      store: Object.assign(shelf.store, {
        held: (id: Uint8Array) => (Buffer.from(idOfChunk(held)).equals(id) ? held.slice() : undefined),
      }),
      pool: shelf.pool,
      rate: new RateLimit({ bytesPerSecond: undefined, clock: time, timers: time }),
      log: silentLogger,
      timers: time,
      onMiss: (id, peer) => missed.push(`${peer.slice(0, 2)} ${Buffer.from(id).toString('hex')}`),
    })
    server.serve(served)
    const payloads: Uint8Array[] = []
    end.setHandler({
      onFrame: (_head, payload) => void payloads.push(payload),
      onDrain: () => undefined,
      onClose: () => undefined,
    })
    const absent = idOfChunk(chunkOf(9, kib))
    const ids = concatBytes(idOfChunk(held), absent, idOfChunk(stored))
    end.send(encodeChunkMessage({ type: 'want', request: 0, ids }))
    await time.advance(100)
    expect(concatBytes(...payloads)).toEqual(concatBytes(held, stored))
    expect(missed).toEqual([`aa ${Buffer.from(absent).toString('hex')}`])
  })

  test('gives up on a chunk after eight places, and says that it is not here', async () => {
    const asker = new Asker()
    const id = asker.shelf.add(chunkOf(2, 100), 20)
    asker.want(1, [id])
    await asker.time.advance(10)
    expect(asker.answers()).toEqual(expected(1, [undefined]))
    expect(asker.shelf.jobs).toBe(limits.sourcesTried)
  })

  test('a broken thread is no answer that somebody waits for in vain', async () => {
    const asker = new Asker()
    const ids = asker.add(2, 100)
    asker.shelf.fails = true
    asker.want(1, ids)
    await asker.time.advance(10)
    asker.shelf.fails = false
    asker.want(2, ids)
    await asker.time.advance(10)
    expect(asker.answers()).toEqual([...expected(1, [undefined, undefined]), ...expected(2, ids)])
    expect(asker.shelf.forgotten).toEqual([])
  })

  test('reads no further ahead than a slow reader takes', async () => {
    const asker = new Asker({ highWater: 512 * kib })
    const ids = asker.add(64, 1024 * kib)
    asker.end.pause()
    for (let request = 0; request < 4; request++) asker.want(request, ids)
    await asker.time.advance(60_000)
    expect(asker.shelf.servedBytes).toBeLessThanOrEqual(limits.preparedBytes + 4 * 1024 * kib)
    expect(asker.served.heldBytes).toBeLessThanOrEqual(1024 * kib + 256)
    asker.end.resume()
    await asker.time.advance(60_000)
    expect(asker.answers()).toHaveLength(256)
  })

  test('a reader that takes nothing for five minutes loses the stream', async () => {
    const asker = new Asker({ highWater: 512 * kib })
    asker.end.pause()
    asker.want(0, asker.add(8, 1024 * kib))
    await asker.time.advance(290_000)
    expect(asker.server.streams).toBe(1)
    await asker.time.advance(30_000)
    expect(asker.server.streams).toBe(0)
    expect(asker.strikes).toEqual([])
  })

  test('keeps to its rate, and shows signs of life meanwhile', async () => {
    const asker = new Asker({ bytesPerSecond: 50_000 })
    const ids = asker.add(4, 1_000_000)
    asker.want(0, ids)
    await asker.time.advance(50_000)
    expect(asker.served.sentBytes).toBeLessThan(3_600_000)
    await asker.time.advance(30_000)
    expect(asker.answers()).toEqual(expected(0, ids))
    const signs = asker.replies.filter(
      ({ message }) => message.type === 'chunks' && message.lengths.length === 0,
    )
    expect(signs.length).toBeGreaterThan(5)
    expect(signs.length).toBeLessThan(20)
  })

  test('what is cancelled is not read, and is answered nevertheless', async () => {
    const asker = new Asker({ highWater: 64 * kib })
    const ids = asker.add(32, 1024 * kib)
    asker.want(0, ids)
    asker.want(1, ids.slice(0, 2))
    asker.send({ type: 'cancel', request: 0 })
    asker.send({ type: 'cancel', request: 99 })
    await asker.time.advance(1_000)
    const answers = asker.answers()
    expect(answers).toHaveLength(34)
    expect(answers.slice(0, 32).filter((text) => !text.endsWith('none')).length).toBeLessThanOrEqual(12)
    expect(answers.slice(32)).toEqual(expected(1, ids.slice(0, 2)))
  })

  test('lists are served in parts, and read once for all of them', async () => {
    const asker = new Asker()
    const list = chunkOf(9, 3 * 1024 * kib + 64)
    const hash = asker.shelf.addList(list)
    const length = 1024 * kib
    for (let part = 0; part < 4; part++) {
      asker.send({ type: 'want-list', request: part, hash, offset: part * length, length })
    }
    asker.send({ type: 'want-list', request: 4, hash: '00'.repeat(32), offset: 0, length: 32 })
    asker.send({ type: 'want-list', request: 5, hash, offset: list.length + 32, length: 32 })
    await asker.time.advance(1_000)
    expect(asker.replies.map(({ message }) => message)).toEqual([
      ...[0, 1, 2, 3].map((request) => ({
        type: 'list',
        request,
        offset: request * length,
        total: list.length,
      })),
      { type: 'list', request: 4, offset: 0, total: 0 },
      { type: 'list', request: 5, offset: list.length + 32, total: list.length },
    ])
    expect(Buffer.compare(concatBytes(...asker.replies.map(({ payload }) => payload)), list)).toBe(0)
    expect(asker.shelf.listReads).toBe(3)
  })

  test('dropping a device ends its streams, and no others', async () => {
    const asker = new Asker()
    asker.want(0, asker.add(100, 1024))
    asker.server.drop('somebody else', 'no member any more')
    expect(asker.server.streams).toBe(1)
    asker.server.drop(asker.served.peer, 'no member any more')
    await asker.time.advance(10)
    expect([asker.closed, asker.server.streams]).toEqual(['no member any more', 0])
  })

  test('closing the server ends all streams', async () => {
    const asker = new Asker()
    asker.want(0, asker.add(100, 1024))
    asker.server.close()
    await asker.time.advance(10)
    expect(asker.closed).toBe('the folder is closed')
    expect(asker.server.streams).toBe(0)
  })
})

describe('a chunk server and a peer that breaks the rules', () => {
  const id = new Uint8Array(32)
  const cases: [string, (asker: Asker) => void][] = [
    ['garbage', (asker) => asker.end.send(new Uint8Array([1, 2, 3]))],
    ['an empty head', (asker) => asker.end.send(new Uint8Array(0))],
    ['an answer', (asker) => asker.send({ type: 'chunks', request: 0, first: 0, lengths: [] })],
    [
      'a payload',
      (asker) => asker.end.send(encodeChunkMessage({ type: 'want', request: 0, ids: id }), new Uint8Array(1)),
    ],
    [
      'one number twice',
      (asker) => {
        asker.want(5, [id])
        asker.want(5, [id])
      },
    ],
  ]

  test.each(cases)('%s ends the stream and is reported', async (_name, act) => {
    const asker = new Asker()
    act(asker)
    await asker.time.advance(100)
    expect(asker.closed).toMatch(/^refused: /)
    expect(asker.strikes).toHaveLength(1)
    expect(asker.server.streams).toBe(0)
  })

  test.each([0, 1])('64 open requests and %i more', async (more) => {
    const asker = new Asker({ highWater: 1 })
    const ids = asker.add(1, 100)
    const many = Array.from({ length: limits.wantIds }, () => ids[0]!)
    asker.shelf.delay = () => new Promise(() => undefined)
    for (let request = 0; request < limits.openRequests + more; request++) asker.want(request, many)
    await asker.time.advance(100)
    expect(asker.server.streams).toBe(1 - more)
    expect(asker.strikes).toHaveLength(more)
    expect(asker.shelf.jobs).toBeLessThanOrEqual(limits.serveJobs)
  })

  test('any frames: no exception, and no job after the end', async () => {
    const asker = new Asker()
    const noise = chunkOf(3, 4_000)
    for (let at = 0; at < 200; at++) asker.end.send(noise.subarray(at * 13, at * 13 + (at % 60)))
    await asker.time.advance(100)
    expect(asker.closed).toMatch(/^refused: /)
    expect(asker.shelf.jobs).toBe(0)
  })
})
