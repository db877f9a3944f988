import { describe, expect, test } from 'vitest'
import { chunkOf } from '../../../test/sync/support/chunk-shelf.ts'
import { TransferWorld, type EvilAnswer, type Source } from '../../../test/sync/support/transfer-world.ts'
import { concatBytes } from '../format/cbor.ts'
import { encodeChunkMessage } from './chunk-message-codec.ts'

const kib = 1024
const mib = 1024 * kib

/** Answers each question with chunks of this kind. */
function withChunks(chunk: (place: number) => Uint8Array): EvilAnswer {
  return (message, send) => {
    if (message.type !== 'want') return
    for (let first = 0; first < message.ids.length / 32; first++) {
      const bytes = chunk(first)
      send({ type: 'chunks', request: message.request, first, lengths: [bytes.length] }, bytes)
    }
  }
}

/** Fetches 40 chunks with the evil device near and an honest one far. */
async function fetchBeside(
  answer: EvilAnswer,
  forMs = 60_000,
): Promise<{ world: TransferWorld; evil: Source }> {
  const world = new TransferWorld()
  const evil = world.evil('ee', answer, { roundTripMs: 1 })
  const honest = world.source('aa', { roundTripMs: 50, delayMs: () => 25 })
  world.want(40, 20 * kib, [honest])
  await world.time.advance(forMs)
  expect(world.taker.got.size).toBe(40)
  expect(honest.closed).toBeUndefined()
  expect(world.strikes.filter((text) => !text.startsWith('ee'))).toEqual([])
  expect(world.fetcher.stats()).toMatchObject({ wantedIds: 0, outstandingBytes: 0, settlingBytes: 0 })
  return { world, evil }
}

describe('evil devices harm nobody', () => {
  test('wrong bytes are charged to who sent them, and three times are enough', async () => {
    const { world, evil } = await fetchBeside(withChunks((place) => chunkOf(place, 20 * kib)))
    expect(world.strikes).toEqual(
      ['ee', 'ee', 'ee'].map((name) => `${name} a chunk that is not what its id says`),
    )
    expect(evil.closed).toBe('refused for what it sent')
    expect(world.gone).toEqual(['ee refused for what it sent'])
  })

  test('who was refused is not asked within an hour, and may try again later', async () => {
    const { world, evil } = await fetchBeside(withChunks((place) => chunkOf(place, 20 * kib)))
    const before = evil.asked.length
    world.connectEvil(evil, () => undefined)
    world.want(10, 20 * kib, world.sources.slice(1), 1)
    await world.time.advance(1_000)
    expect(world.taker.got.size).toBe(50)
    expect(evil.asked.length).toBe(before)
    expect(world.gone).toHaveLength(2)
    await world.time.advance(3_700_000)
    world.connectEvil(evil, () => undefined, { roundTripMs: 1 })
    world.want(10, 20 * kib, world.sources.slice(1), 2)
    await world.time.advance(100)
    expect(evil.asked.length).toBeGreaterThan(before)
  })

  test('chunks of another length are judged by their bytes', async () => {
    const { world } = await fetchBeside(withChunks((place) => chunkOf(place, 30 * kib)))
    expect(world.strikes).toHaveLength(3)
  })

  test('a length that the author got wrong is not charged to who has the chunk', async () => {
    const world = new TransferWorld()
    const source = world.source('aa')
    for (let seed = 0; seed < 5; seed++) {
      world.fetcher.want(source.shelf.add(chunkOf(seed, 9_000)), 5_000, world.taker)
    }
    await world.time.advance(100)
    expect(world.taker.got.size).toBe(5)
    expect(world.strikes).toEqual([])
    expect(world.fetcher.stats()).toMatchObject({ outstandingBytes: 0, wantedBytes: 0 })
  })

  test('chunks that are longer than they should be do not fill the memory', async () => {
    const world = new TransferWorld({ windowBytes: 2 * mib })
    const evil = world.evil(
      'ee',
      withChunks((place) => chunkOf(place, 200 * kib)),
    )
    world.taker.delay = async () => {
      const done = Promise.withResolvers<void>()
      world.time.after(5_000, done.resolve)
      await done.promise
    }
    world.want(200, kib, [])
    await world.time.advance(20_000)
    expect(world.taker.mostHeldBytes).toBeLessThanOrEqual(3.5 * mib)
    expect(evil.closed).toBe('refused for what it sent')
  })

  const broken: [string, EvilAnswer][] = [
    [
      'chunks of a request that nobody made',
      (_message, send) => send({ type: 'chunks', request: 77, first: 0, lengths: [0] }),
    ],
    [
      'chunks in another order',
      (message, send) => send({ type: 'chunks', request: message.request, first: 3, lengths: [0] }),
    ],
    [
      'more chunks than were asked for',
      (message, send) => {
        const lengths = Array.from({ length: 256 }, () => 0)
        send({ type: 'chunks', request: message.request, first: 0, lengths })
        send({ type: 'chunks', request: message.request, first: 0, lengths })
      },
    ],
    ['a list', (message, send) => send({ type: 'list', request: message.request, offset: 0, total: 0 })],
    ['a question', (_message, send) => send({ type: 'want', request: 0, ids: new Uint8Array(32) })],
    [
      'signs of life without end',
      (message, send) => {
        for (let sign = 0; sign < 200; sign++) {
          send({ type: 'chunks', request: message.request, first: 0, lengths: [] })
        }
      },
    ],
  ]

  test.each(broken)('%s: the stream ends, and the other device gives all', async (_name, answer) => {
    const { world, evil } = await fetchBeside(answer)
    expect(world.strikes).toHaveLength(1)
    expect(world.gone).toHaveLength(1)
    expect(evil.closed).toMatch(/^refused: /)
  })

  test('garbage ends the stream', async () => {
    const world = new TransferWorld()
    const evil = world.evil('ee', () => undefined)
    const noise = chunkOf(5, 3_000)
    for (let at = 0; at < 50; at++) evil.served.send(noise.subarray(at, at + 40), noise.subarray(0, at))
    await world.time.advance(100)
    expect(world.strikes).toHaveLength(1)
    expect(evil.closed).toMatch(/^refused: /)
  })

  test('silence is waited for 20 seconds', async () => {
    const { world, evil } = await fetchBeside(() => undefined)
    expect(world.strikes).toEqual(['ee slow: nothing came'])
    expect(world.gone).toEqual(['ee slow: nothing came'])
    expect(evil.closed).toMatch(/^slow/)
  })

  test('a device that is silent while others work does not keep its window for ever', async () => {
    const world = new TransferWorld({ windowBytes: 2 * mib })
    for (const name of ['e1', 'e2', 'e3']) world.evil(name, () => undefined, { roundTripMs: 1 })
    const honest = world.source('aa', { roundTripMs: 50, delayMs: () => 25 })
    world.want(80, 100 * kib, [honest])
    await world.time.advance(10_000)
    // Each of the silent ones holds what fits one window; the rest is here already.
    expect(world.taker.got.size).toBeGreaterThanOrEqual(80 - 3 * 11)
    await world.time.advance(30_000)
    expect(world.taker.got.size).toBe(80)
  })

  test('signs of life without chunks are believed for five minutes', async () => {
    const world = new TransferWorld()
    const evil = world.evil('ee', () => undefined, { roundTripMs: 1 })
    const honest = world.source('aa', { roundTripMs: 50 })
    world.want(40, 20 * kib, [honest])
    await world.time.advance(10)
    for (let step = 0; step < 59; step++) {
      const [message] = evil.asked
      const request = message?.request ?? 0
      const sign = { type: 'chunks', request, first: 0, lengths: [] } as const
      evil.served.send(encodeChunkMessage(sign))
      await world.time.advance(5_000)
    }
    expect(world.strikes).toEqual([])
    await world.time.advance(30_000)
    expect(world.strikes).toHaveLength(1)
    expect(world.taker.got.size).toBe(40)
  })

  test('who says that it has nothing of anything only loses its turn', async () => {
    const { world } = await fetchBeside((message, send) => {
      if (message.type !== 'want') return
      const lengths = Array.from({ length: message.ids.length / 32 }, () => 0)
      send({ type: 'chunks', request: message.request, first: 0, lengths })
    })
    expect(world.strikes).toEqual([])
  })

  test('half of a group may be wrong', async () => {
    const world = new TransferWorld()
    const honest = world.source('aa', { roundTripMs: 50 })
    world.evil(
      'ee',
      (message, send) => {
        if (message.type !== 'want') return
        const count = message.ids.length / 32
        const chunks = Array.from({ length: count }, (_, place) => chunkOf(place + (place % 2), kib))
        const lengths = chunks.map((chunk) => chunk.length)
        send({ type: 'chunks', request: message.request, first: 0, lengths }, concatBytes(...chunks))
      },
      { roundTripMs: 1 },
    )
    world.want(100, kib, [honest])
    await world.time.advance(1_000)
    expect(world.taker.got.size).toBe(100)
    expect(world.strikes).toHaveLength(3)
  })
})
